/** Each row is a silent host, in words, and what is done about it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { after, type Instant, seconds } from "@holdfast/kernel/time";
import { type FencingRules, fence, type SilentHost, watchdogBound } from "./fencing.ts";

const rules: FencingRules = {
  lease: seconds(5),
  killBudget: seconds(3),
  watchdog: seconds(10),
  acceptsSoftware: false,
};
const silentSince = 1_000_000 as Instant;
const at = (s: number) => after(silentSince, seconds(s));
const long = at(-3_600);
const bare: SilentHost = {
  silentSince,
  endsBy: undefined,
  watchdog: undefined,
  seenSince: long,
  steadySince: long,
  power: { is: "absent" },
  storage: { is: "absent" },
  brakedBy: undefined,
};
const idle = { is: "idle", notBefore: silentSince } as const;

type Expected = { powerOff?: true; cutStorage?: true; isBoundOver?: true; waits?: RegExp };
const table: Record<string, readonly [Partial<SilentHost>, now: number, Expected]> = {
  "with a power controller: it is switched off at once": [
    { power: idle },
    5,
    { powerOff: true, waits: /power/ },
  ],
  "its volumes can be taken away: at once, and beside whatever else": [
    { storage: idle, power: idle },
    5,
    { cutStorage: true, powerOff: true },
  ],
  "its volumes are being taken away: not twice at the same time": [
    { storage: { is: "busy" } },
    6,
    { waits: /volumes/ },
  ],
  "its controller is busy: not twice at the same time": [{ power: { is: "busy" } }, 6, {}],
  "its controller has just failed: again, after a pause": [
    { power: { is: "idle", notBefore: at(8) } },
    7,
    {},
  ],
  "the pause is over": [{ power: { is: "idle", notBefore: at(8) } }, 8, { powerOff: true }],
  "a watchdog, and a second too early": [{ watchdog: "hardware" }, 15, { waits: /watchdog/ }],
  "a watchdog, and its time is over": [{ watchdog: "hardware" }, 16, { isBoundOver: true }],
  "a simulated one counts like hardware": [{ watchdog: "simulated" }, 16, { isBoundOver: true }],
  "a dead controller does not keep the watchdog from being the proof": [
    { watchdog: "hardware", power: { is: "busy" } },
    16,
    { isBoundOver: true },
  ],
  "only software: not counted unless it is allowed": [{ watchdog: "software" }, 60, {}],
  "no watchdog, no controller: a person, or its return": [{}, 600, { waits: /person's word/ }],
  "nobody else shares its pool yet: nobody could take its guests": [
    { watchdog: "hardware", seenSince: undefined },
    600,
    { waits: /another host/ },
  ],
  "the others came back later than it fell silent: the bound counts from then": [
    { watchdog: "hardware", seenSince: at(30) },
    45,
    { waits: /watchdog/ },
  ],
  "and is over that much later": [
    { watchdog: "hardware", seenSince: at(30) },
    46,
    { isBoundOver: true },
  ],
  "it was promised a longer lease, which was shortened since: what it was promised counts": [
    { watchdog: "hardware", endsBy: at(31) },
    30,
    { waits: /watchdog/ },
  ],
  "and is over when it was": [{ watchdog: "hardware", endsBy: at(31) }, 31, { isBoundOver: true }],
  "the clock has jumped since it fell silent: nobody knows for how long, so it counts from then": [
    { watchdog: "hardware", steadySince: at(60) },
    75,
    { waits: /watchdog/ },
  ],
  "what is certain of a clock that has jumped": [
    { watchdog: "hardware", steadySince: at(60) },
    76,
    { isBoundOver: true },
  ],
  "all on its own disks: nothing is gained by calling it dead": [
    { watchdog: "hardware", seenSince: "alone" },
    600,
    { waits: /own disks/ },
  ],
  "its domain is braked: nothing, however long": [
    { watchdog: "hardware", power: idle, brakedBy: "pod a" },
    600,
    { waits: /a person: so much of pod a/ },
  ],
};

for (const [situation, [host, now, expected]] of Object.entries(table))
  test(situation, () => {
    const steps = fence({ ...bare, ...host }, rules, at(now));
    assert.equal(steps.powerOff, expected.powerOff ?? false);
    assert.equal(steps.isBoundOver, expected.isBoundOver ?? false);
    if (expected.waits) assert.match(steps.waitingFor, expected.waits);
  });

test("software counts where an operator says so", () => {
  const lenient = { ...rules, acceptsSoftware: true };
  assert.ok(fence({ ...bare, watchdog: "software" }, lenient, at(16)).isBoundOver);
});

test("the bound is longer than what a host may take, by more than clocks drift", () => {
  for (const lease of [1, 5, 20, 300])
    for (const killBudget of [1, 3, 60])
      for (const watchdog of [2, 10, 60, 300]) {
        const all = {
          ...rules,
          lease: seconds(lease),
          killBudget: seconds(killBudget),
          watchdog: seconds(watchdog),
        };
        const hosts = (all.lease + Math.max(all.killBudget, all.watchdog)) * 1.01;
        assert.ok(watchdogBound(all) > hosts, `${lease} ${killBudget} ${watchdog}`);
      }
});
