/** What is owed is paid, whenever somebody leaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mendingOf } from "./mending.ts";

const noted = () => {
  const done: string[] = [];
  return { done, as: (what: string) => async () => void done.push(what) };
};

test("what was broken last is mended first, and everything once", async () => {
  const { done, as } = noted();
  const mending = mendingOf(new AbortController().signal);
  mending.promise(as("first"));
  mending.promise(as("second"));
  await Promise.all([mending.all(), mending.all()]);
  assert.deepEqual(done, ["second", "first"]);
  mending.promise(as("third"));
  await mending.all();
  assert.deepEqual(done, ["second", "first", "third"]);
});

test("one that fails does not keep the others from being mended", async () => {
  const { done, as } = noted();
  const mending = mendingOf(new AbortController().signal);
  mending.promise(as("first"));
  mending.promise(() => Promise.reject(new Error("the room is away")));
  mending.promise(as("third"));
  await assert.rejects(mending.all(), /the room is away/);
  assert.deepEqual(done, ["third", "first"]);
  await mending.all();
});

test("after an interruption nothing more may be broken", async () => {
  const { done, as } = noted();
  const stop = new AbortController();
  const mending = mendingOf(stop.signal);
  mending.promise(as("first"));
  stop.abort(new Error("interrupted"));
  assert.throws(() => mending.promise(as("second")), /interrupted/);
  await mending.all();
  assert.deepEqual(done, ["first"]);
});
