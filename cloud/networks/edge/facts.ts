/** Everything that pictures are made of, read at one moment. */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import type { Database, Sql } from "@holdfast/store/database";
import type { Facts, Forward, Nic, OneToOne, Router, SecurityRule } from "../core/model.ts";

/** States in which the host of an instance must have its ports; as `homed` of its life cycle. */
export const homed = "('starting', 'running', 'stopping', 'migrating', 'lost')";

/** A move that is under way; as `openStates` of a migration. */
const isMoving = "g.state in ('preparing', 'copying')";

interface NicRow extends Omit<Nic, "groups"> {
  readonly home: HostId | null;
}

const noGroups: readonly SecurityGroupId[] = [];

interface RuleRow extends Omit<SecurityRule, "ports" | "peer"> {
  readonly from: number | null;
  readonly to: number | null;
  readonly cidr: string | null;
  readonly peer: SecurityGroupId | null;
}

/** What pictures are made of, and which networks that is about: also of those of which nothing is there any more. */
export interface Read {
  readonly about: readonly NetworkId[];
  readonly facts: Facts;
}

/** Of every network that one of these hosts has something to do with. */
export const readFacts = async (database: Database, hosts: readonly HostId[]): Promise<Facts> =>
  (await readMany(database, ofHosts, [hosts])).facts;

/** Of these networks, as far as they are there. */
export const readFactsOf = (database: Database, networks: readonly NetworkId[]): Promise<Read> =>
  readMany(database, ofNetworks, [networks]);

/** Of these few as well, and of those that these few instances are connected to: a start waits for this. */
export async function lookUpFacts(
  { lookUps }: Database,
  networks: readonly NetworkId[],
  instances: readonly string[],
): Promise<Read> {
  const row = only(await lookUps.query<Whole>(ofFew, [networks, instances]));
  const underlays = new Map(row.underlays.map(({ id, underlay }) => [id, underlay]));
  return readOf(row, row.nics, underlays);
}

const ofHosts = allAbout(`
  select r.network_id as id from router r where r.host_id = any($1)
  union select c.network_id from instance i join nic c on c.instance_id = i.id where i.home = any($1)
  union select c.network_id from migration g join nic c on c.instance_id = g.instance_id
    where g.to_host = any($1) and ${isMoving}`);

const ofNetworks = allAbout("select unnest($1::uuid[])");

const nicsIn = (
  networks: string,
) => `select c.id, c.network_id as network, c.instance_id as instance, i.name,
    host(c.address) as address, c.mac, case when i.state in ${homed} then i.home end as home,
    case when i.metadata_tokens = 'required' then coalesce(i.metadata_hops, 1) end as "metadataHops"
  from nic c join instance i on i.id = c.instance_id where c.network_id ${networks}`;

const ofFew = allAbout(
  `select unnest($1::uuid[]) as id union select c.network_id from nic c where c.instance_id = any($2)`,
  {
    nics: "select * from nics order by id",
    underlays: `select h.id, host(h.underlay) as underlay from host h where h.underlay is not null and h.id in
      (select home from nics union select host from arriving union select host from routers)`,
  },
);

interface Row {
  readonly about: readonly NetworkId[];
  readonly networks: Facts["networks"];
  readonly arriving: readonly { readonly nic: NicId; readonly host: HostId }[];
  readonly memberships: readonly { readonly nic: NicId; readonly group: SecurityGroupId }[];
  readonly rules: readonly RuleRow[];
  readonly routers: readonly Router[];
  readonly forwards: readonly Forward[];
  readonly oneToOne: readonly OneToOne[];
}

interface Rest {
  readonly nics: readonly NicRow[];
  readonly underlays: readonly { readonly id: HostId; readonly underlay: string }[];
}
type Whole = Row & Rest;

/**
 * One statement, so that it is one way to PostgreSQL and back, and all of it is of one moment. `which` selects the networks.
 * `rest`: what there may be tens of thousands of, as it is selected from the rows that it makes of the networks.
 */
