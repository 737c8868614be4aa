/**
 * `holdfast up`: from a fresh machine to a running guest, and from anything in between to the same.
 *
 * Every step first looks whether it is done, so a second `up` changes nothing, and one that was broken
 * off is simply run again.
 */
import { createReadStream } from "node:fs";
import { mkdir, open, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join as joinPath } from "node:path";
import type { Client } from "@holdfast/client/client";
import { allHosts } from "@holdfast/client/pages";
import { join } from "@holdfast/cloud/agent/edge";
import { createJoinToken } from "@holdfast/cloud/hosts/api";
import { openAuthority } from "@holdfast/cloud/hosts/edge";
import { registerImage } from "@holdfast/cloud/images/api";
import { listInstances } from "@holdfast/cloud/instances/api";
import { fileBlobs } from "@holdfast/drivers/images/files";
import { qemuDisks } from "@holdfast/drivers/images/qemu-img";
import { buildTiny, findTiny, tinyFiles } from "@holdfast/drivers/images/tiny";
import type { ProjectId } from "@holdfast/kernel/ids";
import { type Problem, problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { connectDatabase } from "@holdfast/store/database";
import { findEmbedded } from "@holdfast/store/embedded";
import { begin } from "./begin.ts";
import { bringUpToDate, type DatabaseAccess, openDatabase } from "./database.ts";
import { type Equipment, environmentOf } from "./equipment.ts";
import { ensureHosts, ensureRoom, hostsAreUp, introduce, publicRangeOf, rise } from "./hosts.ts";
import { ensureAptLists, install, missing } from "./needs.ts";
import { ensureOwner, tellOwner } from "./owner.ts";
import { patiently } from "./patiently.ts";
import { buildOf, type Place, paths, readJson, usualState, writePrivately } from "./place.ts";
import { mustBeFree } from "./ports.ts";
import type { Say } from "./say.ts";
import { ensureSupervisor, findProgram, findSupervisor } from "./supervision.ts";

export interface UpOptions extends Place {
  readonly databaseUrl: string | undefined;
  readonly version: string;
  /** How many simulated hosts; 1 is this machine itself. */
  readonly hosts: number;
  /** What this machine has as a host. */
  readonly equipment: Equipment;
}

/** What the supervisor of this machine keeps running. */
interface Programs {
  readonly names: readonly ("chassis" | "manager" | "guard" | "agent")[];
  /** Where agents reach the manager. */
  readonly address: string;
}
const loopback = "127.0.0.1";

const project = "default" as ProjectId; // Looked up by its name.

export async function up(options: UpOptions, say: Say): Promise<void> {
  const { state } = options;
  const at = paths(state);
  say.line(`Holdfast ${options.version}, state in ${state}`);
  await debianPackages(say);
  await portsAreFree(options);
  await mkdir(at.logs, { recursive: true });
  const database = await say.step("PostgreSQL answers", () =>
    openDatabase(options, options.databaseUrl),
  );
  await say.step("the schema is up to date", () => bringUpToDate(database, options));
  const manifest = await say.step("the tiny image is built", () => ensureTiny(state));
  const { client, made } = await ensureOwner(options, database);
  const address =
    options.hosts > 1
      ? await roomIsUp(options, database, client, manifest, say)
      : await machineIsUp(options, database, client, manifest, say);
  const range = options.hosts > 1 ? publicRangeOf(address) : undefined;
  const first = await begin(client, project, range, say);
  await summary(client, options, address, first, say);
  if (options.listen) await tellOutside(options.state, options.listen, database, say);
  if (made) tellOwner(made, say);
}

type Registered = Awaited<ReturnType<typeof ensureTiny>>;

/** This machine is the host. Resolves with the address for agents. */
async function machineIsUp(
  options: UpOptions,
  database: DatabaseAccess,
  client: Client,
  manifest: Registered,
  say: Say,
): Promise<string> {
  const run = (names: Programs["names"]) =>
    ensureSupervisor(options.state, planOf(options, database, { names, address: loopback }));
  await managerIsUp(options, client, manifest, say, () => run(["guard", "manager"]));
  await say.step("this machine is a host", async () => {
    await ensureIdentity(client, options);
    await run(["guard", "manager", "agent"]);
    await hostIsUp(client, paths(options.state).logs);
  });
  return loopback;
}

/** The hosts are simulated. Resolves with the address for agents. */
async function roomIsUp(
  options: UpOptions,
  database: DatabaseAccess,
  client: Client,
  manifest: Registered,
  say: Say,
): Promise<string> {
  const { state, hosts } = options;
  const run = (programs: Programs) => ensureSupervisor(state, planOf(options, database, programs));
  const { room, view } = await say.step("the machine room is open", async () => {
    // One that is up already keeps its manager: whatever is not in the plan is left alone.
    await run({ names: ["chassis"], address: loopback });
    return ensureRoom(options);
  });
  const { gateway } = view;
  if (view.isAtRest) await say.step("the hosts' programs run", () => rise(room));
  await managerIsUp(options, client, manifest, say, () =>
    run({ names: ["chassis", "manager"], address: gateway }),
  );
  await say.step(`${hosts} simulated hosts are up`, async () => {
    await ensureHosts(client, room, view, options);
    await hostsAreUp(client, room).catch(async () => {
      throw await notUp("supervisor", undefined, paths(state).logs);
    });
  });
  await introduce(client, room);
  return gateway;
}

async function managerIsUp(
  options: UpOptions,
  client: Client,
  manifest: Registered,
  say: Say,
  start: () => Promise<void>,
): Promise<void> {
  await say.step("the manager answers", async () => {
    await start();
    await answers(options.apiPort, paths(options.state).logs);
  });
  await say.step("the tiny image is registered", () =>
    client.call(registerImage, { params: {}, query: {}, body: manifest }),
  );
}

/** Where nothing of ours runs yet, nobody else may be on our ports. */
async function portsAreFree({ state, databaseUrl, databasePort, ...ports }: UpOptions) {
  if ((await findSupervisor(state)) !== undefined) return;
  const isDatabaseUp = (await findEmbedded(paths(state).database)) !== undefined;
  if (!databaseUrl && !isDatabaseUp)
    await mustBeFree(databasePort, "the embedded PostgreSQL", "--database-port");
  // A manager whose supervisor was killed runs on, and is ours.
  if ((await findProgram(state, "manager")) !== undefined) return;
  await mustBeFree(ports.apiPort, "the API", "--api-port");
  await mustBeFree(ports.ec2Port, "EC2's clients", "--ec2-port");
  await mustBeFree(ports.agentPort, "the agents", "--agent-port");
}

/** Names what is missing, and installs it. */
async function debianPackages(say: Say): Promise<void> {
  const lacking = await missing();
  if (lacking.length === 0) return;
  say.line("These Debian packages are missing and will be installed:");
  for (const { name, why } of lacking) say.line(`    ${name.padEnd(18)} ${why}`);
  await say.step("the Debian packages are installed", () => install(lacking));
}

async function ensureTiny(state: string) {
  const at = paths(state);
  const where = { directory: at.tiny, rootfs: at.rootfs };
  let built = await findTiny(where);
  if (!built) {
    await ensureAptLists();
    built = await buildTiny({ ...where, cache: at.cache });
  }
  const blobs = await fileBlobs(at.images);
  const disks = await qemuDisks({ directory: at.images });
  for (const part of ["kernel", "initrd", "disk"] as const)
    if (!(await blobs.find(built[part])))
      await blobs.put(createReadStream(joinPath(at.tiny, tinyFiles[part])), built[part]);
  const { virtualBytes } = await disks.inspect(joinPath(at.tiny, tinyFiles.disk));
  const { kernel, initrd, disk, commandLine, builtFrom } = built;
  return {
    name: "tiny",
    source: `built from ${builtFrom.map(({ name, version }) => `${name} ${version}`).join(", ")}`,
    manifest: {
      disk: { digest: disk, format: "qcow2" as const, virtualBytes },
      direct: { kernel, initrd, commandLine },
      saysReady: true,
      warm: true,
      smallestMemoryMiB: 96,
    },
  };
}

function planOf(
  place: UpOptions,
  { url, role, embedded }: DatabaseAccess,
  { names, address }: Programs,
) {
  const script = paths(place.state).script;
  const own = environmentOf(place.equipment);
  const env = {
    chassis: { HOLDFAST_HOSTS: `${place.hosts}` },
    guard: own,
    manager: {
      DATABASE_URL: url,
      ...(role ? { HOLDFAST_DATABASE_ROLE: role } : {}),
      HOLDFAST_API: `127.0.0.1:${place.apiPort}`,
      HOLDFAST_EC2: `127.0.0.1:${place.ec2Port}`,
      ...(place.listen ? { HOLDFAST_LISTEN: place.listen } : {}),
      HOLDFAST_AGENTS: `${address}:${place.agentPort}`,
      ...(address === loopback ? {} : { HOLDFAST_NAMES: `${address},${loopback}` }),
    },
    agent: { HOLDFAST_MANAGERS: `127.0.0.1:${place.agentPort}`, ...own },
  };
  return {
    ...(embedded ? { database: embedded } : {}),
    programs: names.map((name) => ({
      name,
      script: script(name),
      build: buildOf(script(name)),
      env: env[name],
    })),
  };
}

async function answers(port: number, logs: string): Promise<void> {
  await patiently(30, async () => {
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    return response.ok;
  }).catch(async () => {
    throw await notUp("manager", port, logs);
  });
}

async function ensureIdentity(client: Client, place: Place): Promise<void> {
  const file = paths(place.state).identity;
  if (await readJson(file)) return;
  const name = hostname()
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]/g, "-");
  const { token } = await client.call(createJoinToken, {
    params: {},
    query: {},
    body: { hostName: name, minutes: 5 },
  });
  await writePrivately(file, await join(`127.0.0.1:${place.agentPort}`, token, name));
}

