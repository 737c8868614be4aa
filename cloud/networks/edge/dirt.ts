/** Which networks something has happened to, from whatever is known of it: subjects of the journal, instances, hosts. */
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

export interface Touched {
  readonly networks: readonly NetworkId[];
  readonly instances: readonly string[];
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
  subjects: [],
  hosts: [],
  guestsOf: [],
};

export const together = (one: Touched, more: Partial<Touched>): Touched => ({
  networks: [...one.networks, ...(more.networks ?? [])],
  instances: [...one.instances, ...(more.instances ?? [])],
  subjects: [...one.subjects, ...(more.subjects ?? [])],
  hosts: [...one.hosts, ...(more.hosts ?? [])],
  guestsOf: [...one.guestsOf, ...(more.guestsOf ?? [])],
});

/** Undefined: it may be any of them. */
export async function findTouched(
  sql: Sql,
  { networks, instances, subjects, hosts, guestsOf }: Touched,
): Promise<readonly NetworkId[] | undefined> {
  const found = new Set(networks);
  const add = (rows: readonly { readonly id: NetworkId }[]) => {
    for (const { id } of rows) found.add(id);
  };
  if (instances.length > 0)
    add(
      await sql.query("select distinct network_id as id from nic where instance_id = any($1)", [
        [...new Set(instances)],
      ]),
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
  for (const subject of new Set(subjects)) {
    const rows = await sql.query<{ id: NetworkId }>(
      `select id from network where id = $1 or project_id = $1
       union select c.network_id from nic_group g join nic c on c.id = g.nic_id where g.group_id = $1`,
      [subject],
    );
    // A group without members is nobody's business; anything else that nobody knows may be everybody's.
    const isGroup =
      rows.length > 0 ||
      (await sql.query("select from security_group where id = $1", [subject])).length > 0;
    if (!isGroup) return undefined;
    add(rows);
  }
  return [...found];
}
