import assert from "node:assert/strict";
import { test } from "node:test";
import { activities, judge, requests } from "./activities.ts";

test("every request has a verdict under every activity, and none without one", () => {
  for (const request of requests) {
    assert.equal(judge(request, []), "go");
    for (const activity of activities) assert.ok(judge(request, [activity]));
  }
});

test("a destroy ends whatever is under way", () => {
  for (const activity of activities) assert.equal(judge("destroy", [activity]), "cancel");
});

test("nothing but a destroy comes between a restore and its end", () => {
  for (const request of requests)
    if (request !== "destroy") assert.notEqual(judge(request, ["restore"]), "go");
});

test("of several activities the strictest decides", () => {
  assert.equal(judge("snapshot", ["snapshot"]), "wait");
  assert.equal(judge("snapshot", ["snapshot", "storage-migration"]), "refuse");
  assert.equal(judge("stop", ["backup", "snapshot"]), "go");
});