async function hostIsUp(client: Client, logs: string): Promise<void> {
  await patiently(45, async () => {
    const hosts = await allHosts(client.call);
    return hosts.some(({ state, isConnected }) => state === "up" && isConnected);
  }).catch(async () => {
    throw await notUp("agent", undefined, logs);
  });
}

async function summary(
  client: Client,
  place: Place,
  address: string,
  first: string | undefined,
  say: Say,
): Promise<void> {
  const hosts = await allHosts(client.call);
  const { instances } = await client.call(listInstances, { params: { project }, query: {} });
  const running = instances.filter(({ state }) => state === "running").length;
  const name = first ?? instances[0]?.name ?? "NAME";
  say.line();
  say.line(`  API        http://127.0.0.1:${place.apiPort}    (OpenAPI: /openapi.json)`);
  say.line(`  EC2 API    http://127.0.0.1:${place.ec2Port}    (aws --endpoint-url; docs/ec2.md)`);
  say.line(`  key        in ${paths(place.state).client}`);
  say.line(`  agents     ${address}:${place.agentPort}`);
  say.line(`  logs       ${paths(place.state).logs}`);
  for (const host of hosts)
    say.line(`  host       ${host.name}, ${host.acceleration?.kind}: ${host.acceleration?.reason}`);
  say.line(`  instances  ${running} running of ${instances.length}`);
  say.line();
  const isUsual = place.state === usualState;
  const holdfast = isUsual ? "./holdfast" : `./holdfast --state ${place.state}`;
  const down = isUsual ? "./holdfast down" : `./holdfast down --state ${place.state}`;
  const room = isUsual ? "./holdfast room" : `./holdfast room --state ${place.state}`;
  say.line("  Next:");
  say.line(`    ${holdfast} list`);
  say.line(`    ${holdfast} console ${name}      (leave with Ctrl-])`);
  say.line(`    ${holdfast} run web --wait`);
  say.line(`    ${holdfast} trace ${name}`);
  if (hosts.length > 1) say.line(`    ${room}              (what is there to be broken)`);
  say.line(`    ${down}              (guests run on; up finds them again)`);
}

