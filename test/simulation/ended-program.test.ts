/** What outlives a program that is ended, and must not. */
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { outputOf } from "./ended-program.ts";

/** Begins somebody in a process group of its own and without an environment, as a machine is begun, and hears nothing. */
const program = `
const begun = '/bin/sleep 1000 & echo "$$ $!" > "$1.new"; /bin/mv "$1.new" "$1"; wait';
const [note, how] = process.argv.slice(1);
const argv = ["-c", begun, process.env.TMPDIR + "/run", note];
const options = { detached: true, env: {}, stdio: "ignore" };
require("node:child_process").spawn("/bin/sh", argv, options).unref();
process.on("SIGTERM", () => {});
process.stdout.write("begun");
const { existsSync } = require("node:fs");
const timer = setInterval(() => how === "go" && existsSync(note) && clearInterval(timer), 5);
`;
/** Nobody may have heard yet of the end of one that has ended. */
const isRunning = (pid: string) =>
  existsSync(`/proc/${pid}`) && !readFileSync(`/proc/${pid}/stat`, "utf8").includes(") Z ");

for (const how of ["stay", "go"])
  test(`of a program that was told to ${how} nothing is left behind`, async () => {
    const folder = mkdtempSync(join(tmpdir(), "hf-ended-"));
    const note = join(folder, "note");
    const limit = new AbortController();
    const options = { cwd: folder, env: process.env, limit: limit.signal };
    const ended = outputOf(["-e", program, note, how], options).catch(
      (error: { readonly stdout: string }) => `${error.stdout} and ended`,
    );
    while (!existsSync(note)) await sleep(5);
    const pids = readFileSync(note, "utf8").trim().split(" ");
    if (how === "stay") limit.abort();
    assert.equal(await ended, how === "stay" ? "begun and ended" : "begun");
    assert.deepEqual(pids.map(isRunning), [false, false]);
    rmSync(folder, { recursive: true });
  });
