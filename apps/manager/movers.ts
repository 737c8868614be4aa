/**
 * How planned work moves guests: by the same requests as people do.
 *
 * What can be told of an instance before it is tried is told by `obstacles`; the rest is the refusal of a
 * request, or a move that fails, and planned work counts those.
 */
import type { Movers } from "@holdfast/cloud/events/edge";
import { staysFor } from "@holdfast/cloud/instances";
import { type MigrationDeps, requestMigration } from "@holdfast/cloud/instances/edge";
import { localSnapshotsOf } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId, ProjectId } from "@holdfast/kernel/ids";
import type { Database } from "@holdfast/store/database";

export function liveMovers(deps: MigrationDeps & { readonly database: Database }): Movers {
  const { database, mintId } = deps;
  return {
    async obstacles(sql, instances) {
      const rows = await sql.query<{ id: InstanceId; volumes: number }>(
        `select a.instance_id as id, count(*)::int as volumes
         from attachment a join volume v on v.id = a.volume_id
         where a.instance_id = any($1) and v.kind = 'data' and v.pool = 'local' group by 1`,
        [instances],
      );
      const found = new Map<InstanceId, string>();
      for (const [id, snapshots] of await localSnapshotsOf(sql, instances)) {
        const why = staysFor(snapshots);
        if (why) found.set(id, why);
      }
      for (const { id, volumes } of rows)
        found.set(
          id,
          `${volumes === 1 ? "a volume" : `${volumes} volumes`} besides its root is on the disks of its host`,
        );
      return found;
    },
    async ephemeral(sql, instances) {
      const rows = await sql.query<{ id: InstanceId }>(
        `select distinct a.instance_id as id from attachment a join volume v on v.id = a.volume_id
         where a.instance_id = any($1) and v.kind = 'ephemeral'`,
        [instances],
      );
      return new Set(rows.map(({ id }) => id));
    },
    async migrate(instance, { to, why }) {
      const [row] = await database.query<{ project: ProjectId; host: HostId | null }>(
        `select project_id as project, (select id from host where name = $2) as host
         from instance where id = $1`,
        [instance, to ?? null],
      );
      if (!row) return; // It has gone by itself.
      await requestMigration(deps, {
        ...{ project: row.project, instance, why, actor: "holdfast" },
        to: row.host ?? undefined,
        requestId: mintId(),
      });
    },
  };
}
