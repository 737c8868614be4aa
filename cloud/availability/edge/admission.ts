/**
 * Taking a host in, or back.
 *
 * A host that was proven dead may come back and still have what was started elsewhere since: a process
 * that was frozen, a machine that somebody switched on again. So before it is welcome it must end every
 * machine that is no longer its own, and only then it gets a new epoch. Whatever it says of its former life
 * is evidence.
 *
 * A hello may be old when it is read: its manager stood still, and the host began anew meanwhile and was welcomed
 * elsewhere. The boot that is known is then the later one, and what runs in it is alive. So another boot counts only
 * in a hello that was asked for after the known one was read.
 */
import { type HostState, hostLifecycle } from "@holdfast/cloud/hosts";
import {
  type Again,
  type Hello,
  type Known,
  lookAtGuests,
  type Purge,
} from "@holdfast/cloud/hosts/edge";
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Duration, Instant } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { certifyReboot, type Notary } from "./certificates.ts";

interface HostRow {
  readonly name: string;
  readonly zone: string;
  readonly state: HostState;
  readonly bootId: string | null;
  readonly epoch: number;
  readonly renewedAt: Instant | null;
  readonly underlay: string | null;
}

export interface AdmissionDeps {
  readonly database: Database;
  readonly notary: Notary;
  /** After this time without a renewal its guard or its watchdog has ended what it may not run, by today's terms. */
  readonly endsWithin: Duration;
}

export interface Admitted {
  readonly name: string;
  readonly zone: string;
  readonly epoch: number;
}

/** `known`: what the host's row said before it was asked for this hello. Rejects with `host_not_found` if the certificate is of no host. */
export async function admit(
  { database, notary, endsWithin }: AdmissionDeps,
  host: HostId,
  hello: Hello,
  known?: Known,
): Promise<Admitted | Purge | Again> {
  return database.transaction(async (sql) => {
    const glance = await read(sql, host, "");
    const isNewBoot = glance.bootId !== null && glance.bootId !== hello.bootId;
    if (isNewBoot || glance.state === "down") await lookAtGuests(sql, [host]); // Before the host's own row.
    const before = await read(sql, host, "for update of h");
    const again = olderThan(before, hello, known);
    if (again) return { again };
    const state = await afterReboot(sql, notary, host, before, hello);
    const isBack = state === "down";
    // Whatever epoch it says: it may have lost what it knew, and what it runs is what counts.
    const purge = await strangers(sql, host, hello);
    if (purge.length > 0) return { purge };
    const epoch = isBack ? before.epoch + 1 : before.epoch;
    if (isBack) await carryOver(sql, host, epoch);
    await write(sql, host, hello, epoch, isBack ? admitted(state) : state);
    await sql.query(
      `insert into host_lease as l (host_id, renewed_at, manager, epoch, ends_by)
         values ($1, now(), $2, $3, now() + $4 * interval '1 millisecond')
       on conflict (host_id) do update set renewed_at = now(), manager = excluded.manager, epoch = excluded.epoch,
         -- The guard of another boot has yet to say what it has, and which hosts it sees.
         ends_by = case when $5 then excluded.ends_by else greatest(l.ends_by, excluded.ends_by) end,
         watchdog = case when $5 then null else l.watchdog end,
         stamping_since = case when $5 then null else l.stamping_since end`,
      [host, notary.self, epoch, endsWithin, before.bootId !== hello.bootId],
    );
    if (isBack || before.bootId === null)
      await appendJournal(sql, [
        {
          at: notary.now(),
          kind: "host",
          subject: host,
          event: isBack ? "admitted" : "firstHeard",
          ...(isBack ? { from: "down", to: "up" } : {}),
          actor: "holdfast",
          detail: { bootId: hello.bootId, before: before.bootId, epoch },
        },
      ]);
    const [was, is] = [before.underlay, hello.underlay];
    if (was !== null && was !== is)
      await appendJournal(sql, [
        {
          ...{ at: notary.now(), kind: "host", subject: host, event: "underlayChanged" },
          ...{ actor: "holdfast", detail: { before: was, now: is } },
        },
      ]);
    await announce(sql, { from: notary.self, hosts: [host], ...(isBack ? { instances: [] } : {}) });
    return { name: before.name, zone: before.zone, epoch };
  });
}

