/** Instance types as rows, and the answers to ../api.ts. */
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Database, Sql } from "@holdfast/store/database";
import { listTypes, putType, type TypeView } from "../api.ts";

const columns = `name, cpus, memory_mib as "memoryMiB", disk_gib as "diskGiB"`;

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

/** Adds it, or changes what new instances of it get. */
export async function saveType(sql: Sql, type: TypeView): Promise<void> {
  await sql.query(
    `insert into instance_type (name, cpus, memory_mib, disk_gib) values ($1, $2, $3, $4)
     on conflict (name) do update set cpus = excluded.cpus, memory_mib = excluded.memory_mib, disk_gib = excluded.disk_gib`,
    [type.name, type.cpus, type.memoryMiB, type.diskGiB],
  );
}

export function typeRoutes(database: Database) {
  return {
    listTypes: handle(listTypes, async () => ({
      types: [
        ...(await database.query<TypeView>(
          `select ${columns} from instance_type order by memory_mib, cpus, name`,
        )),
      ],
    })),
    putType: handle(putType, async ({ params, body }) => {
      const type = { name: params.type, ...body };
      await saveType(database, type);
      return type;
    }),
  };
}
