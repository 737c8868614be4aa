/** The program as a process: what only a real one has, such as signals, pipes and exit codes. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { writeConnection } from "./connection.ts";
import { exits } from "./exits.ts";
import { type Desk, desk } from "./testing.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

async function given(t: TestContext): Promise<{ one: Desk; state: string }> {
  const one = await desk();
  const state = await mkdtemp(join(tmpdir(), "holdfast-main-"));
  t.after(() => Promise.all([one.stop(), rm(state, { recursive: true })]));
  await writeConnection(state, { url: one.manager.url, token: "secret" });
  return { one, state };
}

function start(state: string, ...words: readonly string[]) {
  const { HOLDFAST_URL: _, HOLDFAST_TOKEN: __, ...rest } = process.env;
  const child = spawn(process.execPath, ["--import", "tsx", main, ...words], {
    env: { ...rest, HOLDFAST_STATE: state },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let out = "";
  let err = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    err += text;
    if (text.startsWith("web:")) child.kill("SIGINT");
  });
  return once(child, "close").then(([code]) => ({ code, out, err }));
}

test("a process finds what `up` wrote down, prints the reply and ends with 0", async (t) => {
  const { state } = await given(t);
  const { code, out, err } = await start(state, "show", "web", "--json");
  assert.deepEqual([code, err], [0, ""]);
  assert.equal(JSON.parse(out).name, "web");
});

test("a process that is interrupted ends with 130 and leaves the job alone", async (t) => {
  const { one, state } = await given(t);
  one.cloud.looks = 1_000_000;
  const { code, err } = await start(state, "stop", "web", "--wait");
  assert.equal(code, exits.interrupted.code);
  assert.match(err, /The job goes on/);
});
