/** The guard's decisions as a table, and the inequality that they are for under random misfortune. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { beginsAfter } from "@holdfast/cloud/agent";
import { type Random, seeded } from "@holdfast/kernel/random";
import { decide, type Situation } from "./decide.ts";
import { judgePool, type PoolSight } from "./headless.ts";
import { expiresAt, type Lease, readLease, renewed, writeLease } from "./lease.ts";

const A = 5_000;
const K = 3_000;
const W = 10_000;
const bound = 16_000;
const lease: Lease = {
  ...{ sentAt: 0, lease: A, killBudget: K, watchdog: W, host: "h1", epoch: 1, bootId: "b" },
  ...{ managers: ["m:1"], pools: {}, clockId: "boot" },
};
/** Watched for long and read just now; the stamps last moved at `movedAt`. */
const pool = (now: number, movedAt: number, movingSince = -60_000): PoolSight => ({
  ...{ watchedSince: -60_000, readAt: now - 300, wroteAt: now - 700, movedAt, movingSince },
});
const at = (
  now: number,
  pools: readonly PoolSight[],
  about: Partial<Situation> = {},
): Situation => ({
  ...{ now, startedAt: -60_000, lease, pools, alive: 1, agentHeardAt: 0, ...about },
});
const says = (situation: Situation) => {
  const { isValid, isHeadless, isQuarantined, shouldPet } = decide(situation);
  const word = isValid ? "valid" : isQuarantined ? "kill" : isHeadless ? "headless" : "wait";
  return shouldPet ? `${word}, pet` : word;
};

test("what is done in each situation", () => {
  const rows: readonly (readonly [string, Situation, string])[] = [
    ["the lease is held", at(4_999, []), "valid, pet"],
    ["it is over, and there are no pools", at(5_000, []), "kill"],
    ["over, and others are served", at(5_000, [pool(5_000, 4_600)]), "wait"],
    ["over, and one was served since", at(5_500, [pool(5_500, 5_200)]), "kill"],
    ["half the kill budget later nothing is clear", at(6_500, [pool(6_500, 4_600)]), "kill"],
    ["nothing has moved for three seconds", at(5_000, [pool(5_000, 1_600)]), "headless"],
    ["for longer than a lease", at(7_500, [pool(7_500, 1_100)]), "headless, pet"],
    ["the guests are gone", at(60_000, [], { alive: 0 }), "kill, pet"],
    ["it cannot be read whether they are", at(60_000, [], { alive: undefined }), "kill"],
    [
      "one pool of two shows nothing",
      at(60_000, [pool(60_000, 0), { ...pool(60_000, 0), readAt: 56_900 }]),
      "kill",
    ],
    [
      "it can be read and not written",
      at(60_000, [{ ...pool(60_000, 0), wroteAt: 56_000 }]),
      "kill",
    ],
    ["stamps begin to move again", at(60_000, [pool(60_000, 59_000, 59_000)]), "wait"],
    ["and have done so for a while", at(66_900, [pool(66_900, 66_500, 59_000)]), "wait"],
    ["for a lease and a kill budget", at(67_000, [pool(67_000, 66_500, 59_000)]), "kill"],
    ["a guard that just began", at(1_000, [], { lease: undefined, startedAt: 0 }), "wait"],
    ["and was told nothing", at(6_000, [], { lease: undefined, startedAt: 0 }), "kill"],
    [
      "a guard that is back and has not watched yet",
      at(60_000, [{ ...none, watchedSince: 59_900 }], { startedAt: 59_900 }),
      "wait",
    ],
    [
      "and whose readings take two seconds on a busy machine",
      at(60_000, [{ ...none, watchedSince: 55_000, readAt: 57_900, wroteAt: 57_900 }]),
      "wait",
    ],
    [
      "or three",
      at(60_000, [{ ...none, watchedSince: 54_500, readAt: 57_400, wroteAt: 57_400 }]),
      "wait",
    ],
    [
      "or more: the pool is lost",
      at(60_000, [{ ...none, watchedSince: 54_000, readAt: 56_900, wroteAt: 56_900 }]),
      "kill",
    ],
    [
      "and has watched and seen nothing move",
      at(60_000, [{ ...none, watchedSince: 56_500, readAt: 59_600, wroteAt: 59_000 }]),
      "headless",
    ],
  ];
  assert.deepEqual(
    rows.map(([what, situation]) => `${what}: ${says(situation)}`),
    rows.map(([what, , expected]) => `${what}: ${expected}`),
  );
});
const none = { readAt: undefined, wroteAt: undefined, movedAt: undefined, movingSince: undefined };

test("managers are asked from the third second of the agent's silence on, and not without a lease", () => {
  const asks = (now: number, about = {}) => decide(at(now, [], about)).shouldAsk;
  assert.deepEqual([asks(2_999), asks(3_000), asks(60_000)], [false, true, true]);
  assert.equal(asks(60_000, { lease: undefined }), false);
});

test("a lease runs from when its renewal was sent, whatever order they arrive in", () => {
  const sent = (sentAt: number, now: number, known?: Lease) =>
    renewed(known, { ...lease, sentAt }, now);
  assert.equal(expiresAt(sent(1_000, 1_800)), 6_000);
  assert.equal(expiresAt(sent(1_000, 3_200, sent(3_000, 3_100))), 8_000); // Late and old.
  assert.equal(expiresAt(sent(99_000, 1_000)), 6_000); // From the future.
});

