/**
 * Who looks for bugs is looked at here: bugs are planted, and must be caught. See planting.ts.
 *
 * A few of them in each run, others each day; HOLDFAST_PLANTED says how many (6), which (their names, with commas
 * between them), or `all`. That each can still be planted is seen for all of them.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { grouped } from "@holdfast/kernel/grouped";
import { startTestServer } from "@holdfast/store/testing";
import {
  type Caught,
  failureOf,
  type Planted,
  readCaught,
  readPlanted,
  refusalOf,
  runSeeds,
  sow,
} from "./planting.ts";

const fewest = 40;
const handful = 6;
/** The seed that caught it comes first. The code may have changed since, and then others do. */
const others = Array.from({ length: 40 }, (_, index) => index + 1);
/** For one bug, where its own seed does not catch it any more; milliseconds. */
const patience = 60_000;

const all = readPlanted();
const caught = readCaught();
const program = "test/simulation/run-seeds.ts";
const huntAgain = (name: string) => `hunt it again: npm run sim:planted -- --again --only ${name}`;

test("every planted bug can still be planted, and says why it is one", () => {
  for (const planted of all) {
    assert.equal(refusalOf(planted), undefined, planted.name);
    assert.match(planted.why, /^[A-Z`].+[.?!]$/, planted.name);
  }
});

test("every planted bug was caught by something, and there are enough of them", () => {
  assert.deepEqual(
    Object.keys(caught),
    all.map(({ name }) => name),
  );
  assert.ok(all.length >= fewest, `${all.length}`);
  for (const entry of Object.values(caught))
    if ("seed" in entry) assert.ok(entry.seed >= 1 && entry.seed <= 200, entry.by);
});

const server = await startTestServer();
after(() => server.stop());
const usual = { within: patience, server: server.url };
const chosen = choose(process.env.HOLDFAST_PLANTED ?? String(handful));

describe("planted bugs are caught", () => {
  for (const planted of chosen) {
    const { name, why } = planted;
    test(`${name}: ${why}`, async (t) => {
      const entry = caught[name];
      if (!entry) assert.fail(huntAgain(name));
      t.diagnostic(await catchIt(planted, entry));
    });
  }

  test("and without them the same seeds break nothing", async () => {
    const bundle = await sow(program);
    for (const [cloud, all] of grouped(chosen, ({ cloud }) => JSON.stringify(cloud))) {
      // What the tests of models say of the sound code, they say by themselves.
      const seeds = [...new Set(all.flatMap(({ name }) => seedOf(caught[name])))];
      const within = patience * seeds.length; // All of them, however slow the machine is.
      const orders = { ...usual, within, seeds, cloud: JSON.parse(cloud) };
      const outcomes = await runSeeds(bundle, orders);
      assert.deepEqual(
        outcomes.map(({ seed, violations }) => ({ seed, violations })),
        seeds.map((seed) => ({ seed, violations: [] })),
      );
    }
  });
});

const seedOf = (entry: Caught | undefined) => (entry && "seed" in entry ? [entry.seed] : []);

/** Resolves with what caught it. */
async function catchIt(planted: Planted, entry: Caught): Promise<string> {
  const { name, cloud } = planted;
  if ("test" in entry) {
    const failure = await failureOf(planted, entry.test);
    assert.ok(failure !== undefined, `${entry.test} finds nothing: ${huntAgain(name)}`);
    return failure;
  }
  const seeds = [entry.seed, ...others.filter((seed) => seed !== entry.seed)];
  const tried = await runSeeds(await sow(program, planted), { ...usual, seeds, cloud });
  const broken = tried.find(({ violations }) => violations.length > 0);
  assert.ok(broken, `${tried.length} seeds show nothing: ${huntAgain(name)}`);
  return `seed ${broken.seed}: ${broken.violations[0]}`;
}

function choose(asked: string): readonly Planted[] {
  if (asked === "all") return all;
  if (!/^\d+$/.test(asked)) return all.filter(({ name }) => asked.split(",").includes(name));
  const day = Math.floor(Date.now() / 86_400_000);
  return Array.from({ length: Math.min(Number(asked), all.length) }, (_, index) => {
    const at = (day * Number(asked) + index) % all.length;
    return all.slice(at, at + 1);
  }).flat();
}
