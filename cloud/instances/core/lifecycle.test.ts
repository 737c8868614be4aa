/** The table itself, walked from end to end. A new row gets these checks without asking for them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reachable } from "@holdfast/kernel/fsm";
import {
  commands,
  firstState,
  homed,
  type InstanceEvent,
  lifecycle,
  proofs,
  timers,
  transitional,
} from "./lifecycle.ts";

const arrows = lifecycle.states.flatMap((from) =>
  lifecycle.events.flatMap((event) => {
    const to = lifecycle.next(from, event);
    return to ? [{ from, event, to }] : [];
  }),
);
const isCommand = (event: InstanceEvent) => commands.some((command) => command === event);

test("the table has the eleven states and fifty-seven arrows that were checked, plus birth", () => {
  assert.equal(lifecycle.states.length, 11);
  assert.equal(arrows.length, 57);
});

test("every pair of state and event has an answer", () => {
  for (const state of lifecycle.states)
    for (const event of lifecycle.events) {
      const reaction = lifecycle.react(state, event);
      if ("to" in reaction) assert.ok(lifecycle.states.includes(reaction.to));
      else if ("refused" in reaction) assert.ok(!reaction.accepting.includes(state));
      else assert.ok(reaction.ignored);
    }
});

test("what is ignored is never also an arrow", () => {
  for (const { from, event } of arrows)
    assert.ok(!("ignored" in lifecycle.react(from, event)), `${from} ${event}`);
});

test("every state can be reached from the first", () => {
  assert.deepEqual([...reachable(lifecycle, firstState)].sort(), [...lifecycle.states].sort());
});

test("from every state there is a way to `expunged`", () => {
  for (const state of lifecycle.states)
    assert.ok(reachable(lifecycle, state).has("expunged"), state);
});

test("only `expunged` has no way out", () => {
  const ends = lifecycle.states.filter((state) => !arrows.some(({ from }) => from === state));
  assert.deepEqual(ends, ["expunged"]);
});

test("every transitional state has a timer, and a way out that is neither timer nor command", () => {
  for (const state of transitional) {
    const out = arrows.filter(({ from }) => from === state);
    assert.ok(
      out.some(({ event }) => timers.has(event)),
      `${state} has no timer`,
    );
    assert.ok(
      out.some(({ event, to }) => to !== state && !timers.has(event) && !isCommand(event)),
      `${state} can only be left by force`,
    );
  }
});

test("every state but the last two accepts a command", () => {
  for (const state of lifecycle.states) {
    if (state === "expunging" || state === "expunged") continue;
    assert.ok(
      arrows.some(({ from, event }) => from === state && isCommand(event)),
      state,
    );
  }
});

test("no instance leaves its host without a proof", () => {
  for (const { from, event, to } of arrows)
    if (homed.has(from) && !homed.has(to))
      assert.ok(proofs.has(event), `${from} --${event}--> ${to}`);
});

test("`lost` is left by evidence only, never by a wish or the passing of time", () => {
  const out = arrows.filter(({ from, to }) => from === "lost" && to !== "lost");
  assert.deepEqual(out.map(({ event }) => event).sort(), [
    "exitObserved",
    "fenceProven",
    "operatorAttested",
    "reattached",
    "reattachedMigrating",
    "reattachedStopping",
    "switched",
  ]);
});

test("a misspelt event does not compile", () => {
  // @ts-expect-error: there is no such event.
  assert.equal(lifecycle.next("running", "explode"), undefined);
});
