/** The instance types that every installation starts with. Operators change them as they like. */
import { saveType } from "@holdfast/cloud/types/edge";
import type { Database } from "@holdfast/store/database";

const types = [
  { name: "tiny", cpus: 1, memoryMiB: 128, diskGiB: 1 },
  { name: "small", cpus: 1, memoryMiB: 512, diskGiB: 8 },
  { name: "medium", cpus: 2, memoryMiB: 2_048, diskGiB: 20 },
  { name: "large", cpus: 4, memoryMiB: 8_192, diskGiB: 40 },
] as const;

/** Only for a database that has none: what an operator has deleted or changed stays so. */
export async function ensureDefaultTypes(database: Database): Promise<void> {
  const [known] = await database.query("select from instance_type limit 1");
  if (known) return;
  for (const type of types) await saveType(database, type);
}
