/** The guard as the process that it is, with real processes in the place of guests. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { GuardState, Renewed } from "@holdfast/cloud/agent";
import { watchdogTwin } from "@holdfast/drivers/watchdog/simulated";

const lease = 1_500;
const watchdogTime = 3_000;
/** For what happens at once on a machine that has nothing else to do. */
const patience = 120_000;

test("at the end of the lease fenceable guests are killed with a note, and others live", async (t) => {
  const host = await openHost(t);
  await host.startGuard();
  const [shared, local] = [host.launch(true), host.launch(false)];
  const agent = await host.connect();
  agent.renew();
  await until("the watchdog is armed", () => agent.state()?.watchdog.isArmed === true);
  assert.equal(host.twin.isArmed(), true);
  const renewedAt = performance.now();
  agent.renew();
  await until("the guest is dead", () => !shared.isAlive());
  const after = performance.now() - renewedAt - lease;
  assert.ok(after > -50 && after < 3_000, `killed ${Math.round(after)} ms after the lease ended`);
  assert.equal(
    JSON.parse(readFileSync(join(shared.directory, "fenced"), "utf8")).why,
    "lease-expired",
  );
  await until("it says so", () => agent.state()?.isQuarantined === true);
  // Longer than the watchdog's time: it is petted, because nothing fenceable is left.
  await until("the guard goes on petting", () => host.twin.pets() > 8);
  assert.deepEqual([local.isAlive(), host.fires()], [true, 0]);
});

test("a launch that races with the quarantine is lost", async (t) => {
  const host = await openHost(t);
  await host.startGuard();
  const agent = await host.connect();
  agent.renew();
  await until("the quarantine", () => agent.state()?.isQuarantined === true);
  for (let i = 0; i < 5; i++) {
    const late = host.launch(true);
    await until("the late guest is dead", () => !late.isAlive());
  }
});

test("a guard that is killed comes back with its lease, and its watchdog counts meanwhile", async (t) => {
  const host = await openHost(t);
  await host.startGuard();
  const guest = host.launch(true);
  const agent = await host.connect();
  // A watchdog that is too quick for a new process on a busy machine would end that one, too.
  agent.renew({ lease: 600_000, watchdog: 300_000 });
  await until("armed", () => agent.state()?.watchdog.isArmed === true);
  await until("written down", () => existsSync(join(host.state, "guard", "lease.json")));
  host.guard()?.kill("SIGKILL");
  await until("the guard is gone", () => host.guard()?.signalCode === "SIGKILL");
  assert.equal(host.twin.isArmed(), true);
  await host.startGuard();
  const again = await host.connect();
  await until("it knows its lease", () => again.state()?.isValid === true);
  await until("it pets", () => again.state()?.watchdog.isArmed === true);
  assert.deepEqual([guest.isAlive(), host.fires()], [true, 0]);
});

test("a guard that stays away is replaced by the watchdog", async (t) => {
  const host = await openHost(t);
  await host.startGuard();
  const guest = host.launch(true);
  const agent = await host.connect();
  agent.renew({ lease: 60_000 });
  await until("armed", () => agent.state()?.watchdog.isArmed === true);
  host.guard()?.kill("SIGSTOP"); // Frozen: its connections stay open.
  await until("the watchdog has fired", () => host.fires() === 1);
  await until("the guest is dead", () => !guest.isAlive()); // Its end is heard a moment after the shot.
});

test("told to stop, it disarms the watchdog if no fenceable guest is alive", async (t) => {
  const host = await openHost(t);
  await host.startGuard();
  host.launch(false);
  const agent = await host.connect();
  agent.renew({ lease: 60_000 });
  await until("armed", () => agent.state()?.watchdog.isArmed === true);
  host.guard()?.kill("SIGTERM");
  await until("it has stopped", () => host.guard()?.exitCode === 0);
  assert.equal(host.twin.isArmed(), false);
});

async function openHost(t: TestContext) {
  const state = mkdtempSync(join(tmpdir(), "hf-guard-"));
  const path = join(state, "watchdog");
  const children: ChildProcess[] = [];
  const sockets: Socket[] = [];
  let guard: ChildProcess | undefined;
  let guests = 0;
  const kill = () => {
    for (const child of children) child.kill("SIGKILL");
  };
  const twin = await watchdogTwin(path, kill);
  t.after(async () => {
    for (const socket of sockets) socket.destroy();
    kill();
    await twin.close();
    await until("all have ended", () =>
      children.every((one) => one.exitCode !== null || one.signalCode !== null),
    );
    rmSync(state, { recursive: true });
  });
  const own = (child: ChildProcess) => {
    children.push(child);
    return child;
  };
  return {
    state,
    twin,
    fires: () => twin.fired(),
    guard: () => guard,
    async startGuard() {
      const main = join(import.meta.dirname, "main.ts");
      const env = { ...process.env, HOLDFAST_STATE: state, HOLDFAST_WATCHDOG: `unix:${path}` };
      const stdio = ["ignore", "ignore", "inherit"] as const; // What ends it is worth reading.
      guard = own(spawn(process.execPath, ["--import", "tsx", main], { env, stdio: [...stdio] }));
    },
    /** A process, and the traces that a launched guest leaves in the run directory. */
    launch(isFenceable: boolean) {
      const child = own(spawn("sleep", ["600"], { stdio: "ignore" }));
      const id = `00000000-0000-7000-8000-${String(++guests).padStart(12, "0")}`;
      const directory = join(state, "run", id, "g1");
      mkdirSync(directory, { recursive: true });
      const record = {
        name: id,
        uid: 0,
        bootId: "b",
        at: 0,
        requestId: "r",
        lent: [],
        isFenceable,
      };
      writeFileSync(join(directory, "started"), "launched\n");
      writeFileSync(join(directory, "pid"), readFileSync(`/proc/${child.pid}/stat`));
      writeFileSync(join(directory, "spec.json"), JSON.stringify(record));
      return {
        directory,
        isAlive: () => child.exitCode === null && child.signalCode === null,
      };
    },
    async connect() {
      let last: GuardState | undefined;
      const hasEnded = () => guard?.exitCode !== null || guard.signalCode !== null;
      const socket = await connected(join(state, "guard", "guard.sock"), hasEnded);
      sockets.push(socket);
      createInterface({ input: socket }).on("line", (line) => {
        last = JSON.parse(line) as GuardState;
      });
      return {
        state: () => last,
        renew(about: Partial<Renewed> = {}) {
          const renewed: Renewed = {
            ...{ say: "renewed", sentAt: Number(process.hrtime.bigint() / 1_000_000n), lease },
            ...{ killBudget: 3_000, watchdog: watchdogTime, host: "h1", epoch: 1, bootId: "b" },
            ...{ agentPid: 0, managers: [], pools: {}, ...about },
          };
          socket.write(`${JSON.stringify(renewed)}\n`);
        },
      };
    },
  };
}

/** Until somebody listens, or nobody is left who could. */
async function connected(path: string, hasEnded: () => boolean): Promise<Socket> {
  const end = performance.now() + patience;
  for (; performance.now() < end && !hasEnded(); await sleep(50)) {
    const socket = connect(path);
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    if (isOpen) return socket.on("error", () => {});
  }
  throw new Error(`nobody listens at ${path}`);
}

async function until(what: string, isSo: () => unknown): Promise<void> {
  const end = performance.now() + patience;
  while (!isSo()) {
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
    await sleep(10);
  }
}
