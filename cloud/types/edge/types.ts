/** Instance types as rows, and the answers to ../api.ts. */
import { renewWishes } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Database, Sql } from "@holdfast/store/database";
import { announce } from "@holdfast/store/news";
import { listTypes, putType, type TypeView } from "../api.ts";

const columns = `name, cpus, memory_mib as "memoryMiB", disk_gib as "diskGiB", disk_iops as "diskIops",
  disk_bytes_per_second as "diskBytesPerSecond"`;

/** Rejects with `type_not_found`. */
export async function findType(sql: Sql, name: string): Promise<TypeView> {
  const [type] = await sql.query<TypeView>(`select ${columns} from instance_type where name = $1`, [
    name,
  ]);
  if (type) return type;
  throw problem("not_found", "type_not_found", `There is no instance type ${name}.`, {
    fix: "See them: holdfast types",
  });
}

type NewType = Omit<TypeView, "diskIops" | "diskBytesPerSecond"> & Partial<TypeView>;

/** Adds it, or changes what new instances of it get. */
export async function saveType(sql: Sql, type: NewType): Promise<void> {
  await sql.query(
    `insert into instance_type (name, cpus, memory_mib, disk_gib, disk_iops, disk_bytes_per_second)
     values ($1, $2, $3, $4, $5, $6) on conflict (name) do update set cpus = excluded.cpus,
       memory_mib = excluded.memory_mib, disk_gib = excluded.disk_gib, disk_iops = excluded.disk_iops,
       disk_bytes_per_second = excluded.disk_bytes_per_second`,
    [
      type.name,
      type.cpus,
      type.memoryMiB,
      type.diskGiB,
      type.diskIops ?? null,
      type.diskBytesPerSecond ?? null,
    ],
  );
}

export interface TypeRouteDeps {
  readonly database: Database;
  readonly self: string;
  /** The wishes of these hosts are newer. */
  readonly onChanged: (hosts: readonly HostId[]) => void;
}

export function typeRoutes({ database, self, onChanged }: TypeRouteDeps) {
  return {
    listTypes: handle(listTypes, async () => ({
      types: [
        ...(await database.lookUps.query<TypeView>(
          `select ${columns} from instance_type order by memory_mib, cpus, name`,
        )),
      ],
    })),
    putType: handle(putType, async ({ params, body }) => {
      const type = { name: params.type, ...body };
      const hosts = await database.transaction(async (sql) => {
        const running = await holdRunning(sql, type.name);
        const [before] = await sql.query<TypeView>(
          `select ${columns} from instance_type where name = $1`,
          [type.name],
        );
        await saveType(sql, type);
        const isSame =
          before !== undefined &&
          before.diskIops === type.diskIops &&
          before.diskBytesPerSecond === type.diskBytesPerSecond;
        const told = isSame ? [] : await renewWishes(sql, running);
        if (told.length > 0) await announce(sql, { from: self, wishes: told });
        return told;
      });
      if (hosts.length > 0) onChanged(hosts);
      return type;
    }),
  };
}

/** What runs has the limits of its root volume from its type as it is now. */
async function holdRunning(sql: Sql, type: string): Promise<readonly InstanceId[]> {
  const rows = await sql.query<{ id: InstanceId }>(
    "select id from instance where type = $1 and home is not null order by id for update",
    [type],
  );
  return rows.map(({ id }) => id);
}
