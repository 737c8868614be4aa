/**
 * One look at networks, all or some: routers go where they should be, automatic public addresses come and go.
 *
 * Level-triggered and the same for every manager. One at a time does it; the others look again a moment later.
 */
import type { HostId, InstanceId, NetworkId, NicId, ProjectId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Database, Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import { takeTurn } from "@holdfast/store/turns";
import { movePublic, type PublicNic } from "../core/public.ts";
import {
  moveRouters,
  type RoutedNetwork,
  type RouterHost,
  type RouterMove,
  strandedNetworks,
} from "../core/routers.ts";
import { homed } from "./facts.ts";
import { type Address, giveAutomatic, giveRouters, takeBackAutomatic } from "./public-addresses.ts";

export interface RoundDeps {
  readonly database: Database;
  readonly now: () => Instant;
  readonly self: string;
}

/**
 * Resolves with the networks that have another router or other addresses, or with undefined if it is another manager's turn.
 * The journal has each of them, or the guest whose address it is, so every manager tells its own hosts, and again where whoever was
 * about it could not.
 * `some`: undefined means all of them.
 */
export async function round(
  { database, now: readNow, self }: RoundDeps,
  some?: readonly NetworkId[],
): Promise<readonly NetworkId[] | undefined> {
  return database.transaction(async (sql) => {
    if (!(await takeTurn(sql, "networks"))) return undefined;
    const now = readNow();
    const moves = await movesOf(sql, await readNetworks(sql, some));
    await writeMoves(sql, moves, now);
    const routers = await giveRouters(sql, now);
    const publics = await readPublic(sql);
    const { allocate, release } = movePublic(publics);
    const taken = await takeBackAutomatic(sql, release);
    const wanting = publics.filter(({ id }) => allocate.includes(id));
    const given = await giveAutomatic(
      sql,
      wanting.map(({ id, project }) => ({ nic: id, project })),
      now,
    );
    const nics = new Map(publics.map((nic) => [nic.id, nic]));
    await writeAddresses(sql, { routers, given, taken, nics }, now);
    const changed = [
      ...moves.map(({ network }) => network),
      ...[...given, ...taken].flatMap(({ nic }) => nics.get(nic)?.network ?? []),
    ];
    const all = [...new Set([...changed, ...routers])];
    if (all.length > 0) await announce(sql, { from: self, networks: true });
    return all;
  });
}

/** Nearly always the hosts of these networks are enough to know of; the whole fleet only where none of them will do. */
async function movesOf(
  sql: Sql,
  networks: readonly RoutedNetwork[],
): Promise<readonly RouterMove[]> {
  const own = new Set<HostId>();
  for (const { guests, router } of networks) {
    for (const host of guests.keys()) own.add(host);
    if (router) own.add(router.host);
  }
  const near = await readHosts(sql, [...own]);
  const isStranded = strandedNetworks(networks, near).length > 0;
  const hosts = isStranded ? await readHosts(sql) : near;
  return moveRouters(networks, hosts, await readLoad(sql, isStranded ? undefined : [...own]));
}

async function readLoad(sql: Sql, some?: readonly HostId[]): Promise<Map<HostId, number>> {
  const which = some ? "where host_id = any($1)" : "";
  const rows = await sql.query<{ host: HostId; count: number }>(
    `select host_id as host, count(*)::int as count from router ${which} group by 1`,
    some ? [some] : [],
  );
  return new Map(rows.map(({ host, count }) => [host, count]));
}

/** As `reasonToMove`: nothing about the host `h` of a router `r` is a reason to move it. */
const isWell = `h.state <> 'down' and h.epoch = r.host_epoch and not (h.mode = 'maintenance' and h.state = 'up')`;

/**
 * Those of which the router may have to come, go or move. Nearly always it is well and has guests, and of such a network
 * nobody needs to know where all of these are: where a rack dies every network is looked at for every step of a guest.
 */
async function readNetworks(
  sql: Sql,
  some: readonly NetworkId[] | undefined,
): Promise<readonly RoutedNetwork[]> {
  const rows = await sql.query<{
    id: NetworkId;
    host: HostId | null;
    epoch: number | null;
    generation: number | null;
    guests: Record<string, number> | null;
  }>(
    `with open as materialized (
       select n.id, n.deleted_at, r.host_id, r.host_epoch, r.generation
       from network n left join router r on r.network_id = n.id left join host h on h.id = r.host_id
       where ($1::uuid[] is null or n.id = any($1)) and not coalesce(${isWell} and exists (
         select from nic c join instance i on i.id = c.instance_id
         where c.network_id = n.id and i.home is not null and i.state in ${homed}), false))
     select o.id, o.host_id as host, o.host_epoch as epoch, o.generation, g.guests
     from open o left join (
       select network_id, jsonb_object_agg(home, guests) as guests from (
         select c.network_id, i.home, count(*)::int as guests
         from nic c join instance i on i.id = c.instance_id
         where i.home is not null and i.state in ${homed} and c.network_id in (select id from open)
         group by 1, 2) h group by 1
     ) g on g.network_id = o.id
     where o.host_id is not null or (o.deleted_at is null and g.guests is not null)
     order by o.id`,
    [some ?? null],
  );
  return rows.map(({ id, host, epoch, generation, guests }) => ({
    id,
    guests: new Map(Object.entries(guests ?? {}) as [HostId, number][]), // Keys are what was aggregated.
    router: host && epoch !== null && generation !== null ? { host, epoch, generation } : undefined,
  }));
}

async function readHosts(
  sql: Sql,
  some?: readonly HostId[],
): Promise<ReadonlyMap<HostId, RouterHost>> {
  const rows = await sql.query<RouterHost>(
    `select id, name, epoch, state, mode, underlay is not null as "hasUnderlay" from host
     ${some ? "where id = any($1)" : ""}`,
    some ? [some] : [],
  );
  return new Map(rows.map((host) => [host.id, host]));
}

async function writeMoves(sql: Sql, moves: readonly RouterMove[], now: Instant): Promise<void> {
  const placed = moves.filter((move) => move.do === "place");
  if (placed.length > 0) {
    await sql.query(
      `insert into router (network_id, host_id, host_epoch, generation, since)
       select *, $5::timestamptz from unnest($1::uuid[], $2::uuid[], $3::int[], $4::int[])
       on conflict (network_id) do update set host_id = excluded.host_id, is_up = null, says = null,
         host_epoch = excluded.host_epoch, generation = excluded.generation, since = excluded.since`,
      [
        placed.map(({ network }) => network),
        placed.map(({ host }) => host),
        placed.map(({ epoch }) => epoch),
        placed.map(({ generation }) => generation),
        new Date(now),
      ],
    );
  }
  const removed = moves.filter(({ do: what }) => what === "remove").map(({ network }) => network);
  if (removed.length > 0)
    await sql.query("delete from router where network_id = any($1)", [removed]);
  await appendJournal(
    sql,
    moves.map((move) => ({
      at: now,
      kind: "network" as const,
      subject: move.network,
      actor: "holdfast",
      ...(move.do === "place"
        ? {
            event: "routerPlaced",
            generation: move.generation,
            detail: { host: move.host, why: move.why },
          }
        : { event: "routerRemoved" }),
    })),
  );
}

interface Addresses {
  /** Networks whose routers have one now. */
  readonly routers: readonly NetworkId[];
  readonly given: readonly Address[];
  readonly taken: readonly Address[];
  /** Whose connections these are. */
  readonly nics: ReadonlyMap<NicId, { readonly instance: InstanceId }>;
}

/** In the words of addresses that are attached by hand. */
async function writeAddresses(
  sql: Sql,
  { routers, given, taken, nics }: Addresses,
  now: Instant,
): Promise<void> {
  const by = { at: now, actor: "holdfast" };
  const rowsOf = (event: string, addresses: readonly Address[]) =>
    addresses.flatMap(({ nic, address }) => {
      const subject = nics.get(nic)?.instance;
      const row = { ...by, kind: "instance" as const, event };
      return subject ? [{ ...row, subject, detail: { address, kind: "automatic" } }] : [];
    });
  await appendJournal(sql, [
    ...routers.map((subject) => {
      const row = { ...by, kind: "network" as const, event: "addressAllocated" };
      return { ...row, subject, detail: { kind: "router" } };
    }),
    ...rowsOf("addressDetached", taken),
    ...rowsOf("addressAttached", given),
  ]);
}

const readPublic = (sql: Sql) =>
  sql.query<
    PublicNic & { id: NicId; network: NetworkId; instance: InstanceId; project: ProjectId }
  >(
    `select c.id, c.network_id as network, i.id as instance, i.project_id as project, c.is_public as "isPublic",
       (i.home is not null and i.state in ${homed} and i.state <> 'stopping')
         or (i.state in ('stopped', 'stopping') and i.desired = 'running') as "isMeantToRun",
       coalesce(a.kind, 'nothing') as has
     from nic c join instance i on i.id = c.instance_id
       left join public_address a on a.nic_id = c.id
     where c.id in (select id from nic where is_public
       union all select nic_id from public_address where kind = 'automatic')`,
  );
