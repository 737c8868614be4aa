/** Whoever hears that a manifest says something else hears it of a read that is under way as well. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ImageId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { manifestCache } from "./manifests.ts";

const [one, other] = [1, 2].map((n) => `00000000-0000-7000-8000-00000000000${n}` as ImageId); // Shaped like one.

const manifest = (warm: boolean) => ({
  disk: { digest: `sha256:${"a".repeat(64)}`, format: "raw", virtualBytes: 1 },
  ...{ saysReady: true, smallestMemoryMiB: 1, warm },
});

/** A database whose images are warm or not, and that answers with what it said when it was asked. */
function setUp() {
  const said = { isWarm: false, reads: 0, meanwhile: () => {} };
  const sql = {
    async query(_: string, [ids]: [readonly ImageId[]]) {
      said.reads++;
      const rows = ids.map((id) => ({ id, manifest: manifest(said.isWarm) }));
      said.meanwhile();
      return rows;
    },
  } as unknown as Sql; // All that is asked of it.
  const cache = manifestCache({ now: () => 0 as Instant } as Clock); // As above.
  const warmthOf = async (...ids: (ImageId | undefined)[]) => {
    const some = ids.flatMap((id) => id ?? []);
    const found = await cache.manifests(sql, some);
    return some.map((id) => found.get(id)?.warm);
  };
  return { said, cache, warmthOf };
}

test("what was read is kept until something else is said", async () => {
  const { said, cache, warmthOf } = setUp();
  assert.deepEqual([await warmthOf(one), await warmthOf(one), said.reads], [[false], [false], 1]);
  said.isWarm = true;
  cache.forget();
  assert.deepEqual([await warmthOf(one), said.reads], [[true], 2]);
});

test("what is being read when something else is said is answered, with what was known, and not kept", async () => {
  const { said, cache, warmthOf } = setUp();
  await warmthOf(other);
  said.meanwhile = () => {
    said.isWarm = true;
    cache.forget();
    said.meanwhile = () => {};
  };
  assert.deepEqual(await warmthOf(one, other), [false, false]);
  assert.deepEqual(await warmthOf(one, other), [true, true]);
});
