import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { signedTokens } from "./tokens.ts";

let now = 1_000_000;
const clock: Clock = { now: () => now as Instant, sleep: async () => {} };
const tokensOf = signedTokens(new Uint8Array(32).fill(7), clock);

test("a token is for one guest, until it has run out, and cannot be made longer", () => {
  const token = tokensOf("a").issue(60);
  assert.ok(tokensOf("a").isValid(token));
  assert.ok(!tokensOf("b").isValid(token));
  const [, signature] = token.split(".");
  assert.ok(!tokensOf("a").isValid(`${(now + 1e9).toString(36)}.${signature}`));
  for (const wrong of ["", ".", "x", "x.y", `${token}x`]) assert.ok(!tokensOf("a").isValid(wrong));
  now += 60_000;
  assert.ok(!tokensOf("a").isValid(token));
});

test("another process has another key", () => {
  const token = tokensOf("a").issue(60);
  assert.ok(!signedTokens(new Uint8Array(32).fill(8), clock)("a").isValid(token));
});
