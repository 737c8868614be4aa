/** Which tags must be there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tagsRefused } from "./required.ts";

test("a required tag must be there, not be empty, and have a value that is allowed", () => {
  const required = [
    { key: "owner", allowed: null },
    { key: "stage", allowed: ["test", "live"] },
  ];
  assert.equal(tagsRefused(required, { owner: "ada", stage: "live", more: "" }), undefined);
  for (const [tags, field] of [
    [{}, "body.tags.owner"],
    [{ owner: "", stage: "live" }, "body.tags.owner"],
    [{ owner: "ada", stage: "play" }, "body.tags.stage"],
    [Object.create({ owner: "ada", stage: "live" }), "body.tags.owner"],
  ] as const) {
    const why = tagsRefused(required, tags);
    assert.equal(why?.code, "tag_required");
    assert.equal(why?.details.faults?.[0]?.field, field);
  }
  assert.equal(tagsRefused([], {}), undefined);
});
