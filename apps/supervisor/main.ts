/**
 * Keeps the platform's own processes running: PostgreSQL, manager, guard and agent, and the simulated machine
 * room where there is one.
 *
 * Whatever dies is started again; whatever runs already is adopted, so the supervisor itself may be
 * killed and started again without anybody noticing. SIGTERM stops all of them, the database last;
 * guests are not its business and run on.
 *
 * HOLDFAST_STATE  state directory (default /var/lib/holdfast)
 */
import { mkdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { boundConsoles } from "@holdfast/drivers/hypervisor/console-bound";
import { findEmbedded, launchEmbedded } from "@holdfast/store/embedded";
import pino from "pino";
import { type Charge, keepRunning } from "./charge.ts";
import { boundLogs } from "./logs.ts";
import { followedFile, type Plan, type Program, readPlan } from "./plan.ts";
import { findProgram, launchProgram, recordSelf } from "./programs.ts";

const state = process.env.HOLDFAST_STATE ?? "/var/lib/holdfast";
const logs = join(state, "logs");
mkdirSync(logs, { recursive: true });
const log = pino({
  base: { process: "supervisor" },
  serializers: { error: pino.stdSerializers.err },
});
/** As much as an agent keeps of each. */
const consoleBytes = 1 << 20;
/** What is kept running, and what the plan said of it. */
const charges = new Map<string, { readonly charge: Charge; readonly wanted: string }>();
let following: Promise<void> = Promise.resolve();

// Before anybody can know our process id: a signal that nobody listens for ends a process.
process.on("SIGHUP", () => void follow());
for (const signal of ["SIGTERM", "SIGINT"] as const)
  process.once(signal, () => {
    void stop().then(() => process.exit(0));
  });
const bounding = setInterval(() => {
  void boundLogs(logs);
  // While the agent is away nobody else keeps a flooding guest's console small.
  void boundConsoles(join(state, "run"), consoleBytes).catch(() => {});
}, 10_000);
await recordSelf(state);
await follow();

/** One after the other: two at once would both start what neither has in hand yet. */
function follow(): Promise<void> {
  following = following.then(followPlan, followPlan);
  return following;
}

/** Start what is in the plan and not yet in hand; start again what has changed in it. */
async function followPlan(): Promise<void> {
  const { plan, text } = await readPlan(state);
  if (plan.database) await take("database", databaseCharge(plan.database), plan.database);
  for (const program of plan.programs) await take(program.name, programCharge(program), program);
  // Whoever wrote the plan waits for this: what still answers now is what the plan says.
  await writeFile(followedFile(state), text, { mode: 0o600 });
}

async function take(
  name: string,
  how: Parameters<typeof keepRunning>[1],
  wanted: unknown,
): Promise<void> {
  const text = JSON.stringify(wanted);
  const known = charges.get(name);
  if (known?.wanted === text) return;
  await known?.charge.stop();
  charges.set(name, { charge: keepRunning(name, how, log), wanted: text });
}

async function stop(): Promise<void> {
  clearInterval(bounding);
  log.info("the platform stops; guests run on");
  await following.catch(() => {}); // What is being started would be left behind.
  for (const name of ["chassis", "agent", "manager", "guard", "database"])
    await charges.get(name)?.charge.stop();
}

function databaseCharge(options: NonNullable<Plan["database"]>) {
  return {
    find: () => findEmbedded(options.directory),
    launch: () => launchEmbedded(options),
    // A fast shutdown: connections are ended, nothing is lost.
    stopSignal: "SIGINT" as const,
  };
}

function programCharge(program: Program) {
  return {
    find: () => findProgram(state, program),
    launch: () => launchProgram(state, logs, program),
    stopSignal: "SIGTERM" as const,
  };
}
