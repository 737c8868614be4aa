import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { test } from "node:test";
import { findProcess, isAlive, parseStat, processesMentioning, signal } from "./process.ts";

const stat = (name: string) =>
  `42 (${name}) S 1 42 42 0 -1 4194304 100 0 0 0 0 0 0 0 20 0 1 0 777 2654208 0`;

test("a process is read whatever it calls itself", () => {
  for (const name of ["qemu", "a b", "a) S 1 (b"])
    assert.deepEqual(parseStat(stat(name)), { pid: 42, state: "S", startTicks: 777 });
});

test("half a line is no process", () => {
  for (const text of ["", "sealed\n", "42", "42 (qemu) S 1 2"])
    assert.equal(parseStat(text), undefined);
});

test("a number that was used again is another process", async () => {
  const child = spawn("sleep", ["1000"]);
  const { pid = 0 } = child;
  const found = findProcess(pid);
  assert.ok(found && isAlive(found));
  const former = { pid, startTicks: found.startTicks - 1 };
  assert.equal(isAlive(former), false);
  assert.equal(signal(former, "SIGKILL"), false);
  assert.ok(isAlive(found), "the wrong one was not hit");
  assert.ok((await processesMentioning("1000")).some((each) => each.pid === pid));
  const exited = once(child, "exit");
  assert.equal(signal(found, "SIGKILL"), true);
  await exited;
  assert.equal(isAlive(found), false);
});
