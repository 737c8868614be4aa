/**
 * Network cards with what EC2 shows of them: where they are, what they are reached at, and their groups by EC2's names.
 *
 * Many cards are in few groups: each says which, and what those are called is asked once.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { Sql } from "@holdfast/store/database";
import type { NicRow } from "../core/instance.ts";
import { noteOf } from "./notes.ts";

/** What EC2's clients call a group `g`. */
export const shownName = `coalesce(${noteOf("g.id")} ->> 'display', g.name)`;

interface Card extends Omit<NicRow, "groups"> {
  readonly instance: string;
  /** Ids with commas between them. */
  readonly groupIds: string | null;
}
type Group = NicRow["groups"][number];

/** Of each of these instances its cards, in their order. */
export async function nicsOf(
  sql: Sql,
  instances: readonly string[],
): Promise<ReadonlyMap<string, readonly NicRow[]>> {
  if (instances.length === 0) return new Map();
  const [cards, groups] = await Promise.all([
    sql.query<Card>(
      `select c.instance_id as instance, c.id, c.network_id as network, w.domain, host(c.address) as address, c.mac,
         host(a.address) as "publicAddress", coalesce(a.kind = 'static', false) as "isKept",
         (select string_agg(m.group_id::text, ',') from nic_group m where m.nic_id = c.id) as "groupIds"
       from nic c join network w on w.id = c.network_id left join public_address a on a.nic_id = c.id
       where c.instance_id = any($1) order by c.instance_id, c.slot`,
      [instances],
    ),
    sql.query<Group>(
      `select g.id, ${shownName} as name from security_group g
       where g.id in (select m.group_id from nic c join nic_group m on m.nic_id = c.id where c.instance_id = any($1))
       order by g.name`,
      [instances],
    ),
  ]);
  const known = new Map<string | null, readonly Group[]>([[null, []]]);
  const named = (ids: string | null) => {
    const before = known.get(ids);
    if (before) return before;
    const found = groups.filter(({ id }) => ids?.includes(id));
    known.set(ids, found);
    return found;
  };
  const whole = cards.map((card) => Object.assign(card, { groups: named(card.groupIds) }));
  return grouped(whole, ({ instance }) => instance);
}
