/** Where this installation is, and on which ports: the one thing that `up`, `down` and `join` must agree on. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";

export interface Place {
  /** State directory. */
  readonly state: string;
  readonly apiPort: number;
  readonly ec2Port: number;
  readonly agentPort: number;
  readonly databasePort: number;
  /** ADDRESS:PORT for those who are not on this machine; undefined: nobody else is answered. */
  readonly listen: string | undefined;
}

/** Where the state is when nothing else is said. */
export const usualState = "/var/lib/holdfast";

const Ports = z.object({
  ...{ apiPort: z.number(), agentPort: z.number(), databasePort: z.number() },
  ec2Port: z.number().optional(), // Not known to older installations.
  listen: z.string().optional(),
});
type Given = { readonly [Name in keyof z.output<typeof Ports>]?: z.output<typeof Ports>[Name] };

/** The ports that were given now, else those of the last time, else the usual ones; remembered for the next. */
export async function recallPlace(state: string, given: Given): Promise<Place> {
  const file = join(state, "ports.json");
  const known = Ports.safeParse(await readJson(file));
  const usual = { apiPort: 7070, agentPort: 7071, databasePort: 7072 };
  const before = known.success ? known.data : usual;
  const apiPort = given.apiPort ?? before.apiPort;
  const ports = {
    apiPort,
    ec2Port: given.ec2Port ?? known.data?.ec2Port ?? apiPort + beyondApi,
    agentPort: given.agentPort ?? before.agentPort,
    databasePort: given.databasePort ?? before.databasePort,
  };
  const asked = given.listen ?? known.data?.listen;
  const listen = asked === "nobody" ? undefined : asked;
  await writePrivately(file, { ...ports, ...(listen === undefined ? {} : { listen }) });
  return { state, ...ports, listen };
}

/** From the port of the native API to EC2's, where nothing else is said. */
const beyondApi = 3;

/** The repository: this file is bundled into dist/, one below it. */
export const repository = join(import.meta.dirname, "..");

export const paths = (state: string) => ({
  client: join(state, "client.json"),
  authority: join(state, "authority.pem"),
  database: join(state, "database"),
  identity: join(state, "agent", "identity.json"),
  tiny: join(state, "tiny"),
  cache: join(state, "cache"),
  images: join(state, "images"),
  logs: join(state, "logs"),
  migrations: join(repository, "store", "migrations"),
  rootfs: join(repository, "drivers", "images", "tiny", "rootfs"),
  debian: join(repository, "drivers", "images", "debian"),
  script: (app: string) => join(repository, "dist", `${app}.js`),
});

/** Names the content of a built program. */
export const buildOf = (script: string) =>
  createHash("sha256").update(readFileSync(script)).digest("hex").slice(0, 16);

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
