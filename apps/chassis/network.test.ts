/** What the filters say; that the kernel does it is for the end-to-end test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { rulesOf } from "./network.ts";

const host = { link: "hf0001-1", cut: { in: false, out: false }, lossPercent: 0 };

test("where nothing is lost there are no rules", () => {
  assert.equal(rulesOf("hf0001", [host, { ...host, link: "hf0001-2" }]), undefined);
});

test("a host that hears nothing is still heard", () => {
  const rules = rulesOf("hf0001", [{ ...host, cut: { in: true, out: false } }]) ?? "";
  assert.match(rules, /oifname "hf0001-1" drop/);
  assert.doesNotMatch(rules, /iifname/);
});

test("a cut is a cut, whatever percentage is lost besides", () => {
  const rules =
    rulesOf("hf0001", [{ ...host, cut: { in: false, out: true }, lossPercent: 20 }]) ?? "";
  assert.match(rules, /iifname "hf0001-1" drop/);
  assert.match(rules, /oifname "hf0001-1" numgen random mod 100 < 20 drop/);
});
