/** Everything that the pictures of these hosts are made of, read at one moment in a handful of queries. */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId, NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import type { Database, Sql } from "@holdfast/store/database";
import type {
  Facts,
  Forward,
  Network,
  Nic,
  OneToOne,
  Router,
  SecurityRule,
} from "../core/model.ts";

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

/** Of every network that one of these hosts has something to do with. */
export const readFacts = (database: Database, hosts: readonly HostId[]): Promise<Facts> =>
  readAbout(database, { hosts });

/** Of these networks, as far as they are there. */
export const readFactsOf = (database: Database, networks: readonly NetworkId[]): Promise<Facts> =>
  readAbout(database, { networks });

/** Whatever is changed meanwhile. */
const atOneMoment = ["transaction_isolation = 'repeatable read'", "transaction_read_only = on"];

const ofHosts = `n.id in (
  select r.network_id from router r where r.host_id = any($1)
  union select c.network_id from instance i join nic c on c.instance_id = i.id where i.home = any($1)
  union select c.network_id from migration g join nic c on c.instance_id = g.instance_id
    where g.to_host = any($1) and ${isMoving})`;

async function readAbout(
  database: Database,
  which: { readonly hosts: readonly HostId[] } | { readonly networks: readonly NetworkId[] },
): Promise<Facts> {
  return database.transaction(async (sql) => {
    const found = sql.query<Network>(
      `select n.id, n.vni, n.vlan, n.cidr, n.domain from network n
       where n.deleted_at is null and ${"hosts" in which ? ofHosts : "n.id = any($1)"} order by n.id`,
      ["hosts" in which ? which.hosts : which.networks],
    );
    // A start waits for this: where the networks are known, all is asked in one breath.
    const ids = "hosts" in which ? (await found).map(({ id }) => id) : which.networks;
    const [networks, nics, arriving, memberships, rules, routers, forwards, oneToOne] =
      await Promise.all([
        found,
        sql.query<NicRow>(
          `select c.id, c.network_id as network, c.instance_id as instance, i.name,
           host(c.address) as address, c.mac, case when i.state in ${homed} then i.home end as home,
           case when i.metadata_tokens = 'required' then coalesce(i.metadata_hops, 1) end as "metadataHops"
         from nic c join instance i on i.id = c.instance_id
         where c.network_id = any($1) order by c.id`,
          [ids],
        ),
        // Of the few that there are, and not of each connection whether there are any.
        sql.query<{ nic: NicId; host: HostId }>(
          `select c.id as nic, g.to_host as host from migration g join nic c on c.instance_id = g.instance_id
         where ${isMoving} and c.network_id = any($1)`,
          [ids],
        ),
        sql.query<{ nic: NicId; group: SecurityGroupId }>(
          `select g.nic_id as nic, g.group_id as "group" from nic_group g join nic c on c.id = g.nic_id
         where c.network_id = any($1) order by 1, 2`,
          [ids],
        ),
        sql.query<RuleRow>(
          `select r.group_id as "group", r.direction, r.protocol, r.from_port as "from", r.to_port as "to",
           r.peer_cidr as cidr, r.peer_group as peer
         from security_rule r where r.group_id in
           (select g.group_id from nic_group g join nic c on c.id = g.nic_id where c.network_id = any($1))
         order by r.id`,
          [ids],
        ),
        sql.query<Router>(
          `select r.network_id as network, r.host_id as host, r.generation, host(a.address) as address
         from router r left join public_address a on a.network_id = r.network_id
         where r.network_id = any($1)`,
          [ids],
        ),
        sql.query<Forward>(
          `select f.network_id as network, f.protocol, f.public_port as "publicPort",
           host(c.address) as address, f.port
         from port_forward f join nic c on c.id = f.nic_id
         where f.network_id = any($1) order by f.id`,
          [ids],
        ),
        sql.query<OneToOne>(
          `select c.network_id as network, host(a.address) as "publicAddress", host(c.address) as address
         from public_address a join nic c on c.id = a.nic_id
         where c.network_id = any($1) order by a.address`,
          [ids],
        ),
      ]);
    const hosts = new Set<HostId>();
    for (const { home } of nics) if (home) hosts.add(home);
    for (const { host } of [...arriving, ...routers]) hosts.add(host);
    const arrivesAt = new Map(arriving.map(({ nic, host }) => [nic, host]));
    const groupsOf = grouped(memberships, ({ nic }) => nic);
    return {
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
      underlays: await readUnderlays(sql, [...hosts]),
    };
  }, atOneMoment);
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
