/**
 * The placer of a manager: one picture of the fleet, kept up to date by news, and the rows of the hosts.
 *
 * Whatever goes wrong, the answer is to read the rows again: a host on which a choice turned out to be
 * contended, or whose transaction was abandoned, is read anew before the next choice. And nobody is refused out
 * of memory alone: what the picture has no host for is tried once more on what the rows say at that moment.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Problem } from "@holdfast/kernel/problem";
import type { Sql, Transaction } from "@holdfast/store/database";
import {
  choose,
  explainBriefly,
  explainIn,
  Picture,
  type PlacementOptions,
  type PlacementRequest,
  type Reservation,
  refusal,
  unexplained,
} from "../index.ts";
import type { Asking, Choice, Claim, PlacementSession, Placer, Want } from "./placer.ts";
import { fleetReader } from "./reader.ts";

export interface PicturePlacer extends Placer {
  /** Read these hosts again before the next choice; without a list, all that have changed. */
  distrust(hosts?: readonly HostId[]): void;
  /** Reads what is distrusted, so that the next choice need not. */
  refresh(sql: Sql): Promise<void>;
  /** Where these would go if this host were down, one after the other. Nothing is reserved. */
  rehearse(
    sql: Sql,
    down: HostId,
    wants: readonly Want[],
  ): Promise<ReadonlyMap<InstanceId, Rehearsed>>;
  /** What a real request would be told, without asking for anything. */
  explain(sql: Sql, request: PlacementRequest): Promise<ReturnType<typeof explainIn>>;
}

export type Rehearsed = { readonly name: string } | { readonly refused: Problem };

/** So many kinds of refusal are explained in one batch: at 100,000 hosts each holds everybody up for some tenths of a second. */
const mostExplained = 4;

