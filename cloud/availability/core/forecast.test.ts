/** What a plan says of the proof is what fencing would really wait for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, seconds } from "@holdfast/kernel/time";
import { type FencingRules, fence } from "./fencing.ts";
import { type Forecasted, forecast } from "./forecast.ts";

const rules: FencingRules = {
  lease: seconds(5),
  killBudget: seconds(3),
  watchdog: seconds(10),
  acceptsSoftware: false,
};
const silentSince = 1_000_000 as Instant;
const host: Forecasted = {
  state: "up",
  hasPower: false,
  watchdog: "hardware",
  seenSince: 0 as Instant,
};

const table: readonly [change: Partial<Forecasted>, says: RegExp][] = [
  [{}, /^its hardware watchdog, after 16 s; counted from its last word$/],
  [{ hasPower: true }, /^its power read back as off, soon after 5 s; or its hardware watchdog/],
  [{ hasPower: true, watchdog: undefined }, /^its power read back as off, soon after 5 s; counted/],
  [{ seenSince: undefined }, /16 s after another host has shown itself in its pools/],
  [{ seenSince: "alone" }, /a person's word: it shares no pool/],
  [{ watchdog: "software" }, /a person's word: it has neither/],
  [{ watchdog: undefined }, /a person's word: it has neither/],
  [{ state: "down" }, /^it is proven dead already/],
];
for (const [change, says] of table)
  test(`a host with ${JSON.stringify(change)}: ${says.source}`, () => {
    assert.match(forecast({ ...host, ...change }, rules), says);
  });

test("a host that was never heard needs no proof", () => {
  assert.match(forecast(undefined, rules), /never heard/);
});

test("a software watchdog counts where the setting says so", () => {
  const accepting = { ...rules, acceptsSoftware: true };
  assert.match(forecast({ ...host, watchdog: "software" }, accepting), /^its software watchdog/);
});

test("a watchdog is promised exactly where fencing would accept it", () => {
  const late = (silentSince + seconds(3_600)) as Instant;
  for (const watchdog of ["hardware", "software", "simulated", undefined] as const)
    for (const seenSince of [silentSince, "alone", undefined] as const)
      for (const acceptsSoftware of [true, false]) {
        const own = { ...rules, acceptsSoftware };
        const known = { endsBy: undefined, steadySince: undefined };
        const silent = { silentSince, watchdog, seenSince, brakedBy: undefined, ...known } as const;
        const nobody = { power: { is: "absent" }, storage: { is: "absent" } } as const;
        const { isBoundOver } = fence({ ...silent, ...nobody }, own, late);
        const says = forecast({ ...host, watchdog, seenSince }, own);
        // A promise that still waits for another host is kept only once that is there.
        assert.equal(/watchdog, after 16 s/.test(says), isBoundOver, says);
      }
});
