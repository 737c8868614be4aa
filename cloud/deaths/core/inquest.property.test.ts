/** What holds of every inquest, whatever was found: on evidence that nobody would think of. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExitReport } from "@holdfast/cloud/hosts";
import fc from "fast-check";
import type { Evidence } from "./evidence.ts";
import { inquest } from "./inquest.ts";
import { causeClasses } from "./taxonomy.ts";
import { end, evidence, fence } from "./testing.ts";

const seed = 20_261_121;
const check = <T>(one: fc.Arbitrary<T>, holds: (value: T) => void) =>
  fc.assert(fc.property(one, holds), { seed, numRuns: 2_000 });

/** Up to an hour before the end, and a little after it: clocks differ. */
const moment = fc.integer({ min: end - 3_600_000, max: end + 1_000 });
const line = fc.oneof(
  fc.string(),
  fc.constantFrom(
    "Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)",
    "BUG: kernel NULL pointer dereference, address: 0000000000000008",
    "blk_update_request: I/O error, dev vda, sector 8",
    "holdfast: ready",
    "Out of memory: Killed process 138 (tail)",
    "qemu-system-x86_64: terminating on signal 15 from pid 1 (systemd)",
  ),
);
const names = [
  ...["SHUTDOWN", "RESET", "GUEST_PANICKED", "WATCHDOG", "BLOCK_IO_ERROR"],
  ...["POWERDOWN", "STOP", "RESUME"],
];
const report: fc.Arbitrary<ExitReport> = fc
  .record({
    at: moment,
    status: fc.oneof(
      fc.record({ code: fc.constantFrom(0, 1, 255) }),
      fc.record({ signal: fc.constantFrom("SIGKILL", "SIGSEGV", "SIGABRT", "SIGTERM", "SIGSTOP") }),
      fc.constantFrom("unrecorded" as const, "never-launched" as const),
    ),
    reason: fc.option(
      fc.constantFrom(
        ...["guest-shutdown", "guest-panic", "guest-reset", "host-signal", "host-qmp-quit"],
        ...["host-error", "reason 12"],
      ),
      { nil: undefined },
    ),
    requested: fc.boolean(),
    hypervisorLog: fc.array(line, { maxLength: 4 }),
    consoleTail: fc.array(line, { maxLength: 6 }),
    oomKills: fc.nat(2),
    events: fc
      .array(
        fc.record({
          at: moment,
          event: fc.constantFrom(...names),
          detail: fc.constantFrom("", "{", '{"nospace":true}'),
        }),
        { maxLength: 8 },
      )
      .map((all) => all.toSorted((a, b) => a.at - b.at)),
    kernelLog: fc.array(line, { maxLength: 3 }),
    signalledBy: fc.option(
      fc.record({ signal: fc.constant("SIGTERM"), pid: fc.nat(), name: fc.string() }),
      { nil: undefined },
    ),
    fenced: fc.option(fc.record({ at: moment, why: fc.string() }), { nil: undefined }),
    watchdogFired: fc.boolean(),
    bootTimedOut: fc.boolean(),
    problem: fc.option(fc.record({ kind: fc.string(), code: fc.string(), message: fc.string() }), {
      nil: undefined,
      freq: 8,
    }),
  })
  .map(
    (all) =>
      Object.fromEntries(Object.entries(all).filter(([, one]) => one !== undefined)) as ExitReport,
  ); // What is absent is not there.

const anything: fc.Arbitrary<Evidence> = fc
  .record({
    report: fc.option(report, { nil: undefined }),
    asked: fc.option(
      fc.record({
        verb: fc.constantFrom("stop" as const, "destroy" as const, "relaunch" as const),
      }),
      { nil: undefined },
    ),
    overdueSince: fc.option(moment, { nil: undefined, freq: 5 }),
    maintenance: fc.option(
      fc.record({ at: moment, mode: fc.constantFrom("draining" as const, "maintenance" as const) }),
      { nil: undefined },
    ),
    fence: fc.option(
      fc
        .tuple(
          fc.constantFrom("power-off", "watchdog", "boot-id", "storage-cut", "attested"),
          fc.nat(60_000),
        )
        .map(([proof, silentFor]) => fence(proof as Parameters<typeof fence>[0], silentFor)), // One of the five.
      { nil: undefined },
    ),
    migration: fc.option(
      fc.record({ at: moment, from: fc.string(), to: fc.string(), says: fc.string() }),
      { nil: undefined, freq: 5 },
    ),
  })
  .map((all) => {
    const present = Object.entries(all).filter(([, one]) => one !== undefined);
    return evidence(Object.fromEntries(present) as Partial<Evidence>); // What is absent is not there.
  });

