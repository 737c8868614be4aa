/**
 * Another type for an instance that is stopped: it is placed with that when it is started.
 *
 * One that has a host has its room there, and its guest the processors that it was started with. So it must be stopped,
 * and nobody may be about to start it.
 */
import { mustFit } from "@holdfast/cloud/quotas/edge";
import { findType } from "@holdfast/cloud/types/edge";
import type { InstanceId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { memoryTooSmall } from "./planning.ts";

interface Row {
  readonly name: string;
  readonly type: string;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly state: string;
  readonly isIdle: boolean;
  readonly image: string;
  readonly least: number;
}

/** See the route for what it rejects with. The same again changes nothing. */
export async function changeType(
  database: Database,
  project: ProjectId,
  id: InstanceId,
  asked: string,
  who: { readonly at: Instant; readonly actor: string; readonly requestId: string },
): Promise<void> {
  const { name: type, cpus, memoryMiB } = await findType(database, asked);
  await database.transaction(async (sql) => {
    const [was] = await sql.query<Row>(
      `select i.name, i.type, i.cpus, i.memory_mib as "memoryMiB", i.state, m.name as image,
         i.state = 'stopped' and i.desired = 'stopped' and i.home is null as "isIdle",
         coalesce((m.manifest ->> 'smallestMemoryMiB')::int, 0) as least
       from instance i join image m on m.id = i.image_id where i.id = $1 for update of i`,
      [id],
    );
    if (!was) throw new Error(`the instance ${id} that was found is gone`);
    if (was.type === type && was.cpus === cpus && was.memoryMiB === memoryMiB) return;
    if (!was.isIdle) throw notStopped(was);
    if (memoryMiB < was.least) throw memoryTooSmall(memoryMiB, was.image, was.least);
    await mustFit(sql, project, { cpus: cpus - was.cpus, memoryMiB: memoryMiB - was.memoryMiB });
    await sql.query(
      "update instance set type = $2, cpus = $3, memory_mib = $4, version = version + 1 where id = $1",
      [id, type, cpus, memoryMiB],
    );
    const detail = { was: was.type, type, cpus, memoryMiB };
    await appendJournal(sql, [
      { ...who, kind: "instance", subject: id, event: "typeChanged", detail },
    ]);
  });
}

const notStopped = ({ name, state }: Row) =>
  problem("conflict", "instance_not_stopped", `${name} is ${state}, and its type is in use.`, {
    fix: `Stop it first: holdfast stop ${name} --wait`,
    facts: { state },
  });
