/** Which networks something has happened to, from whatever is known of it: subjects of the journal, instances, hosts. */
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

export interface Touched {
  readonly networks: readonly NetworkId[];
  readonly instances: readonly string[];
  /** Where instances were connected that may be connected nowhere any more; nothing else has happened to these. */
  readonly left: readonly NetworkId[];
  /** Of rows of the journal about networks: a network, a group, or the project that has an address more or less. */
  readonly subjects: readonly string[];
  /** Hosts that are heard again, are not heard, or are to be emptied. */
  readonly hosts: readonly HostId[];
  /** Hosts whose guests are reached by another way. */
  readonly guestsOf: readonly HostId[];
}

export const nothing: Touched = {
  networks: [],
  instances: [],
  left: [],
  subjects: [],
  hosts: [],
  guestsOf: [],
};

export const together = (one: Touched, more: Partial<Touched>): Touched => ({
  networks: [...one.networks, ...(more.networks ?? [])],
  instances: [...one.instances, ...(more.instances ?? [])],
  left: [...one.left, ...(more.left ?? [])],
  subjects: [...one.subjects, ...(more.subjects ?? [])],
  hosts: [...one.hosts, ...(more.hosts ?? [])],
  guestsOf: [...one.guestsOf, ...(more.guestsOf ?? [])],
});

/** Whether what it names are so few that it is at hand which networks they are in. */
export const isOfFew = (
  { networks, instances, left, subjects, hosts, guestsOf }: Touched,
  most: number,
): boolean =>
  subjects.length + hosts.length + guestsOf.length === 0 &&
  networks.length + instances.length + left.length <= most;

export interface Found {
  readonly all: readonly NetworkId[];
  /** Those to which something has happened only by way of instances that were named or have left. */
  readonly byInstances: readonly NetworkId[];
}

/** Undefined: it may be any of them. */
export async function findTouched(
  sql: Sql,
  { networks, instances, left, subjects, hosts, guestsOf }: Touched,
): Promise<Found | undefined> {
  const found = new Set(networks);
  const add = (rows: readonly { readonly id: NetworkId }[]) => {
    for (const { id } of rows) found.add(id);
  };
  const ofInstances =
    instances.length === 0
      ? []
      : await sql.query<{ id: NetworkId }>(
          "select distinct network_id as id from nic where instance_id = any($1)",
          [[...new Set(instances)]],
        );
  if (hosts.length > 0)
    add(
      await sql.query(
        `select network_id as id from router where host_id = any($1)
         union select c.network_id from instance i join nic c on c.instance_id = i.id
           where i.home = any($1) and not exists (select from router r where r.network_id = c.network_id)`,
        [[...new Set(hosts)]],
      ),
    );
  if (guestsOf.length > 0)
    add(
      await sql.query(
        `select distinct c.network_id as id from instance i join nic c on c.instance_id = i.id where i.home = any($1)`,
        [[...new Set(guestsOf)]],
      ),
    );
  const about = new Set(subjects);
  if (about.size > 0) {
    const rows = await sql.query<{ id: NetworkId | null; subject: string }>(
      `select id, id as subject from network where id = any($1)
       union select id, project_id from network where project_id = any($1)
       union select c.network_id, g.group_id from nic_group g join nic c on c.id = g.nic_id where g.group_id = any($1)
       -- A group without members is nobody's business; anything else that nobody knows may be everybody's.
       union select null, id from security_group where id = any($1)`,
      [[...about]],
    );
    for (const { id, subject } of rows) {
      about.delete(subject);
      if (id) found.add(id);
    }
    if (about.size > 0) return undefined;
  }
  const ofAny = new Set([...left, ...ofInstances.map(({ id }) => id)]);
  const byInstances = [...ofAny].filter((id) => !found.has(id));
  return { all: [...found, ...byInstances], byInstances };
}
