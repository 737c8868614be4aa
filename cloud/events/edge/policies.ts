/** What owners want done with their instances when a host is emptied. Without a row: to be moved. */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import type { MaintenancePolicy } from "../core/maintenance.ts";

export async function readPolicy(sql: Sql, instance: InstanceId): Promise<MaintenancePolicy> {
  const [row] = await sql.query<{ policy: MaintenancePolicy }>(
    "select policy from maintenance_policy where instance_id = $1",
    [instance],
  );
  return row?.policy ?? "migrate";
}

export async function writePolicies(
  sql: Sql,
  policies: readonly { readonly instance: InstanceId; readonly policy: MaintenancePolicy }[],
): Promise<void> {
  if (policies.length === 0) return;
  await sql.query(
    `insert into maintenance_policy (instance_id, policy) select * from unnest($1::uuid[], $2::text[])
     on conflict (instance_id) do update set policy = excluded.policy`,
    [policies.map(({ instance }) => instance), policies.map(({ policy }) => policy)],
  );
}
