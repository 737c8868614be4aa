/**
 * A handful of operations on real guests while whatever runs them is killed at random moments: afterwards
 * every instance is what was asked for, one QEMU for each, and the guest that nobody touched never noticed.
 *
 * SEED=n repeats the choices of a run.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { seeded } from "@holdfast/kernel/random";
import { until } from "../platform.ts";
import { type Installation, install, victims } from "./installation.ts";

const seed = Number(process.env.SEED ?? 1);
const at = "/v1/projects/default/instances";
const patience = 120_000;
/** Each kill makes the work take longer, so there must be an end to them. */
const mostRounds = 8;

interface View {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly guest: string | null;
  readonly generation: number;
  readonly job: string | null;
  readonly op: unknown;
  readonly cause: { readonly class: string } | null;
}

let here: Installation;
before(async () => {
  here = await install("kills");
});
after(() => here?.remove());

const show = async (name: string) => (await here.call<View>("GET", `${at}/${name}`)).body;
const becomes = (what: string, name: string, isSo: (view: View) => boolean) =>
  until(what, async () => isSo(await show(name)), patience);
const keyOf = ({ id, generation }: View) => `${id} g${generation}`;

test(`operations on real guests are carried out while everything is killed (SEED=${seed})`, async (t) => {
  const random = seeded(seed);
  const untouched = await show("first");
  const process = here.guests().get(keyOf(untouched));
  assert.ok(process);
  let isDone = false;
  let requests = 0;
  const struck: string[] = [];
  const killing = async () => {
    // Each alone, and then several at a time.
    const rounds = [...random.shuffled(victims).map((victim) => [victim]), [...victims]];
    for (let round = 0; round < rounds.length || (!isDone && round < mostRounds); round++) {
      await sleep(300 + random.below(1_500));
      const some = rounds[round] ?? victims.filter(() => random.below(3) === 0);
      for (const victim of some) here.kill(victim);
      struck.push(some.join("+"));
      if (some.includes("supervisor")) await here.command("up");
    }
  };
  const ask = async (path: string, body: object = {}) => {
    const key = { "idempotency-key": `kills-${++requests}` };
    // Refused for as long as what was asked before is still under way.
    await until(
      `${path} is accepted`,
      async () => {
        const { status, body: answer } = await here.call<object>("POST", path, body, key);
        assert.ok(status === 202 || status === 409, JSON.stringify(answer));
        return status === 202;
      },
      patience,
    );
    await sleep(random.below(2_000));
  };
  const working = async () => {
    await ask(at, { name: "ada" });
    await ask(`${at}/ada/stop`, { force: true });
    await ask(at, { name: "bob" });
    await ask(`${at}/ada/start`);
    await ask(`${at}/bob/destroy`);
    await ask(`${at}/ada/stop`);
    await ask(`${at}/bob/recover`);
    await ask(`${at}/ada/start`);
  };
  const worked = working().finally(() => {
    isDone = true;
  });
  // Both to their ends, however they end: nobody may still be killing when this is taken down.
  const ends = await Promise.allSettled([killing(), worked]);
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  t.diagnostic(struck.join(", "));

  await becomes(
    "ada runs and is up",
    "ada",
    ({ state, guest }) => state === "running" && guest === "up",
  );
  await becomes("bob is where he was wished", "bob", ({ desired, state }) => state === desired);
  const all = (await here.call<{ instances: View[] }>("GET", at)).body.instances;
  const running = all.filter(({ state }) => state === "running");
  assert.deepEqual(running.map(({ name }) => name).sort(), ["ada", "first"]);
  assert.deepEqual([...here.guests().keys()].sort(), running.map(keyOf).sort());
  for (const { name, op, job } of all) assert.deepEqual([op, job], [null, null], name);
  const { body } = await here.call<{ jobs: unknown[] }>(
    "GET",
    "/v1/projects/default/jobs?state=running",
  );
  assert.deepEqual(body.jobs, []);

  assert.equal(here.guests().get(keyOf(untouched)), process, "the same process");
  const log = await here.call<{ lines: { text: string }[] }>(
    "GET",
    `${at}/first/console-log?lines=5000`,
  );
  const boots = log.body.lines.filter(({ text }) => /holdfast: ready/.test(text));
  assert.equal(boots.length, 1, "and it has booted once");
});

test("a guest that switches itself off stays off, with its own word as the cause", async () => {
  const userData = "#!/bin/sh\nsleep 1\npoweroff\n";
  await here.call("POST", at, { name: "tired", userData });
  await becomes("it is off", "tired", ({ state }) => state === "stopped");
  const { desired, generation, cause } = await show("tired");
  assert.deepEqual([desired, generation, cause?.class], ["stopped", 1, "guest-shutdown"]);
});

test("when all is expunged and the platform is down, nothing is left of it", async () => {
  const { instances } = (await here.call<{ instances: View[] }>("GET", at)).body;
  for (const { id } of instances.filter(({ name }) => name !== "first")) {
    await here.call("POST", `${at}/${id}/destroy`, {});
    await becomes("it is destroyed", id, ({ state }) => state === "destroyed");
    await here.call("POST", `${at}/${id}/expunge`, {});
    await becomes("it is expunged", id, ({ state }) => state === "expunged");
  }
  await here.command("down", "--guests");
  assert.deepEqual([...here.guests().keys()], []);
  assert.deepEqual(here.leftovers(instances.map(({ id }) => id)), []);
});