export function picturePlacer(options: () => PlacementOptions): PicturePlacer {
  const picture = new Picture();
  const reader = fleetReader(picture);

  return {
    distrust: reader.distrust,
    refresh: reader.refresh,
    session,
    async rehearse(sql, down, wants) {
      await reader.catchUp(sql);
      await readGroups(
        sql,
        wants.map(({ request }) => request),
      );
      const dead = picture.known(down);
      // Nothing is awaited from here on, so nobody sees the picture as if the host were down.
      if (dead) picture.upsert({ ...dead, state: "down" });
      const { chosen, left } = chooseAll(wants);
      const found = new Map<InstanceId, Rehearsed>();
      for (const { instance, reservation } of chosen)
        found.set(instance, { name: picture.known(reservation.host)?.name ?? reservation.host });
      for (const [instance, refused] of refusals(left)) found.set(instance, { refused });
      for (const { reservation } of chosen) picture.release(reservation);
      if (dead) picture.upsert(dead);
      return found;
    },
    async explain(sql, request) {
      await reader.catchUp(sql);
      await readGroups(sql, [request]);
      return explainIn(picture, request, options());
    },
  };

  /**
   * Where the members of these groups are. The advisory locks make managers that place into one group
   * take turns, so that two of them cannot both find the same host free of it.
   */
  async function readGroups(sql: Sql, requests: readonly PlacementRequest[], isLocking = false) {
    const groups = [
      ...new Set(requests.flatMap(({ antiAffinityGroup: group }) => group ?? [])),
    ].sort();
    if (groups.length === 0) return;
    if (isLocking)
      // In the order of the list, which is the same for everybody.
      await sql.query(
        "select pg_advisory_xact_lock(hashtextextended(name, 0)) from unnest($1::text[]) name",
        [groups],
      );
    const rows = await sql.query<{ key: string; home: HostId }>(
      `select project_id || '/' || anti_affinity_group as key, home from instance
       where home is not null and anti_affinity_group is not null
         and project_id || '/' || anti_affinity_group = any($1)
       union all
       select i.project_id || '/' || i.anti_affinity_group as key, g.to_host as home from migration g
         join instance i on i.id = g.instance_id
       where g.state in ('preparing', 'copying') and i.anti_affinity_group is not null
         and i.project_id || '/' || i.anti_affinity_group = any($1)`,
      [groups],
    );
    const members = grouped(rows, ({ key }) => key);
    for (const group of groups)
      picture.setMembers(group, members.get(group)?.map(({ home }) => home) ?? []);
  }

  function session(sql: Transaction, asking: Asking): PlacementSession {
    const open: Reservation[] = [];
    /** Whose rows will differ from the picture, however this ends. */
    const touched = new Set<HostId>();
    return {
      async place(wants) {
        const choices = new Map<InstanceId, Choice>();
        if (wants.length === 0) return choices;
        await reader.refresh(sql);
        await readGroups(
          sql,
          wants.map(({ request }) => request),
          true,
        );
        const first = chooseAll(wants);
        const isBehind = first.left.length > 0 && (await reader.catchUp(sql));
        const second = isBehind ? chooseAll(first.left) : { chosen: [], left: first.left };
        for (const [instance, refused] of refusals(second.left)) choices.set(instance, { refused });
        const chosen = [...first.chosen, ...second.chosen];
        for (const { reservation } of chosen) begin(reservation);
        const accepted = await reserved(chosen);
        for (const { instance, reservation } of chosen) {
          const { host } = reservation;
          const isIn = accepted.has(host);
          choices.set(instance, isIn ? { host, epoch: reader.epochOf(host) } : "contended");
          if (isIn) continue;
          picture.release(reservation);
          touched.add(host);
        }
        return choices;
      },
      async release(claims) {
        for (const { host } of claims) touched.add(host);
        await giveBack(sql, claims);
      },
      committed() {
        for (const reservation of open) picture.confirm(reservation);
        end();
      },
      abandoned() {
        for (const reservation of open) {
          picture.release(reservation);
          touched.add(reservation.host); // That a commit was not heard of does not mean that it failed.
        }
        end();
      },
    };

    async function reserved(chosen: readonly Chosen[]): Promise<ReadonlySet<HostId>> {
      if (chosen.length === 0) return new Set();
      if (asking === "before") return reserve(sql, chosen);
      const hosts = new Set(chosen.map(({ reservation }) => reservation.host));
      const [text, values] = reserving(chosen);
      sql.last(
        sql.query(`with taken as (${text}) select 1 / (count(*) = $7)::int from taken`, [
          ...values,
          hosts.size,
        ]),
      );
      return hosts;
    }

    function begin(reservation: Reservation): void {
      open.push(reservation);
      reader.begins(reservation.host);
    }

    function end(): void {
      for (const { host } of open.splice(0)) reader.ends(host);
      if (touched.size > 0) reader.distrust([...touched]);
    }
  }

  /** For each in order; what is left found no host. */
  function chooseAll(wants: readonly Want[]) {
    const chosen: Chosen[] = [];
    const left: Want[] = [];
    for (const want of wants) {
      const host = chooseFor(want.request);
      const reservation = host && picture.reserve(host, want.request);
      if (reservation) chosen.push({ instance: want.instance, reservation });
      else left.push(want);
    }
    return { chosen, left };
  }

  /** Each kind is explained once: that takes a look at every host, and ten thousand may ask for the same. */
  function refusals(wants: readonly Want[]): ReadonlyMap<InstanceId, Problem> {
    const byKind = new Map<string, Problem>();
    const kindOf = ({ antiAffinityGroup: group, ...request }: PlacementRequest) =>
      JSON.stringify({
        ...{ ...request, avoidHosts: [] },
        group: picture.membersOf(group).size > 0 ? group : undefined, // Of an empty one nobody is in the way.
      });
    return new Map(
      wants.map(({ instance, request }) => {
        const kind = kindOf(request);
        const isEnough = byKind.size >= mostExplained;
        const refused = byKind.get(kind) ?? (isEnough ? unexplained(request) : whyNot(request));
        if (!isEnough) byKind.set(kind, refused);
        return [instance, refused];
      }),
    );
  }

  /** A host where it has just failed is better than none. */
  function chooseFor(request: PlacementRequest): HostId | undefined {
    const found = choose(picture, request, options());
    if (found !== undefined || request.avoidHosts.length === 0) return found;
    return choose(picture, { ...request, avoidHosts: [] }, options());
  }

  /** Of the last attempt: that a host had just failed it is not what it is refused for. */
  function whyNot(request: PlacementRequest): Problem {
    return refusal(explainBriefly(picture, { ...request, avoidHosts: [] }, options()));
  }

  /**
   * One update for the batch. A host that is no longer up, enabled or big enough is not in the answer; nor is
   * one that was fenced and is back, because what is launched under an epoch that has ended counts as dead.
   */
  async function reserve(sql: Sql, chosen: readonly Chosen[]): Promise<ReadonlySet<HostId>> {
    const rows = await sql.query<{ id: HostId }>(...reserving(chosen));
    return new Set(rows.map(({ id }) => id));
  }

  function reserving(chosen: readonly Chosen[]): readonly [string, readonly unknown[]] {
    const { factors } = options();
    const sums = sumByHost(chosen.map(({ reservation }) => reservation));
    const known = sums[0].map((host) => reader.epochOf(host));
    return [
      `update host h set reserved_cpus = h.reserved_cpus + d.cpus,
         reserved_memory_mib = h.reserved_memory_mib + d.memory
       from (select * from unnest($1::uuid[], $2::int[], $3::int[], $6::int[])
               as d (id, cpus, memory, epoch) order by id) d
       where h.id = d.id and h.epoch = d.epoch and h.state = 'up' and h.mode = 'enabled'
         and h.reserved_cpus + d.cpus <= floor(h.cpus * $4::float8 + 1e-6)
         and h.reserved_memory_mib + d.memory <= floor(h.memory_mib * $5::float8 + 1e-6)
       returning h.id`,
      [...sums, factors.cpu, factors.memory, known],
    ];
  }
}

interface Chosen {
  readonly instance: InstanceId;
  readonly reservation: Reservation;
}

async function giveBack(sql: Sql, claims: readonly Claim[]): Promise<void> {
  if (claims.length === 0) return;
  await sql.query(
    `update host h set reserved_cpus = h.reserved_cpus + d.cpus,
       reserved_memory_mib = h.reserved_memory_mib + d.memory
     from (select * from unnest($1::uuid[], $2::int[], $3::int[]) as d (id, cpus, memory) order by id) d
     where h.id = d.id`,
    [...sumByHost(claims)],
  );
}

function sumByHost(items: readonly { host: HostId; cpus: number; memoryMiB: number }[]) {
  const sums = new Map<HostId, { cpus: number; memoryMiB: number }>();
  for (const { host, cpus, memoryMiB } of items) {
    const sum = sums.get(host) ?? { cpus: 0, memoryMiB: 0 };
    sums.set(host, { cpus: sum.cpus + cpus, memoryMiB: sum.memoryMiB + memoryMiB });
  }
  const all = [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    all.map(([host]) => host),
    all.map(([, { cpus }]) => cpus),
    all.map(([, { memoryMiB }]) => memoryMiB),
  ] as const;
}
