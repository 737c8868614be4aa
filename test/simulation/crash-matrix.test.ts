/**
 * A sample of the crash matrix, another one every day, and every point that once broke something. All of it is `npm run matrix`.
 *
 * HOLDFAST_MATRIX_SECONDS (50) says for how long, HOLDFAST_MATRIX_DAY which day's. What was tried is printed: a machine
 * that is busy gets less far, and that is no failure.
 */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import type { Point } from "../../apps/simulator/matrix/crasher.ts";
import { referenceOf } from "../../apps/simulator/matrix/matrix.ts";
import type { Operation } from "../../apps/simulator/matrix/operation.ts";
import { operations } from "../../apps/simulator/matrix/operations/table.ts";
import { type Trial, tryOne } from "../../apps/simulator/matrix/trial.ts";
import type { Moment } from "../../apps/simulator/points.ts";
import { openDatabases } from "../../apps/simulator/server.ts";
import { lineText } from "../../apps/simulator/text.ts";
import { giveBackTime, takeOverTime } from "../../apps/simulator/time.ts";
import { real } from "../../apps/simulator/timers.ts";
import { seeded } from "../../kernel/random.ts";

const { env } = process;
const patience = Number(env.HOLDFAST_MATRIX_SECONDS ?? 50) * 1_000;
const day = Number(env.HOLDFAST_MATRIX_DAY ?? Math.floor(real.dateNow() / 86_400_000));
/** Of each operation that is drawn. */
const pointsOfOne = 4;
/** However slow the machine is: fewer than this show nothing. */
const fewest = 8;
/** The slowest, images of volumes, are at rest after 70 s of the world; a round over everything may be ten minutes away. */
const longestRest = 120_000;

const databases = await openDatabases();
takeOverTime();
after(async () => {
  giveBackTime();
  await databases.close();
});

/** One that broke something, by what is done there: its number changes with everything. */
interface Found {
  readonly what: string;
  readonly operation: string;
  readonly process: RegExp;
  readonly does: string;
  readonly moment: Moment;
}

const found: readonly Found[] = [
  {
    what: "a volume was being made for ever when the word of its host that it was ready was lost",
    ...{ operation: "deploy", process: /^agent/, does: "machines.start", moment: "after" },
  },
  {
    what: "a host stayed off where the manager that had switched it off ended before it could switch it on again",
    ...{ operation: "host-cut-off", process: /^manager/, does: "power.powerOn", moment: "before" },
  },
  {
    what: "a network had no router for ten minutes where the manager that was about to place it ended",
    operation: "deploy-in-a-network",
    ...{ process: /^manager/, does: "inserts router", moment: "before" },
  },
];

describe("what the matrix has found", () => {
  for (const { what, operation: name, process, does, moment } of found)
    test(what, async () => {
      const operation = operations.find((one) => one.name === name);
      assert.ok(operation, `there is no operation ${name}`);
      const reference = await referenceOf(operation, databases);
      const point = reference.points.find(
        (one) => process.test(one.process) && one.does === does && one.moment === moment,
      );
      assert.ok(point, `${name} has no such point any more: ${does}`);
      endsWell(operation, point, await tryOne(operation, databases, { reference, point }));
    });
});

test("wherever a process ends, everything comes to a good end", async (t) => {
  const random = seeded(day);
  const began = real.now();
  const drawn = [...operations];
  let tried = 0;
  while (drawn.length > 0 && (tried < fewest || real.now() - began < patience)) {
    const [operation] = drawn.splice(random.below(drawn.length), 1);
    if (!operation) break;
    const reference = await referenceOf(operation, databases);
    const points = [...reference.points];
    for (let index = 0; index < pointsOfOne && points.length > 0; index++) {
      const [point] = points.splice(random.below(points.length), 1);
      if (!point) break;
      endsWell(operation, point, await tryOne(operation, databases, { reference, point }));
      tried++;
    }
  }
  const took = ((real.now() - began) / 1_000).toFixed(0);
  t.diagnostic(`${tried} points of day ${day}, in ${took} s`);
});

function endsWell({ name }: Operation, point: Point, trial: Trial): void {
  const { outcome, wrong, lines, settledIn } = trial;
  if (outcome !== undefined && settledIn <= longestRest) return;
  const { process, does, moment } = point;
  const story = lines.slice(-30).map(lineText);
  assert.fail(
    `${name}: ${process} ends ${moment} it ${does}; it rests after ${settledIn} ms\n${wrong.join("\n")}\n\n${story.join("\n")}`,
  );
}

test("a point is passed in every world of the same seed, and at it the process ends", async () => {
  const operation = operations.find(({ name }) => name === "stop");
  assert.ok(operation);
  const reference = await referenceOf(operation, databases);
  const again = await referenceOf(operation, databases);
  assert.deepEqual(again.points, reference.points);
  const kinds = new Set(reference.points.map(({ process }) => process.split(" ")[0]));
  assert.deepEqual([...kinds].sort(), ["agent", "manager-1"]);
  const point = reference.points.find(({ does }) => does === "machines.stop");
  assert.ok(point);
  const { lines } = await tryOne(operation, databases, { reference, point });
  assert.ok(lines.some(({ what }) => what === `${point.process} is killed`));
});

test("what is leaked, or told wrongly, is seen", async () => {
  const sloppy: Operation = {
    name: "sloppy",
    within: 30_000,
    async act({ ask, world }) {
      await ask("POST", "/v1/projects/default/keys", { name: "mine", publicKey: key });
      // As if the rest of it had been lost with the process: bytes of an image that nobody has registered.
      world.store.files.set("/blobs/sha256:lost", Buffer.alloc(1));
    },
  };
  await assert.rejects(() => referenceOf(sloppy, databases), /nobody has registered/);
});

const key =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh somebody";
