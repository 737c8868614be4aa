/** Where this installation is, and on which ports: the one thing that `up`, `down` and `join` must agree on. */
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

export interface Place {
  /** State directory. */
  readonly state: string;
  readonly apiPort: number;
  readonly agentPort: number;
  readonly databasePort: number;
}

/** The repository: this file is bundled into dist/, one below it. */
export const repository = join(import.meta.dirname, "..");

export const paths = (state: string) => ({
  client: join(state, "client.json"),
  database: join(state, "database"),
  identity: join(state, "agent", "identity.json"),
  tiny: join(state, "tiny"),
  cache: join(state, "cache"),
  images: join(state, "images"),
  logs: join(state, "logs"),
  migrations: join(repository, "store", "migrations"),
  rootfs: join(repository, "drivers", "images", "tiny", "rootfs"),
  script: (app: string) => join(repository, "dist", `${app}.js`),
});

/** Whole or not at all, and readable by root only. */
export async function writePrivately(file: string, value: unknown): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

export async function readJson(file: string): Promise<unknown> {
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? undefined : JSON.parse(text);
}
