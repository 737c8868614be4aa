/**
 * The manager process: reads the environment, hands everything out, and runs until it is told to stop.
 *
 * DATABASE_URL           PostgreSQL 15 or later
 * HOLDFAST_DATABASE_ROLE the role to work as, if the login is allowed more (default: the login's own)
 * HOLDFAST_STATE         state directory; images and logs are kept there (default /var/lib/holdfast)
 * HOLDFAST_API           address:port of the API (default 127.0.0.1:7070)
 * HOLDFAST_EC2           address:port for EC2's clients (default: they are not answered)
 * HOLDFAST_LISTEN        address:port for those who are not on this machine, over TLS (default: nobody is answered)
 * HOLDFAST_AGENTS        address:port for agents (default 127.0.0.1:7071)
 * HOLDFAST_NAMES         names and addresses by which agents may know it, with commas (default 127.0.0.1)
 * HOLDFAST_NAME          its own name among managers (default: host name and process id)
 */
import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { join } from "node:path";
import { platformKeyIn } from "@holdfast/cloud/access/edge";
import { fetchImage } from "@holdfast/drivers/images/fetch";
import { fileBlobs } from "@holdfast/drivers/images/files";
import { qemuDisks } from "@holdfast/drivers/images/qemu-img";
import { httpWebhooks } from "@holdfast/drivers/webhook/http";
import { type MintId, uuidV7 } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import pino from "pino";
import { startManager } from "./manager.ts";
import { mintName } from "./names.ts";
import { powerOf } from "./power.ts";

const { env } = process;
const state = env.HOLDFAST_STATE ?? "/var/lib/holdfast";
const name = env.HOLDFAST_NAME ?? `${hostname()}-${process.pid}`;
const log = pino({
  base: { process: "manager", manager: name },
  serializers: { error: pino.stdSerializers.err },
});
const databaseUrl = env.DATABASE_URL;
if (!databaseUrl) {
  log.fatal("DATABASE_URL is not set");
  process.exit(2);
}

/** Random bytes that no id has used yet: to ask the kernel for sixteen of them costs as much as for all of these. */
let random = Buffer.alloc(0);
const sixteen = () => {
  if (random.length === 0) random = randomBytes(4_096);
  const next = random.subarray(0, 16);
  random = random.subarray(16);
  return next;
};

const manager = await startManager({
  name,
  databaseUrl,
  ...(env.HOLDFAST_DATABASE_ROLE ? { databaseRole: env.HOLDFAST_DATABASE_ROLE } : {}),
  api: addressOf(env.HOLDFAST_API ?? "127.0.0.1:7070"),
  ...(env.HOLDFAST_EC2 ? { ec2: addressOf(env.HOLDFAST_EC2) } : {}),
  ...(env.HOLDFAST_LISTEN
    ? { outside: { ...addressOf(env.HOLDFAST_LISTEN), names: [hostname()] } }
    : {}),
  agents: {
    ...addressOf(env.HOLDFAST_AGENTS ?? "127.0.0.1:7071"),
    names: (env.HOLDFAST_NAMES ?? "127.0.0.1").split(","),
  },
  blobs: await fileBlobs(join(state, "images")),
  disks: await qemuDisks({ directory: join(state, "images") }),
  webhooks: httpWebhooks(),
  download: async (url, limitBytes) =>
    (await fetchImage(url, { limitBytes, patience: seconds(30) })).content,
  power: (bmc) => powerOf(bmc, () => performance.now()),
  logDirectory: join(state, "logs"),
  ticks: () => performance.now(),
  mintId: (() => uuidV7(Date.now(), sixteen())) as MintId, // Every kind of id is such a UUID.
  mintSecret: () => randomBytes(24).toString("base64url"),
  platformKey: await platformKeyIn(state),
  mintName: () => mintName(randomBytes(4)),
  log,
  version: env.HOLDFAST_VERSION ?? "0.1.0",
}).catch((error: unknown) => {
  log.fatal({ error }, "the manager did not start");
  process.exit(1);
});

for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    log.info({ signal }, "the manager stops");
    void manager.close().then(() => process.exit(0));
  });

function addressOf(text: string): { address: string; port: number } {
  const [, address = "", port = ""] = /^(.*):(\d+)$/.exec(text) ?? [];
  return { address, port: Number(port) };
}
