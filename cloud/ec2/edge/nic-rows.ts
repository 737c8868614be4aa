/**
 * Network cards with what EC2 shows of them: where they are, what they are reached at, and their groups by EC2's names.
 *
 * All of a page are one JSON text of lists: as a row for each card, and one more for each of its groups, they cost us more
 * than it costs PostgreSQL to write that.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { Sql } from "@holdfast/store/database";
import type { NicRow } from "../core/instance.ts";
import { noteOf } from "./notes.ts";

/** What EC2's clients call a group `g`. */
export const shownName = `coalesce(${noteOf("g.id")} ->> 'display', g.name)`;

type Card = readonly [
  instance: string,
  ...nic: readonly [id: string, network: string, domain: string, address: string, mac: string],
  ...reached: readonly [publicAddress: string | null, isKept: boolean],
  groups: readonly string[] | null,
];
interface Found {
  readonly cards: readonly Card[] | null;
  readonly groups: readonly NicRow["groups"][number][] | null;
}

const statement = `with found as materialized (
    select c.instance_id, c.slot, c.id, c.network_id, c.address, c.mac, (select json_agg(m.group_id) from nic_group m where m.nic_id = c.id) as groups
    from nic c where c.instance_id = any($1))
  select (select json_agg(json_build_array(c.instance_id, c.id, c.network_id, w.domain, host(c.address), c.mac, host(a.address),
        coalesce(a.kind = 'static', false), c.groups) order by c.slot)
      from found c join network w on w.id = c.network_id left join public_address a on a.nic_id = c.id) as cards,
    (select json_agg(json_build_object('id', g.id, 'name', ${shownName}) order by g.name) from security_group g
      where g.id in (select m.group_id from nic_group m join found c on c.id = m.nic_id)) as groups`;

/** Of each of these instances its cards, in their order. */
export async function nicsOf(
  sql: Sql,
  instances: readonly string[],
): Promise<ReadonlyMap<string, readonly NicRow[]>> {
  if (instances.length === 0) return new Map();
  const [found] = await sql.query<Found>(statement, [instances]);
  const named = found?.groups ?? [];
  const known = new Map<string, NicRow["groups"]>();
  const nics = (found?.cards ?? []).map(
    ([instance, id, network, domain, address, mac, publicAddress, isKept, groups]) => {
      const key = groups?.join() ?? "";
      const same = known.get(key) ?? named.filter((one) => groups?.includes(one.id));
      known.set(key, same);
      return { instance, id, network, domain, address, mac, publicAddress, isKept, groups: same };
    },
  );
  return grouped(nics, ({ instance }) => instance);
}