test("a successor knows the lease, and after a reboot nobody does", () => {
  const saved = writeLease({ ...lease, sentAt: 7_000 });
  assert.deepEqual(readLease(saved, "boot", 8_000), { ...lease, sentAt: 7_000 });
  assert.equal(readLease(saved, "another boot", 100), undefined);
  assert.equal(readLease(saved.slice(0, 40), "boot", 8_000), undefined); // Cut short.
});

test("only a pool that answers can be quiet", () => {
  for (let age = 0; age < 10_000; age += 100) {
    const sight = { ...pool(100_000, 0), readAt: 100_000 - age };
    const verdict = judgePool(sight, 100_000, 50_000, lease);
    assert.equal(verdict, age > 3_000 ? "lost" : "still");
  }
});

/**
 * S > (A + max(K, W)) × (1 + drift). One host is cut off, hangs or has its guard killed at a random moment; clocks
 * drift by a percent, messages take up to two seconds and a fifth is lost. Another host is served throughout,
 * so somebody could start the guests. They must be dead when the manager may, which counts from the last
 * moment at which nobody was there to start them.
 */
test("no guest outlives the bound at which it may be started elsewhere, whatever happens", () => {
  const margins: number[] = [];
  for (let seed = 1; seed <= 4_000; seed++) {
    const margin = marginOf(seeded(seed));
    assert.ok(margin > 0, `seed ${seed}: alive ${-margin} ms after the bound`);
    margins.push(margin);
  }
  assert.ok(Math.min(...margins) < 3_000, "the test is too kind to find anything");
});

test("a bound of fifteen seconds would have next to no margin", () => {
  const margins = Array.from({ length: 4_000 }, (_, index) => marginOf(seeded(index + 1)));
  assert.ok(Math.min(...margins) < 1_100, `${Math.min(...margins)} ms are left at sixteen`);
});

/** How long before the bound the guest was dead; real milliseconds. */
function marginOf(random: Random): number {
  const rate = 1 + (random.below(2_001) - 1_000) / 100_000; // Of the host's clock.
  const cutAt = 5_000 + random.below(20_000);
  // What may befall the guard besides: nothing, SIGKILL and a successor, a pause, or it hangs for good.
  const fate = random.pick(["none", "restart", "pause", "hang"] as const);
  const fateAt = cutAt - 3_000 + random.below(10_000);
  const fateOver = fateAt + 200 + random.below(12_000);
  const isStuck = random.below(3) === 0; // SIGKILL does not end the guest.
  const readEvery = 500 + random.below(400);

  let known: Lease | undefined;
  let handledAt = 0;
  const arrivals: { readonly at: number; readonly sentAt: number }[] = [];
  for (let sent = random.below(1_000); sent < cutAt; sent += 1_000) {
    if (random.below(5) === 0) continue;
    const handled = sent + random.below(2_000);
    handledAt = Math.max(handledAt, handled);
    if (random.below(5) > 0) arrivals.push({ at: handled + random.below(2_000), sentAt: sent });
  }

  let watch = freshWatch(0);
  let startedAt = 0;
  let petted = Number.NEGATIVE_INFINITY;
  let otherStamp = 0;
  let otherSeen = -1;
  let servedSince = 0;
  let wasAway = false;
  for (let now = 0; now < 60_000; now += 100) {
    const local = now * rate;
    // The other host is served every second, give or take what is lost on its way.
    if (now % 1_000 === 0 && random.below(5) > 0) {
      if (now - otherStamp > 3_000) servedSince = now;
      otherStamp = now;
    }
    if (Number.isFinite(petted) && now - petted >= W)
      return Math.max(handledAt, servedSince) + bound - (petted + W);
    const isAway = fate !== "none" && now >= fateAt && (fate === "hang" || now < fateOver);
    if (isAway) {
      wasAway = true;
      continue;
    }
    if (wasAway && fate === "restart") {
      watch = freshWatch(local);
      otherSeen = -1;
      startedAt = local;
    }
    wasAway = false;
    for (const { at: arrived, sentAt } of arrivals)
      if (arrived <= now) known = renewed(known, { ...lease, sentAt: sentAt * rate }, local);
    if (local - (watch.readAt ?? Number.NEGATIVE_INFINITY) >= readEvery) {
      if (otherSeen >= 0 && otherStamp !== otherSeen) {
        const { readAt, movedAt, watchedSince } = watch;
        const isNew = (readAt ?? watchedSince) - (movedAt ?? watchedSince) >= beginsAfter;
        watch = { ...watch, movedAt: local, ...(isNew ? { movingSince: local } : {}) };
      }
      otherSeen = otherStamp;
      watch = { ...watch, readAt: local, wroteAt: local };
    }
    const decision = decide({
      ...{ now: local, startedAt, lease: known, pools: [watch], alive: 1, agentHeardAt: 0 },
    });
    if (decision.shouldPet && known) petted = now;
    if (decision.isQuarantined && known && !isStuck)
      return Math.max(handledAt, servedSince) + bound - now;
  }
  assert.ok(!Number.isFinite(petted), "the guest was neither killed nor reset");
  return Number.POSITIVE_INFINITY; // It never had a lease, so it never attested a watchdog.
}

const freshWatch = (now: number): PoolSight => ({ ...none, watchedSince: now });
