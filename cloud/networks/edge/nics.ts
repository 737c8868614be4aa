/**
 * The connections of instances: given with their birth, taken back once, when they are expunged.
 *
 * Whoever gives out addresses of a network holds its row, so two can never give out the same.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type {
  InstanceId,
  NetworkId,
  NicId,
  ProjectId,
  SecurityGroupId,
} from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql, Transaction } from "@holdfast/store/database";
import {
  formatAddress,
  guestRange,
  lowestFree,
  macOf,
  parseAddress,
  parseCidr,
  sizeOf,
} from "../core/cidr.ts";

/** What an instance asks to be connected to, in the order in which its guest sees it. */
export interface Connection {
  readonly id: NicId;
  readonly network: NetworkId;
  readonly isPublic: boolean;
  readonly groups: readonly SecurityGroupId[];
}

/** For queries: the connections of the instance of this column, in order, as its host needs them. */
export const nicsOf = (instance: string) =>
  `coalesce((select json_agg(json_build_object('id', c.id, 'mac', c.mac, 'network', c.network_id) order by c.slot)
     from nic c where c.instance_id = ${instance}), '[]')`;

/** A connection as people see it. */
export interface NicView {
  readonly network: string;
  readonly address: string;
  readonly mac: string;
  readonly publicAddress: string | null;
  readonly groups: string[];
}

/**
 * Of each of these instances its connections, in order. Read for all of them together: as a part of the row of each
 * they cost more than all else that is shown of it.
 */
export async function nicViews(
  sql: Sql,
  instances: readonly InstanceId[],
): Promise<ReadonlyMap<InstanceId, readonly NicView[]>> {
  type Row = Omit<NicView, "groups"> & { id: NicId; instance: InstanceId; isGrouped: boolean };
  if (instances.length === 0) return new Map();
  const rows = await sql.query<Row>(
    `select c.id, c.instance_id as instance, w.name as network, host(c.address) as address, c.mac,
       host(p.address) as "publicAddress", exists (select from nic_group m where m.nic_id = c.id) as "isGrouped"
     from nic c join network w on w.id = c.network_id left join public_address p on p.nic_id = c.id
     where c.instance_id = any($1) order by c.instance_id, c.slot`,
    [instances],
  );
  const isAnyGrouped = rows.some(({ isGrouped }) => isGrouped);
  const groups = isAnyGrouped ? await groupNames(sql, instances) : [];
  const groupsOf = grouped(groups, ({ nic }) => nic);
  const found = new Map<InstanceId, NicView[]>();
  for (const { id, instance, network, address, mac, publicAddress } of rows) {
    const names = groupsOf.get(id)?.map(({ name }) => name) ?? [];
    const view = { network, address, mac, publicAddress, groups: names };
    const known = found.get(instance);
    if (known) known.push(view);
    else found.set(instance, [view]);
  }
  return found;
}

const groupNames = (sql: Sql, instances: readonly InstanceId[]) =>
  sql.query<{ nic: NicId; name: string }>(
    `select m.nic_id as nic, g.name from nic c join nic_group m on m.nic_id = c.id
       join security_group g on g.id = m.group_id where c.instance_id = any($1) order by g.name`,
    [instances],
  );

/** As its host needs it to start the machine. */
export interface GivenNic {
  readonly id: NicId;
  readonly mac: string;
  readonly network: NetworkId;
}

export interface Connecting {
  readonly instance: InstanceId;
  readonly connections: readonly Connection[];
}

export interface NewNic extends Connection {
  readonly mac: string;
  readonly instance: InstanceId;
  readonly slot: number;
  readonly address: string;
}

/**
 * Chooses the lowest free address of each network for each of these. The rows of the networks stay locked
 * until the end of the transaction. Rejects with `network_not_found` or `addresses_exhausted`.
 */
export async function allotNics(sql: Sql, all: readonly Connecting[]): Promise<readonly NewNic[]> {
  const wanted = new Map<NetworkId, number>();
  for (const { network } of all.flatMap(({ connections }) => connections))
    wanted.set(network, (wanted.get(network) ?? 0) + 1);
  if (wanted.size === 0) return [];
  const ids = [...wanted.keys()];
  // In one breath, and carried out in this order: what is taken is read when nobody else can take any more.
  const [networks, taken] = await Promise.all([
    sql.query<Network>(
      `select id, name, cidr from network where id = any($1) and deleted_at is null
       order by id for update`,
      [ids],
    ),
    sql.query<{ network: NetworkId; address: string }>(
      "select network_id as network, host(address) as address from nic where network_id = any($1)",
      [ids],
    ),
  ]);
  const takenIn = grouped(taken, ({ network }) => network);
  const free = new Map<NetworkId, number[]>();
  for (const network of networks) {
    const count = wanted.get(network.id) ?? 0;
    const addresses = (takenIn.get(network.id) ?? []).map(({ address }) => address);
    const found = freeIn(network, addresses, count);
    if (found.length < count) throw await exhausted(sql, network, addresses.length, count);
    free.set(network.id, [...found]);
  }
  return all.flatMap(({ instance, connections }) =>
    connections.map((connection, slot): NewNic => {
      const address = free.get(connection.network)?.shift();
      if (address === undefined) throw networkGone();
      return {
        ...connection,
        ...{ instance, slot },
        address: formatAddress(address),
        mac: macOf(address),
      };
    }),
  );
}

interface Network {
  readonly id: NetworkId;
  readonly name: string;
  readonly cidr: string;
}

const rangeOf = ({ name, cidr }: Network) => {
  const parsed = parseCidr(cidr);
  if (!parsed) throw new Error(`the network ${name} has ${cidr}, which is no network`);
  return parsed;
};

