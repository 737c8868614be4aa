/** One row for every way of dying, with what it leaves; then what contradicts it, and what is missing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Confidence } from "./certificate.ts";
import type { Evidence } from "./evidence.ts";
import { inquest } from "./inquest.ts";
import { rules } from "./rules.ts";
import { type CauseClass, causeClasses, meaningOf } from "./taxonomy.ts";
import { before, event, evidence, exit, fence } from "./testing.ts";

const oopses = [
  "BUG: kernel NULL pointer dereference, address: 0000000000000008",
  "Kernel panic - not syncing: Fatal exception",
];
const stop = { verb: "stop", actor: "ann" } as const;
const killed = { status: { signal: "SIGKILL" } } as const;
const timedOut = { requested: true, bootTimedOut: true } as const;
const rebooting = [9_000, 6_000, 3_000].map((ago) =>
  event("RESET", ago, '{"guest":true,"reason":"guest-reset"}'),
);
const diskFull = event(
  "BLOCK_IO_ERROR",
  9_000,
  '{"operation":"write","action":"stop","nospace":true}',
);
const report = (changes: Parameters<typeof exit>[0]) => ({ report: exit(changes) });
const problem = { kind: "unavailable", code: "qemu_missing", message: "There is no QEMU." };

type Row = readonly [Partial<Evidence>, CauseClass, Confidence?];
const table: Record<string, Row> = {
  // Asked for.
  "its owner stopped it": [{ ...report({ requested: true }), asked: stop }, "user-stop"],
  "its owner destroyed it": [
    { ...report({ requested: true, ...killed }), asked: { verb: "destroy" } },
    "user-destroy",
  ],
  "stopped before it was launched": [
    { ...report({ status: "never-launched", requested: true }), asked: stop },
    "user-stop",
  ],
  "a stop that had to use force": [
    { ...report({ requested: true, ...killed }), asked: stop },
    "user-stop",
  ],
  "ended on an order that nobody remembers": [report({ requested: true }), "user-stop"],
  "its host is being emptied": [
    { ...report({ requested: true }), maintenance: { at: before(9), mode: "draining" } },
    "maintenance",
  ],
  "its owner stops it on a host that is being emptied": [
    {
      ...report({ requested: true }),
      asked: stop,
      maintenance: { at: before(9), mode: "draining" },
    },
    "user-stop",
  ],

  // The guest's own doing.
  "the guest switches itself off": [report({ reason: "guest-shutdown" }), "guest-shutdown"],
  "somebody pressed its power button on the host": [
    report({ reason: "guest-shutdown", events: [event("POWERDOWN", 2_000)] }),
    "guest-shutdown",
  ],
  "the guest panics, and its machine is told": [report({ reason: "guest-panic" }), "guest-panic"],
  "a panic also leaves with code 0, told by an event only": [
    report({ events: [event("GUEST_PANICKED", 50)] }),
    "guest-panic",
  ],
  "a panic that only the console shows, in a guest that then stood still": [
    report({ ...timedOut, consoleTail: oopses }),
    "guest-panic",
    "likely",
  ],
  "a panic that was survived by a reboot, then switched off": [
    report({
      reason: "guest-shutdown",
      events: [event("GUEST_PANICKED", 90_000), event("RESET", 89_000)],
    }),
    "guest-shutdown",
  ],
  "it panicked long ago and stood there until its owner stopped it": [
    { ...report({ requested: true, events: [event("GUEST_PANICKED", 600_000)] }), asked: stop },
    "user-stop",
  ],
  "it panics while it shuts down": [
    { ...report({ requested: true, reason: "guest-panic" }), asked: stop },
    "guest-panic",
  ],
  "the guest's watchdog fires, and ends it": [
    report({ watchdogFired: true, events: [event("WATCHDOG", 100)] }),
    "guest-hang",
  ],
  "a watchdog fired an hour ago; now QEMU crashes": [
    report({
      watchdogFired: true,
      events: [event("WATCHDOG", 3_600_000)],
      status: { signal: "SIGSEGV" },
    }),
    "qemu-crash",
  ],
  "a watchdog fired an hour ago; now it is just gone": [
    report({ watchdogFired: true, events: [event("WATCHDOG", 3_600_000)] }),
    "unknown",
    "none",
  ],
  "it reboots again and again until its time is up": [
    report({ ...timedOut, events: rebooting }),
    "guest-reset-loop",
  ],
  "it reboots in a loop because it panics": [
    report({ ...timedOut, events: rebooting, consoleTail: oopses }),
    "guest-panic",
    "likely",
  ],
  "one reboot resets a machine three times": [
    report({
      ...timedOut,
      events: [event("RESET", 3_000), event("RESET", 2_900), event("RESET", 2_800)],
    }),
    "boot-timeout",
  ],
  "resets that the platform itself pressed are no loop": [
    report({
      ...timedOut,
      events: rebooting.map((one) => ({ ...one, detail: '{"reason":"host-qmp-system-reset"}' })),
    }),
    "boot-timeout",
  ],
  "a reboot ends a process that does not begin anew": [
    report({ reason: "guest-reset" }),
    "guest-reset",
  ],
  "it never said ready": [report(timedOut), "boot-timeout"],
  "it had to be killed, because it never said ready": [
    report({ ...timedOut, ...killed }),
    "boot-timeout",
  ],
  "its host never confirmed the start": [
    { ...report({ requested: true }), overdueSince: before(30_000) },
    "boot-timeout",
  ],

  // Its host and its hypervisor.
  "the kernel killed it for memory: its control group counts": [
    report({ ...killed, oomKills: 1 }),
    "host-oom-kill",
  ],
  "the kernel killed it for memory: its log says so": [
    report({
      ...killed,
      kernelLog: ["2026-11-21T10:00:00.000Z Out of memory: Killed process 9 (qemu-system-x86)"],
    }),
    "host-oom-kill",
  ],
  "something else in its control group was killed for memory": [
    report({ oomKills: 1, reason: "guest-shutdown" }),
    "guest-shutdown",
  ],
  "killed, and nobody says why": [report(killed), "qemu-killed"],
  "told to end by somebody on the host": [
    report({ reason: "host-signal", signalledBy: { signal: "SIGTERM", pid: 4711, name: "bash" } }),
    "qemu-killed",
  ],
  "told to quit over its control socket": [report({ reason: "host-qmp-quit" }), "qemu-killed"],
  crashed: [report({ status: { signal: "SIGSEGV" } }), "qemu-crash"],
  "failed an assertion": [
    report({
      status: { signal: "SIGABRT" },
      hypervisorLog: ["qemu: block.c:1: Assertion `bs' failed."],
    }),
    "qemu-crash",
  ],
  "ended with an error": [report({ status: { code: 1 } }), "qemu-crash"],
  "crashed while it was being stopped": [
    { ...report({ requested: true, status: { signal: "SIGSEGV" } }), asked: stop },
    "qemu-crash",
  ],
  "its disk is full, and its kernel panics over it": [
    report({ reason: "guest-panic", events: [diskFull] }),
    "storage-io",
    "likely",
  ],
  "it stands still over its disk until its time is up": [
    report({ ...timedOut, events: [{ ...diskFull, at: before(600_000) }, event("STOP", 600_000)] }),
    "storage-io",
    "likely",
  ],
  "a disk error that was mended an hour ago has nothing to do with a panic": [
    report({
      reason: "guest-panic",
      events: [
        { ...diskFull, at: before(3_600_000) },
        event("STOP", 3_600_000),
        event("RESUME", 3_500_000),
      ],
    }),
    "guest-panic",
  ],
  "somebody kills what stands still over its disk": [
    report({ ...killed, events: [diskFull, event("STOP", 9_000)] }),
    "qemu-killed",
  ],
  "could not be launched": [
    report({ status: "never-launched", requested: true, problem }),
    "launch-failed",
  ],
  "crashed at once, so it could not be launched": [
    report({ status: { signal: "SIGSEGV" }, problem }),
    "launch-failed",
  ],
  "lost on its way to another host": [
    { ...report({}), migration: { at: before(10), from: "h1", to: "h2", says: "timed out" } },
    "migration-failed",
    "likely",
  ],

  // The host itself.
  "its guard ended it": [
    report({ ...killed, fenced: { at: before(10), why: "lease-expired" } }),
    "self-fenced",
  ],
  "it had switched itself off just before its guard could end it": [
    report({ reason: "guest-shutdown", fenced: { at: before(10), why: "lease-expired" } }),
    "guest-shutdown",
  ],
  "its host's power is off": [{ fence: fence("power-off") }, "host-failure"],
  "its host's watchdog has fired": [{ fence: fence("watchdog") }, "host-failure"],
  "its host came back from a new boot, and the process left no record": [
    { ...report({ status: "unrecorded" }), fence: fence("boot-id") },
    "host-failure",
  ],
  "an operator gave their word": [{ fence: fence("attested") }, "attested", "likely"],
  "fenced; later its host tells that its guard had ended it": [
    {
      ...report({ ...killed, fenced: { at: before(10), why: "lease-expired" } }),
      fence: fence("watchdog"),
    },
    "self-fenced",
  ],
  "given up on an operator's word; later its host comes back with it": [
    { ...report({ requested: true }), fence: fence("attested") },
    "host-partition",
  ],
  "it had crashed before its host fell silent": [
    {
      report: exit({ status: { signal: "SIGSEGV" }, at: before(60_000) }),
      fence: fence("power-off"),
    },
    "qemu-crash",
  ],

  // Nothing, or not enough.
  "code 0 alone means nothing": [report({}), "unknown", "none"],
  "gone without a record": [report({ status: "unrecorded" }), "unknown", "none"],
  "no report at all": [{}, "unknown", "none"],
  "no report, though its owner wanted it stopped": [{ asked: stop }, "unknown", "none"],
  "no report from a host in maintenance": [
    { maintenance: { at: before(9), mode: "maintenance" } },
    "unknown",
    "none",
  ],

  // Evidence that contradicts itself.
  "a panic was reported, and then QEMU crashed": [
    report({ reason: "guest-panic", status: { signal: "SIGSEGV" } }),
    "guest-panic",
    "likely",
  ],
  "it switched itself off, and was killed": [
    report({ reason: "guest-shutdown", ...killed }),
    "guest-shutdown",
    "likely",
  ],
};

for (const [situation, [changes, cause, confidence = "certain"]] of Object.entries(table))
  test(situation, () => {
    const certificate = inquest(evidence(changes));
    assert.deepEqual([certificate.cause, certificate.confidence], [cause, confidence]);
    assert.notEqual(certificate.says, "");
    if (cause !== "unknown") assert.ok(certificate.evidence.length > 0, "a cause without evidence");
  });

test("every cause that an end can have is in the table above, and so is every rule", () => {
  const named = new Set(Object.values(table).map(([, cause]) => cause));
  const ends = causeClasses.filter((one) => meaningOf(one).is === "end");
  assert.deepEqual(
    ends.filter((one) => !named.has(one)),
    [],
  );
  assert.deepEqual(
    rules.filter(({ cause }) => meaningOf(cause).is !== "end"),
    [],
  );
});

test("unknown lists everything that was sought, and why it matters", () => {
  const { sought, says, evidence: found } = inquest(evidence(report({ status: "unrecorded" })));
  assert.match(says, /nothing on its host says why/);
  assert.equal(found.length, 1);
  assert.ok(sought.length > 20);
  for (const { what, why } of sought) assert.ok(what && why);
  assert.ok(sought.some(({ what }) => what.includes("out-of-memory")));
});

test("a cause that rests on one witness says what would have said more", () => {
  const { sought } = inquest(evidence(report(killed)));
  assert.deepEqual(
    sought.map(({ what }) => what),
    [
      "who told QEMU to end",
      "an out-of-memory kill in its control group or the kernel's log",
      "a note of its host's guard",
    ],
  );
});

test("evidence is told in order of time, each piece once, with who saw it", () => {
  const { evidence: told } = inquest(
    evidence({
      ...report({
        ...killed,
        oomKills: 1,
        kernelLog: ["1970-01-01T00:16:30.000Z oom-kill:constraint=CONSTRAINT_MEMCG"],
      }),
      asked: { ...stop, at: before(20_000) },
    }),
  );
  const times = told.map(({ at }) => at);
  assert.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  assert.deepEqual(
    new Set(told.map(({ source }) => source)),
    new Set(["operator", "host kernel", "host"]),
  );
  assert.equal(told[1]?.at, 990_000, "the kernel's own time");
  assert.equal(new Set(told.map(({ says }) => says)).size, told.length);
});

test("a panic is explained by what the console says: title, function, and whose matter it is", () => {
  const consoleTail = [
    "[    5.1] BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "[    5.1] #PF: supervisor read access in kernel mode",
    "[    5.1] Oops: 0000 [#1] SMP PTI",
    "[    5.1] CPU: 0 PID: 140 Comm: insmod Not tainted 6.1.0-28-amd64 #1",
    "[    5.1] RIP: 0010:frobnicate+0x12/0x40 [widget]",
    "[    5.1] Call Trace:",
    "[    5.1]  <TASK>",
    "[    5.1]  do_one_initcall+0x56/0x230",
    "[    5.2] Kernel panic - not syncing: Fatal exception",
  ];
  const { says, panic, console } = inquest(
    evidence(report({ reason: "guest-panic", consoleTail })),
  );
  assert.match(says, /frobnicate/);
  assert.deepEqual(
    [panic?.class, panic?.function, panic?.module],
    ["null-dereference", "frobnicate", "widget"],
  );
  assert.ok(console.length > 0);
});

test("without a word on the console a panic is still a panic", () => {
  const { panic, says, sought } = inquest(evidence(report({ reason: "guest-panic" })));
  assert.equal(panic, undefined);
  assert.equal(says, "Its kernel panicked.");
  assert.deepEqual(
    sought.map(({ what }) => what),
    ["a kernel panic on the serial console"],
  );
});
