/** How long wrong passwords cost, as tables; and whom an address stands for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Instant, minutes, seconds } from "@holdfast/kernel/time";
import { type DelayRules, type Tries, tried, waitOf } from "./delay.ts";
import { sourceOf } from "./source.ts";

const rules: DelayRules = { free: 3, longest: seconds(60) };

/** The waits before each of so many tries, each made as soon as it may be. */
function waits(count: number): number[] {
  let [tries, now]: [Tries | undefined, number] = [undefined, 1_000_000];
  return Array.from({ length: count }, () => {
    const wait = waitOf(tries, rules, now as Instant);
    now += wait;
    tries = tried(tries, rules, now as Instant);
    return wait / 1_000;
  });
}

test("wrong passwords cost nothing at first, and then twice as long each time, up to a limit", () => {
  assert.deepEqual(waits(12), [0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]);
});

test("a thousand tries at the same moment are a thousand, and a long pause is forgiven", () => {
  let tries: Tries | undefined;
  for (let index = 0; index < 1_000; index++) tries = tried(tries, rules, 0 as Instant);
  assert.equal(waitOf(tries, rules, 0 as Instant), 60_000);
  assert.equal(waitOf(tries, rules, 59_000 as Instant), 1_000);
  assert.equal(tried(tries, rules, minutes(3) as unknown as Instant).count, 1_001);
  assert.equal(tried(tries, rules, minutes(5) as unknown as Instant).count, 1);
});

test("one who has a /64 is one, and IPv4 is IPv4 in any clothes", () => {
  for (const [address, source] of [
    ["10.0.0.1", "10.0.0.1"],
    ["::ffff:10.0.0.1", "10.0.0.1"],
    ["::FFFF:10.0.0.1", "10.0.0.1"],
    ["2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"],
    ["2001:db8:1:2::6", "2001:db8:1:2::/64"],
    ["2001:0DB8:0001:0002:ffff::", "2001:db8:1:2::/64"],
    ["2001:db8::1", "2001:db8:0:0::/64"],
    ["::1", "0:0:0:0::/64"],
    ["fe80::1%eth0", "fe80:0:0:0::/64"],
    ["", ""],
  ] as const)
    assert.equal(sourceOf(address), source);
});