test("any evidence gives exactly one cause, a sentence, and something to do next", () => {
  check(anything, (found) => {
    const { cause, says, next, confidence, sought } = inquest(found);
    assert.ok(causeClasses.includes(cause));
    assert.ok(says.length > 0 && next.length > 0);
    assert.equal(confidence === "none", cause === "unknown");
    if (cause === "unknown") assert.ok(sought.length > 0);
  });
});

test("the same evidence always gives the same certificate", () => {
  check(anything, (found) => assert.deepEqual(inquest(found), inquest(structuredClone(found))));
});

test("without a proof no host is said to have died, and none to have been cut off", () => {
  check(anything, (found) => {
    const { cause } = inquest(found);
    if (cause === "host-failure") assert.ok(found.fence && found.fence.proof !== "attested");
    if (cause === "attested" || cause === "host-partition") assert.ok(found.fence);
  });
});

test("without a report nothing is concluded but from a proof or a migration", () => {
  check(anything, ({ report: _, ...silent }) => {
    const { cause } = inquest(silent);
    if (silent.fence || silent.migration || silent.overdueSince !== undefined) return;
    assert.equal(cause, "unknown");
  });
});

test("nobody is said to have asked for an end who did not, but for an order that was carried out", () => {
  check(anything, (found) => {
    const { cause } = inquest(found);
    if (cause === "user-destroy") assert.equal(found.asked?.verb, "destroy");
    if (cause === "user-stop")
      assert.ok(found.report?.requested || found.report?.status === "never-launched");
  });
});

/** Things that are seen in every life. */
const idle = fc.record({
  hypervisorLog: fc.array(
    fc.constantFrom("runstate_set current_run_state 6 (prelaunch)", "simulated"),
    { maxLength: 3 },
  ),
  consoleTail: fc.array(
    fc.constantFrom("login:", "eth0: link becomes ready", "random: crng init done"),
    { maxLength: 3 },
  ),
  events: fc.array(
    fc.constantFrom("RTC_CHANGE", "NIC_RX_FILTER_CHANGED", "BALLOON_CHANGE", "JOB_STATUS_CHANGE"),
    { maxLength: 3 },
  ),
  kernelLog: fc.array(
    fc.constantFrom("2026-11-21T10:00:00Z tap0: entered promiscuous mode", "audit: type=1400"),
    { maxLength: 3 },
  ),
});

test("what has nothing to do with it changes nothing", () => {
  check(fc.tuple(anything, idle), ([found, more]) => {
    const { report: told } = found;
    fc.pre(told !== undefined);
    // A watchdog without any event at all is a weaker witness than one with; the first event makes that difference.
    fc.pre(!told.watchdogFired || told.events.length > 0);
    const events = [
      ...more.events.map((event) => ({ at: told.events[0]?.at ?? told.at, event, detail: "" })),
      ...told.events,
    ];
    const noisy = {
      ...told,
      events,
      hypervisorLog: [...more.hypervisorLog, ...told.hypervisorLog],
      consoleTail: [...more.consoleTail, ...told.consoleTail],
      kernelLog: [...told.kernelLog, ...more.kernelLog],
    };
    const [quiet, loud] = [inquest(found), inquest({ ...found, report: noisy })];
    assert.deepEqual(
      [loud.cause, loud.confidence, loud.says, loud.layer],
      [quiet.cause, quiet.confidence, quiet.says, quiet.layer],
    );
  });
});
