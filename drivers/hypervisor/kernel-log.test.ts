/** A kernel's log as one host wrote it, with two guests in trouble, and a device that is not there. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { kernelLog, linesAbout, parseRecord } from "./kernel-log.ts";

const clock: Clock = { now: () => Date.now() as Instant, sleep: async () => {} };
const mine = { group: "aaa.g1", threads: new Set([100, 101]), since: 0 as Instant };

const log = [
  "CPU 0/TCG invoked oom-killer: gfp_mask=0x140cca, order=0, oom_score_adj=0",
  "memory: usage 262144kB, limit 262144kB, failcnt 54",
  "oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),oom_memcg=/holdfast/aaa.g1,task_memcg=/holdfast/aaa.g1,task=qemu-system-x86,pid=9100,uid=910000",
  "Memory cgroup out of memory: Killed process 9100 (qemu-system-x86) total-vm:502356kB",
  "memory: usage 90000kB, limit 90000kB, failcnt 3",
  "oom-kill:constraint=CONSTRAINT_MEMCG,oom_memcg=/holdfast/bbb.g1,task_memcg=/holdfast/bbb.g1,task=qemu-system-x86,pid=200,uid=910001",
  "Memory cgroup out of memory: Killed process 200 (qemu-system-x86) total-vm:502356kB",
  "CPU 0/TCG[101]: segfault at 0 ip 00005581 sp 00007f2c error 4 in qemu-system-x86_64[5581+1000]",
  "CPU 0/TCG[201]: segfault at 0 ip 00005581 sp 00007f2c error 4 in qemu-system-x86_64[5581+1000]",
  "traps: worker[100] general protection fault ip:5581 sp:7f2c error:0 in libc.so.6",
  "audit: type=1326 audit(1.0:1): auid=0 uid=1 gid=1 ses=1 pid=101 comm=qemu sig=31 arch=c000003e syscall=59",
  "INFO: task qemu-system-x86:100 blocked for more than 120 seconds.",
  "INFO: task qemu-system-x86:200 blocked for more than 120 seconds.",
];
const entries = log.map((text, index) => ({ at: 1_000 + index, text }));

test("a guest's lines are told from its neighbour's", () => {
  const found = linesAbout(entries, mine).map(({ text }) => log.indexOf(text));
  assert.deepEqual(found, [1, 2, 3, 7, 9, 10, 11]);
  assert.deepEqual(linesAbout(entries, { ...mine, group: "ccc.g1", threads: new Set() }), []);
});

test("a memory kill is recognised by its process when the whole host was short", () => {
  const global = [
    "oom-kill:constraint=CONSTRAINT_NONE,global_oom,task_memcg=/,task=qemu-system-x86,pid=100,uid=9",
    "Out of memory: Killed process 100 (qemu-system-x86) total-vm:502356kB",
  ].map((text) => ({ at: 1, text }));
  assert.equal(linesAbout(global, mine).length, 2);
});

test("a record is dated from the host's boot, and its second line is left out", () => {
  assert.deepEqual(parseRecord("3,974,16152067106,-;Killed process 1\n SUBSYSTEM=x\n", 1_000), {
    at: 1_000 + 16_152_067,
    text: "Killed process 1",
  });
  assert.equal(parseRecord("nonsense", 0), undefined);
});

test("lines from before the machine are another's with the same number", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "hf-kmsg-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const file = join(dir, "kmsg");
  const now = Number(process.hrtime.bigint() / 1_000n); // The kernel counts microseconds from its boot.
  writeFileSync(file, `3,1,${now},-;Out of memory: Killed process 100 (qemu-system-x86)\n`);
  const told = kernelLog(clock, file);
  const [line] = told.about({ ...mine, since: clock.now() });
  assert.match(line ?? "", /^\d{4}-\d\d-\d\dT\S+Z Out of memory: Killed process 100/);
  assert.ok(Math.abs(Date.parse((line ?? "").slice(0, 24)) - clock.now()) < 60_000);
  assert.deepEqual(told.about({ ...mine, since: (clock.now() + 60_000) as Instant }), []);
  told.close();
});

test("a host whose log may not be read has nothing to tell", () => {
  const told = kernelLog(clock, "/nowhere/kmsg");
  assert.deepEqual(told.about(mine), []);
  told.close();
});
