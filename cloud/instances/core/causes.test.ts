/** What an ending is called, by its evidence. Absence of evidence is `unknown`, never a guess. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExitReport } from "@holdfast/cloud/hosts";
import { endingOf } from "./causes.ts";

const bare: ExitReport = {
  at: 1,
  status: { code: 0 },
  requested: false,
  hypervisorLog: [],
  consoleTail: [],
  oomKills: 0,
  bootTimedOut: false,
};
const problem = { kind: "unavailable", code: "launch_failed", message: "no kernel" };

const table: Record<string, readonly [Partial<ExitReport>, string, string?]> = {
  "asked for": [{ requested: true }, "user-stop"],
  "the guest switched itself off": [{ reason: "guest-shutdown" }, "guest-shutdown"],
  "a panic also leaves with code 0": [{ reason: "guest-panic" }, "guest-panic"],
  "killed, and the cgroup says why": [
    { status: { signal: "SIGKILL" }, oomKills: 1 },
    "host-oom-kill",
  ],
  "killed, and nobody says why": [{ status: { signal: "SIGKILL" } }, "qemu-killed"],
  "told to end by somebody on the host": [{ reason: "host-signal" }, "qemu-killed"],
  crashed: [{ status: { signal: "SIGSEGV" } }, "qemu-crash"],
  "ended with an error": [{ status: { code: 1 } }, "qemu-crash"],
  "code 0 alone means nothing": [{}, "unknown"],
  "gone without a record": [{ status: "unrecorded" }, "unknown"],
  "never launched": [{ status: "never-launched", requested: true }, "user-stop", "never-launched"],
  "could not be launched": [
    { status: "never-launched", requested: true, problem },
    "launch-failed",
    "launch-failed",
  ],
  "ended for not saying ready": [{ requested: true, bootTimedOut: true }, "boot-timeout"],
};

for (const [situation, [changes, expected, how = "exited"]] of Object.entries(table))
  test(situation, () => {
    const ending = endingOf({ ...bare, ...changes });
    assert.deepEqual([ending.cause.class, ending.how], [expected, how]);
  });