function allAbout(which: string, rest?: Readonly<Record<keyof Rest, string>>): string {
  const inThese = "= any((select ids from about)::uuid[])";
  const parts: Readonly<Record<keyof Omit<Row, "about">, string>> = {
    networks: `select n.id, n.vni, n.vlan, n.cidr, n.domain from network n
      where n.deleted_at is null and n.id ${inThese} order by n.id`,
    arriving: "select * from arriving",
    memberships: `select g.nic_id as nic, g.group_id as "group" from nic_group g join nic c on c.id = g.nic_id
      where c.network_id ${inThese} order by 1, 2`,
    rules: `select r.group_id as "group", r.direction, r.protocol, r.from_port as "from", r.to_port as "to",
        r.peer_cidr as cidr, r.peer_group as peer
      from security_rule r where r.group_id in
        (select g.group_id from nic_group g join nic c on c.id = g.nic_id where c.network_id ${inThese})
      order by r.id`,
    routers: "select * from routers",
    forwards: `select f.network_id as network, f.protocol, f.public_port as "publicPort",
        host(c.address) as address, f.port
      from port_forward f join nic c on c.id = f.nic_id where f.network_id ${inThese} order by f.id`,
    oneToOne: `select c.network_id as network, host(a.address) as "publicAddress", host(c.address) as address
      from public_address a join nic c on c.id = a.nic_id where c.network_id ${inThese} order by a.address`,
  };
  const lists = Object.entries({ ...parts, ...rest }).map(
    ([name, text]) => `(select coalesce(json_agg(q), '[]') from (${text}) q) as "${name}"`,
  );
  return `with about as materialized (select array(${which}) as ids),
    ${rest ? `nics as materialized (${nicsIn(inThese)}),` : ""}
    -- Of the few that there are, and not of each connection whether there are any.
    arriving as materialized (
      select c.id as nic, g.to_host as host from migration g join nic c on c.instance_id = g.instance_id
      where ${isMoving} and c.network_id ${inThese}),
    routers as materialized (
      select r.network_id as network, r.host_id as host, r.generation, host(a.address) as address
      from router r left join public_address a on a.network_id = r.network_id
      where r.network_id ${inThese})
    select to_json((select ids from about)) as about, ${lists}`;
}

/** Whatever is changed meanwhile. */
const atOneMoment = ["transaction_isolation = 'repeatable read'", "transaction_read_only = on"];

/**
 * Of a rack that dies these are the connections of the whole fleet. As rows they take PostgreSQL a third of what they do as one JSON,
 * planned for their number; and to go there and back a few times is nothing then.
 */
function readMany(
  database: Database,
  statement: string,
  values: readonly (readonly string[])[],
): Promise<Read> {
  return database.transaction(async (sql) => {
    const row = only(await sql.query<Row>(statement, values));
    const nics = await sql.query<NicRow>(`${nicsIn("= any($1)")} order by c.id`, [row.about]);
    const hosts = new Set<HostId>();
    for (const { home } of nics) if (home) hosts.add(home);
    for (const { host } of [...row.arriving, ...row.routers]) hosts.add(host);
    return readOf(row, nics, await readUnderlays(sql, [...hosts]));
  }, atOneMoment);
}

function only<One>([row]: readonly One[]): One {
  if (!row) throw new Error("a statement that always has one row has none");
  return row;
}

function readOf(
  { about, networks, arriving, memberships, rules, routers, forwards, oneToOne }: Row,
  nics: readonly NicRow[],
  underlays: Facts["underlays"],
): Read {
  const arrivesAt = new Map(arriving.map(({ nic, host }) => [nic, host]));
  const groupsOf = grouped(memberships, ({ nic }) => nic);
  const facts: Facts = {
    networks,
    // Part by part: where a rack dies these are tens of thousands, and "all the others" is a slow word.
    nics: nics.map(({ id, network, instance, name, address, mac, home, metadataHops }) => ({
      id,
      network,
      instance,
      name,
      address,
      mac,
      metadataHops: metadataHops ?? null,
      host: home ?? undefined,
      arrivesAt: arrivesAt.get(id),
      groups: groupsOf.get(id)?.map(({ group }) => group) ?? noGroups,
    })),
    rules: rules.map(ruleOf),
    routers: routers.map((router) => ({ ...router, address: router.address ?? undefined })),
    forwards,
    oneToOne,
    underlays,
  };
  return { about, facts };
}

/** Where these are reached by others, as far as they are. */
export async function readUnderlays(
  sql: Sql,
  hosts: readonly HostId[],
): Promise<ReadonlyMap<HostId, string>> {
  const rows = await sql.query<{ id: HostId; underlay: string }>(
    "select id, host(underlay) as underlay from host where underlay is not null and id = any($1)",
    [hosts],
  );
  return new Map(rows.map(({ id, underlay }) => [id, underlay]));
}

function ruleOf({ from, to, cidr, peer, ...rule }: RuleRow): SecurityRule {
  if (!peer && !cidr) throw new Error("a security rule without another side");
  return {
    ...rule,
    ports: from !== null && to !== null ? { from, to } : undefined,
    peer: peer ? { group: peer } : { cidr: cidr ?? "" },
  };
}
