/** What fits into a quota, and who is refused where not all do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ProjectId } from "@holdfast/kernel/ids";
import { admit, exceeded } from "./quota.ts";

const blue = "blue" as ProjectId;
const red = "red" as ProjectId;

test("up to the limit it fits, one more does not; what is not limited always fits", () => {
  const most = { instances: 3, cpus: 4 };
  assert.equal(exceeded(most, { instances: 2, cpus: 3 }, { instances: 1, cpus: 1 }), undefined);
  assert.equal(exceeded(most, { volumes: 1_000 }, { volumes: 1_000 }), undefined);
  const why = exceeded(most, { instances: 2, cpus: 3 }, { instances: 1, cpus: 2 });
  assert.equal(why?.code, "quota_exceeded");
  assert.deepEqual(why?.details.facts, { resource: "cpus", limit: 4, used: 3, wanted: 2 });
  assert.match(
    why?.message ?? "",
    /may have 4 vCPUs of instances; it has 3, and this needs 2 more/,
  );
});

test("where the limit was lowered below what there is, only what needs more of that is refused", () => {
  assert.equal(exceeded({ instances: 1 }, { instances: 5 }, { volumes: 1 }), undefined);
  assert.ok(exceeded({ instances: 1 }, { instances: 5 }, { instances: 1 }));
});

test("of several who ask at once each is judged after those before it, and a small one may fit where a large one did not", () => {
  const asked = [
    { item: "first", project: blue, wanted: { cpus: 4 } },
    { item: "large", project: blue, wanted: { cpus: 8 } },
    { item: "small", project: blue, wanted: { cpus: 1 } },
    { item: "late", project: blue, wanted: { cpus: 1 } },
    { item: "elsewhere", project: red, wanted: { cpus: 100 } },
  ];
  const refused = admit(asked, new Map([[blue, { cpus: 10 }]]), new Map([[blue, { cpus: 5 }]]));
  assert.deepEqual([...refused.keys()], ["large", "late"]);
});
