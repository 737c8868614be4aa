/**
 * The whole thing on real parts: `holdfast up`, real guests, and kill -9 of everything that may be killed.
 *
 * One platform with its own state directory and ports for all tests here, in order; the last one takes it
 * down and looks for leftovers.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { freePort } from "@holdfast/store/testing";
import { until } from "../platform.ts";
import { machineIsFree } from "./installation.ts";

const launcher = join(import.meta.dirname, "..", "..", "holdfast");
const state = `/tmp/hf-e2e-${process.pid}`;
const at = "/v1/projects/default/instances";
const patience = 90_000;
let url = "";
let token = "";

interface View {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly guest: string | null;
  readonly generation: number;
  readonly cause: { readonly class: string } | null;
}

before(async () => {
  await machineIsFree();
  const ports = await Promise.all([freePort(), freePort(), freePort(), freePort()]);
  const [api, agents, database, ec2] = ports.map(String);
  holdfast(
    "up",
    "--api-port",
    `${api}`,
    "--ec2-port",
    `${ec2}`,
    "--agent-port",
    `${agents}`,
    "--database-port",
    `${database}`,
  );
  const client = JSON.parse(readFileSync(join(state, "client.json"), "utf8"));
  url = client.url;
  token = client.token;
});

after(() => {
  if (!existsSync(state)) return; // Taken down by the last test.
  for (const pid of qemus()) process.kill(pid, "SIGKILL");
  holdfast("down", "--guests");
  rmSync(state, { recursive: true, force: true });
});

function holdfast(command: string, ...args: readonly string[]): string {
  return execFileSync(launcher, [command, "--state", state, ...args], { encoding: "utf8" });
}

async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const response = await fetch(`${url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as T; // The tests say what they expect.
}

const show = (name: string) => call<View>("GET", `${at}/${name}`);

/** The platform may be away just then; that it comes back is part of what is tested. */
const becomes = (what: string, name: string, isSo: (view: View) => boolean) =>
  until(what, () => show(name).then(isSo, () => false), patience);

/** QEMU processes of this state directory, and nobody else's. */
function qemus(): readonly number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const words = commandLine(pid).split("\0");
      return words[0] === "qemu-system-x86_64" && words.join(" ").includes(`${state}/run`);
    });
}

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8");
  } catch {
    return "";
  }
}

const pidOf = (name: string) =>
  Number(
    readFileSync(
      name === "database"
        ? join(state, "database/data/postmaster.pid")
        : join(state, `${name}.pid`),
      "utf8",
    ).split("\n")[0],
  );

const boots = async (name: string) => {
  const { lines } = await call<{ lines: { text: string }[] }>(
    "GET",
    `${at}/${name}/console-log?lines=5000`,
  );
  return lines.filter(({ text }) => text.includes("holdfast: ready")).length;
};

test("a second up finds everything running and changes nothing", async () => {
  const before = qemus();
  assert.equal(before.length, 1);
  holdfast("up");
  assert.deepEqual(qemus(), before);
  const { instances } = await call<{ instances: View[] }>("GET", at);
  assert.deepEqual(
    instances.map(({ name, guest }) => [name, guest]),
    [["first", "up"]],
  );
});

test("every guest is confined: own user, no privileges, seccomp, own network and cgroup", () => {
  const [pid = 0] = qemus();
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, "m").exec(status)?.[1];
  assert.deepEqual(
    [field("Seccomp"), field("NoNewPrivs"), field("CapEff")],
    ["2", "1", "0000000000000000"],
  );
  assert.ok(Number(field("Uid")?.split("\t")[0]) >= 200_000);
  assert.match(readFileSync(`/proc/${pid}/cgroup`, "utf8"), /holdfast/);
});

