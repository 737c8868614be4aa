/** The instances of one host, and what each would need elsewhere. */
import type { PlacementRequest } from "@holdfast/cloud/placement";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { Instance } from "../core/model.ts";
import { requestOf } from "../core/request.ts";
import { type InstanceRow, instanceOf } from "./rows.ts";

export interface Guest {
  readonly id: InstanceId;
  readonly name: string;
  readonly project: string;
  readonly priority: number;
  readonly request: PlacementRequest;
  /** Why it would not be started anywhere else; undefined if it would. */
  readonly stays: string | undefined;
}

interface Row extends InstanceRow {
  readonly project: string;
  readonly pool: string;
  readonly volume_host: HostId | null;
}

export async function guestsOf(sql: Sql, host: HostId): Promise<readonly Guest[]> {
  const rows = await sql.query<Row>(
    `select i.*, p.name as project, v.pool, v.host_id as volume_host
     from instance i join project p on p.id = i.project_id join volume v on v.id = i.volume_id
     where i.home = $1 order by i.id`,
    [host],
  );
  return rows.map((row) => {
    const instance = instanceOf(row);
    return {
      id: row.id,
      name: row.name,
      project: row.project,
      priority: row.priority,
      request: requestOf(instance, { pool: row.pool, volumeHost: row.volume_host ?? undefined }),
      stays: staying(instance, row.pool),
    };
  });
}

function staying({ desired, recovery }: Instance, pool: string): string | undefined {
  if (desired !== "running") return `it is wanted ${desired}`;
  if (pool === "local")
    return "its volume is on the disks of this host: it waits until that is back";
  if (recovery === "none") return "its recovery policy is none";
  return recovery === "in-place" ? "its recovery policy is in-place" : undefined;
}