/** What somebody on another machine needs besides a key of their own. */
async function tellOutside(
  state: string,
  listen: string,
  { owner }: DatabaseAccess,
  say: Say,
): Promise<void> {
  const database = connectDatabase({ url: owner, connections: 1 });
  const now = () => Date.now() as Instant; // The machine's own clock.
  const clock = { now, sleep: async () => {} };
  const authority = await openAuthority(database, clock).finally(() => database.close());
  const file = paths(state).authority;
  await writeFile(file, authority.certificate);
  const [address, port] = [listen.replace(/:\d+$/, ""), Number(/\d+$/.exec(listen)?.[0])];
  const host = address.includes(":") ? `[${address}]` : address;
  say.line();
  say.line("  Others are answered over TLS. On another machine, with a key of theirs:");
  say.line(`    export HOLDFAST_URL=https://${host}:${port} HOLDFAST_CA=${authority.fingerprint}`);
  say.line(`  and for clients of EC2, with a copy of ${file}:`);
  say.line("    export AWS_CA_BUNDLE=authority.pem");
  say.line(`    aws --endpoint-url https://${host}:${port + 1} ec2 describe-instances`);
}

async function notUp(name: string, port: number | undefined, logs: string): Promise<Problem> {
  const file = await open(joinPath(logs, `${name}.log`)).catch(() => undefined);
  const text = (await file?.readFile("utf8")) ?? "";
  await file?.close();
  const words = text.trim().split("\n").slice(-3).join("\n");
  const where = port === undefined ? "" : ` on port ${port}`;
  return problem(
    "unavailable",
    "program_not_up",
    `The ${name} did not come up${where}. Its last words:\n${words}`,
    {
      fix:
        port === undefined
          ? `Read ${logs}/${name}.log`
          : `Free port ${port}, or give another: holdfast up --api-port 7080`,
    },
  );
}