test("kill -9 of manager, agent, guard, database and supervisor: guests never notice", async () => {
  await call("POST", at, { name: "second" });
  await becomes("the second guest is up", "second", ({ guest }) => guest === "up");
  const guests = qemus();
  const victims = ["manager", "agent", "guard", "database"];
  for (const victim of [...victims.map((name) => [name]), victims]) {
    for (const name of victim) process.kill(pidOf(name), "SIGKILL");
    for (const name of ["first", "second"])
      await becomes(
        `${name} is back after ${victim}`,
        name,
        (view) => view.state === "running" && view.guest === "up",
      );
    await until(
      "the host is up",
      async () => {
        const { hosts } = await call<{ hosts: { state: string; isConnected: boolean }[] }>(
          "GET",
          "/v1/hosts",
        );
        return hosts.every((host) => host.state === "up" && host.isConnected);
      },
      patience,
    );
  }
  process.kill(pidOf("supervisor"), "SIGKILL");
  holdfast("up");
  assert.deepEqual(qemus(), guests, "the same processes");
  assert.deepEqual(
    [await boots("first"), await boots("second")],
    [1, 1],
    "and none of them booted again",
  );
});

test("commands given while the agent is away are carried out when it is back", async () => {
  process.kill(pidOf("agent"), "SIGKILL");
  await call("POST", `${at}/second/stop`, {});
  await becomes("it is stopped", "second", (view) => view.state === "stopped");
  await call("POST", `${at}/second/start`, {});
  await becomes("it runs again", "second", (view) => view.guest === "up" && view.generation === 2);
});

test("a QEMU that is killed is started again, and its cause is on record", async () => {
  const { id } = await show("second");
  const victim = qemus().find((pid) => commandLine(pid).includes(id));
  assert.ok(victim);
  process.kill(victim, "SIGKILL");
  await becomes(
    "a third generation is up",
    "second",
    (view) => view.generation === 3 && view.guest === "up",
  );
  const { events } = await call<{ events: { event: string; detail: { class?: string } | null }[] }>(
    "GET",
    `${at}/second/events`,
  );
  assert.ok(
    events.some(({ event, detail }) => event === "exitObserved" && detail?.class === "qemu-killed"),
  );
});

test("a frozen QEMU is stopped by force", async () => {
  const { id } = await show("second");
  const frozen = qemus().find((pid) => commandLine(pid).includes(id));
  assert.ok(frozen);
  process.kill(frozen, "SIGSTOP");
  await call("POST", `${at}/second/stop`, { force: true });
  await becomes("it is stopped", "second", (view) => view.state === "stopped");
  assert.ok(!qemus().includes(frozen));
});

test("a file that is not an image is refused, and says what it looks like", async () => {
  const name = "not-an-image";
  await call("POST", "/v1/projects/default/images", { name });
  const response = await fetch(`${url}/v1/projects/default/images/${name}/content`, {
    method: "PUT",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
    body: "<!doctype html><title>404</title>",
  });
  const { code, message } = (await response.json()) as { code: string; message: string };
  assert.deepEqual([response.status, code], [400, "image_not_an_image"]);
  assert.match(message, /HTML/);
});

test("down leaves the guests running and the next up adopts them; down --guests leaves nothing", async () => {
  const guests = qemus();
  assert.equal(guests.length, 1);
  holdfast("down");
  assert.deepEqual(qemus(), guests);
  holdfast("up");
  assert.deepEqual(qemus(), guests);
  await becomes("it is seen to be up", "first", ({ guest }) => guest === "up");
  holdfast("down", "--guests");
  assert.deepEqual(qemus(), []);
  const processes = readdirSync("/proc").filter(
    (name) => /^\d+$/.test(name) && commandLine(Number(name)).includes(state),
  );
  assert.deepEqual(processes, []);
  const left = readdirSync(join(state, "run"), { recursive: true }).map(String);
  assert.deepEqual(
    left.filter((path) => !/^[0-9a-f-]{36}(\/generation)?$/.test(path)),
    [],
    "only tombstones",
  );
  assert.equal(readFileSync(join(state, "agent/wishes.jsonl"), "utf8"), "");
  rmSync(state, { recursive: true, force: true });
});
