/**
 * What a host says when it connects is nearly always what is known: its machines run, as they did before the
 * connection broke. Only the rest is worth a pass.
 */
import type { MachineReport } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

/** Those that say something that the rows do not say yet. Whatever waits for a look is looked at without them. */
export async function unknownReports(
  sql: Sql,
  host: HostId,
  epoch: number,
  machines: readonly MachineReport[],
): Promise<readonly MachineReport[]> {
  const plain = machines.filter(({ phase, relay }) => phase === "running" && relay === undefined);
  if (plain.length === 0) return machines;
  const rows = await sql.query<{ instance: string }>(
    `select m.instance from json_to_recordset($3::json) m (instance uuid, generation int, guest text, reboots int)
       join incarnation c on c.instance_id = m.instance and c.generation = m.generation
       join instance i on i.id = m.instance
       join volume v on v.id = i.volume_id and v.state <> 'creating'
     where c.host_id = $1 and c.host_epoch = $2 and c.phase = 'running' and c.guest = m.guest
       and c.reboots = m.reboots`,
    [
      host,
      epoch,
      JSON.stringify(
        plain.map(({ instance, generation, guest, reboots }) => ({
          ...{ instance, generation, guest, reboots },
        })),
      ),
    ],
  );
  const known = new Set(rows.map(({ instance }) => instance));
  return machines.filter((report) => !plain.includes(report) || !known.has(report.instance));
}