/** As many as are wanted, or all that there are. */
function freeIn(network: Network, addresses: readonly string[], count: number): readonly number[] {
  const taken = new Set(addresses.map((address) => parseAddress(address) ?? 0));
  return lowestFree(guestRange(rangeOf(network)), taken, count);
}

interface IdleGuest {
  readonly address: string;
  readonly instance: string;
  readonly state: string;
}

/** Who could give some back is looked up only now: to join every connection of a large network takes long, and its row is held. */
async function exhausted(sql: Sql, network: Network, taken: number, count: number) {
  const { id, name, cidr } = network;
  const size = Math.max(0, sizeOf(rangeOf(network)) - 3);
  const idle = await sql.query<IdleGuest>(
    `select host(c.address) as address, i.name as instance, i.state
     from nic c join instance i on i.id = c.instance_id
     where c.network_id = $1 and i.state in ('stopped', 'destroyed') order by c.address`,
    [id],
  );
  return problem(
    "exhausted",
    "addresses_exhausted",
    `The network ${name} (${cidr}) has ${size} addresses for guests: ${taken} are taken, and ${count} more were asked for.`,
    {
      fix:
        idle.length > 0
          ? `Give some back (${idle.length} are held by what does not run, for example ${idle[0]?.instance}: holdfast expunge ${idle[0]?.instance}), or run it in a larger network: holdfast networks create`
          : "Run it in a larger network: holdfast networks create",
      facts: { size, taken, asked: count, idle: idle.slice(0, 32) },
    },
  );
}

/** Rejects with `group_not_found`. Without groups the commit does not wait for it. */
export async function insertNics(sql: Transaction, nics: readonly NewNic[]): Promise<void> {
  if (nics.length === 0) return;
  const inserted = sql.query(
    `insert into nic (id, instance_id, network_id, slot, address, mac, is_public)
     select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::int[], $5::inet[], $6::text[], $7::bool[])`,
    [
      nics.map(({ id }) => id),
      nics.map(({ instance }) => instance),
      nics.map(({ network }) => network),
      nics.map(({ slot }) => slot),
      nics.map(({ address }) => address),
      nics.map(({ mac }) => mac),
      nics.map(({ isPublic }) => isPublic),
    ],
  );
  const joins = nics.flatMap(({ id, groups }) => groups.map((group) => ({ id, group })));
  if (joins.length === 0) return sql.last(inserted);
  const wanted = [...new Set(joins.map(({ group }) => group))];
  // In one breath: what is wrong with the first is heard first.
  const hold = sql.query(
    "select id from security_group where id = any($1) order by id for key share",
    [wanted],
  );
  const joined = sql.query(
    "insert into nic_group (nic_id, group_id) select * from unnest($1::uuid[], $2::uuid[])",
    [joins.map(({ id }) => id), joins.map(({ group }) => group)],
  );
  for (const asked of [inserted, hold, joined]) asked.catch(() => {});
  await inserted;
  const held = await hold;
  // Without it the instance would be open to everybody.
  if (held.length < wanted.length)
    throw problem("not_found", "group_not_found", "A security group that was asked for is gone.", {
      fix: "See them: holdfast groups",
    });
  await joined;
}

/** Everything that these held is free again. A static public address stays its project's. */
export async function releaseNics(sql: Sql, instances: readonly InstanceId[]): Promise<void> {
  if (instances.length === 0) return;
  // Whoever attaches or forwards something to one of them waits, and finds it gone.
  await sql.query("select from nic where instance_id = any($1) order by id for update", [
    instances,
  ]);
  const mine = "(select id from nic where instance_id = any($1))";
  await sql.query(`delete from port_forward where nic_id in ${mine}`, [instances]);
  await sql.query(`delete from public_address where kind = 'automatic' and nic_id in ${mine}`, [
    instances,
  ]);
  await sql.query(`update public_address set nic_id = null where nic_id in ${mine}`, [instances]);
  await sql.query("delete from nic where instance_id = any($1)", [instances]);
}

/**
 * What a request to run names, found. Without a name it is the project's network `default`, if there is one.
 * Rejects with `network_not_found` and `group_not_found`.
 */
export async function findConnections(
  sql: Sql,
  project: ProjectId,
  { networks, groups }: { networks?: readonly string[] | undefined; groups: readonly string[] },
): Promise<{ networks: readonly NetworkId[]; groups: readonly SecurityGroupId[] }> {
  const wanted = networks ?? ["default"];
  const [found, known] = await Promise.all([
    sql.query<{ id: NetworkId; name: string }>(
      `select id, name from network where project_id = $1 and deleted_at is null
         and (name = any($2) or id = any(as_uuids($2)))`,
      [project, wanted],
    ),
    groups.length === 0
      ? []
      : sql.query<{ id: SecurityGroupId; name: string }>(
          "select id, name from security_group where project_id = $1 and (name = any($2) or id = any(as_uuids($2)))",
          [project, groups],
        ),
  ]);
  const of = <T extends { id: string; name: string }>(all: readonly T[], asked: string) =>
    all.find(({ id, name }) => name === asked || id === asked);
  const missing = wanted.find((name) => !of(found, name));
  if (missing !== undefined && networks)
    throw problem("not_found", "network_not_found", `There is no network ${missing}.`, {
      fix: "See them: holdfast networks",
    });
  const strange = groups.find((name) => !of(known, name));
  if (strange !== undefined)
    throw problem("not_found", "group_not_found", `There is no security group ${strange}.`, {
      fix: "See them: holdfast groups",
    });
  return {
    networks: wanted.flatMap((name) => of(found, name)?.id ?? []),
    groups: groups.flatMap((name) => of(known, name)?.id ?? []),
  };
}

const networkGone = () =>
  problem("not_found", "network_not_found", "A network that was asked for is not there any more.", {
    fix: "See them: holdfast networks",
  });
