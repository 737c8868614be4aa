/** Things that a request names, found by name or id and held until the end of the transaction. */
import type {
  InstanceId,
  NetworkId,
  NicId,
  ProjectId,
  SecurityGroupId,
} from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";

export interface NamedNetwork {
  readonly id: NetworkId;
  readonly name: string;
}

/** Rejects with `network_not_found`. */
export async function findNetwork(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<NamedNetwork> {
  const [row] = await sql.query<NamedNetwork>(
    `select id, name from network
     where project_id = $1 and (name = $2 or id = as_uuid($2)) and deleted_at is null`,
    [project, nameOrId],
  );
  if (row) return row;
  throw networkNotFound(nameOrId);
}

/** Nobody is connected to it or given an address of it meanwhile. Rejects with `network_not_found`. */
export async function holdNetwork(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<NamedNetwork> {
  const [row] = await sql.query<NamedNetwork>(
    `select id, name from network
     where project_id = $1 and (name = $2 or id = as_uuid($2)) and deleted_at is null for update`,
    [project, nameOrId],
  );
  if (row) return row;
  throw networkNotFound(nameOrId);
}

export interface HeldNic {
  readonly id: NicId;
  readonly instance: InstanceId;
  readonly name: string;
  readonly network: NetworkId;
}

/**
 * The connections of an instance in the order of its guest; they stay for the rest of the transaction.
 * Rejects with `instance_not_found`.
 */
export async function holdNics(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<{
  readonly instance: InstanceId;
  readonly name: string;
  readonly nics: readonly HeldNic[];
}> {
  const [instance] = await sql.query<{ id: InstanceId; name: string }>(
    `select id, name from instance
     where project_id = $1 and not is_expunged and (name = $2 or id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (!instance)
    throw problem("not_found", "instance_not_found", `There is no instance ${nameOrId}.`, {
      fix: "See them: holdfast list",
    });
  const nics = await sql.query<{ id: NicId; network: NetworkId }>(
    "select id, network_id as network from nic where instance_id = $1 order by slot for update",
    [instance.id],
  );
  const { id, name } = instance;
  return { instance: id, name, nics: nics.map((nic) => ({ ...nic, instance: id, name })) };
}

export interface HeldGroup {
  readonly id: SecurityGroupId;
  readonly name: string;
}

/** They stay for the rest of the transaction. Rejects with `group_not_found`. */
export async function holdGroups(
  sql: Sql,
  project: ProjectId,
  namesOrIds: readonly string[],
): Promise<ReadonlyMap<string, HeldGroup>> {
  if (namesOrIds.length === 0) return new Map();
  const rows = await sql.query<HeldGroup>(
    `select id, name from security_group
     where project_id = $1 and (name = any($2) or id = any(as_uuids($2))) order by id for key share`,
    [project, namesOrIds],
  );
  return new Map(
    namesOrIds.map((asked) => {
      const row = rows.find(({ id, name }) => name === asked || id === asked);
      if (!row) throw groupNotFound(asked);
      return [asked, row];
    }),
  );
}

/** To change it, or what it says. Rejects with `group_not_found`. */
export async function holdGroup(
  sql: Sql,
  project: ProjectId,
  nameOrId: string,
): Promise<HeldGroup> {
  const [row] = await sql.query<HeldGroup>(
    `select id, name from security_group where project_id = $1 and (name = $2 or id = as_uuid($2))
     for update`,
    [project, nameOrId],
  );
  if (row) return row;
  throw groupNotFound(nameOrId);
}

export const networkNotFound = (name: string) =>
  problem("not_found", "network_not_found", `There is no network ${name}.`, {
    fix: "See them: holdfast networks",
  });

export const groupNotFound = (name: string) =>
  problem("not_found", "group_not_found", `There is no security group ${name}.`, {
    fix: "See them: holdfast groups",
  });

export const notConnected = (instance: string, network?: string) =>
  problem(
    "conflict",
    "not_connected",
    network === undefined
      ? `${instance} is not connected to any network.`
      : `${instance} is not connected to the network ${network}.`,
    {
      fix: `An instance is connected when it is made: holdfast run --network ${network ?? "NAME"}`,
    },
  );

/** Another of this kind has the name. */
export const nameTaken = (what: string, name: string, list: string) =>
  problem("conflict", "name_taken", `There is ${what} ${name} in this project.`, {
    fix: `Choose another name, or delete that one: ${list}`,
    faults: [{ field: "body.name", reason: "is taken" }],
  });