/** What is to be known to be older than this hello, and is not. */
function olderThan(
  { bootId, epoch }: HostRow,
  hello: Hello,
  known: Known | undefined,
): Known | undefined {
  if (bootId === null || bootId === hello.bootId) return undefined;
  return known?.bootId === bootId && known.epoch === epoch ? undefined : { bootId, epoch };
}

const admitted = (state: HostState) => hostLifecycle.next(state, "admitted") ?? state;

async function read(sql: Sql, host: HostId, lock: "" | "for update of h"): Promise<HostRow> {
  const [row] = await sql.query<HostRow>(
    `select h.name, p.zone, h.state, h.boot_id as "bootId", h.epoch, l.renewed_at as "renewedAt",
       host(h.underlay) as underlay
     from host h join cluster c on c.name = h.cluster join pod p on p.name = c.pod
       left join host_lease l on l.host_id = h.id where h.id = $1 ${lock}`,
    [host],
  );
  if (row) return row;
  throw problem("not_found", "host_not_found", "This certificate is of no host.");
}

/** The state it is in once a new boot has proven what it proves. */
async function afterReboot(
  sql: Sql,
  notary: Notary,
  host: HostId,
  { state, bootId, epoch, renewedAt }: HostRow,
  hello: Hello,
): Promise<HostState> {
  if (state === "down" || bootId === null || bootId === hello.bootId) return state;
  const evidence = { before: bootId, now: hello.bootId };
  const silentSince = renewedAt ?? notary.now();
  await certifyReboot(sql, notary, { host, epoch, evidence, silentSince }, state);
  // Written at once: if it has something to end first, it says hello again as a host that is down.
  await sql.query("update host set state = 'down', boot_id = $2 where id = $1", [
    host,
    hello.bootId,
  ]);
  return "down";
}

/** Machines that it runs and that are not, or no longer, its own. */
async function strangers(sql: Sql, host: HostId, hello: Hello): Promise<Purge["purge"]> {
  const running = hello.machines.filter(({ phase }) => phase !== "exited");
  if (running.length === 0) return [];
  return sql.query<Purge["purge"][number]>(
    `select m.instance, m.generation from json_to_recordset($2::json) m (instance uuid, generation int)
     where not exists (
       select from instance i join incarnation c on c.instance_id = i.id
       where i.id = m.instance and c.generation = m.generation and c.host_id = $1 and ${isItsOwn} and ${isUncovered})`,
    [host, JSON.stringify(running.map(({ instance, generation }) => ({ instance, generation })))],
  );
}

/** It is home here, or is on its way to here. */
const isItsOwn = `((i.home = $1 and c.generation = i.generation) or exists (
  select from migration g where g.instance_id = i.id and g.to_host = $1 and g.to_generation = c.generation
    and g.state in ('preparing', 'copying')))`;

/** No certificate says that this incarnation has ended. */
const isUncovered = `not exists (
  select from fence_certificate f join volume v on v.id = i.volume_id
  where f.host_id = c.host_id and f.epoch = c.host_epoch and (f.covers = 'everything' or v.pool <> 'local'))`;

/** What ran on through all of it, on the host's own disks, belongs to the new epoch. */
async function carryOver(sql: Sql, host: HostId, epoch: number): Promise<void> {
  await sql.query(
    `update incarnation c set host_epoch = $2 from instance i
     where c.host_id = $1 and c.instance_id = i.id and ${isItsOwn} and ${isUncovered}`,
    [host, epoch],
  );
}

async function write(
  sql: Sql,
  host: HostId,
  hello: Hello,
  epoch: number,
  state: HostState,
): Promise<void> {
  await sql.query(
    `update host set boot_id = $2, cpus = $3, memory_mib = $4, facts = $5, epoch = $6, state = $7, pools = $8,
       underlay = $9
     where id = $1`,
    [
      host,
      hello.bootId,
      hello.cpus,
      hello.memoryMiB,
      JSON.stringify({ ...hello.facts, storage: hello.storage ?? [] }),
      epoch,
      state,
      hello.pools,
      hello.underlay,
    ],
  );
}
