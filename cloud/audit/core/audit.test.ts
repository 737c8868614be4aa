/** What a line of the audit log says of a request, and how many lines nobody's requests may cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { crowd } from "./crowd.ts";
import { type AuditEntry, decisionOf } from "./entry.ts";

const entry = (source: string, at = 0): AuditEntry => ({
  ...{ at: at as Instant, requestId: "r", api: "native", method: "GET", route: "/v1/hosts" },
  ...{ path: "/v1/hosts", status: 401, code: "unauthenticated", who: undefined, source },
  ...{ project: undefined, milliseconds: 1 },
});

test("a refusal is what was said no to because of who asked", () => {
  for (const [status, code, decision] of [
    [200, undefined, "allowed"],
    [202, undefined, "allowed"],
    [401, "unauthenticated", "refused"],
    [403, "vlan_forbidden", "refused"],
    [404, "project_not_found", "refused"],
    [404, "instance_not_found", "failed"],
    [429, "rate_limited", "refused"],
    [507, "quota_exceeded", "refused"],
    [507, "no_room", "failed"],
    [400, "invalid_request", "failed"],
    [500, "bug", "failed"],
  ] as const)
    assert.equal(decisionOf({ status, code }), decision, code);
});

test("the first of a kind are told one by one, the rest as a number when the minute is over", () => {
  const one = crowd();
  const told = Array.from({ length: 1_000 }, () => one.hear(entry("10.0.0.1"))).flat();
  assert.deepEqual(
    told.map(({ count }) => count),
    [1, 1, 1, 1, 1],
  );
  const [counted, next] = one.hear(entry("10.0.0.2", 60_000));
  assert.equal(counted?.count, 995);
  assert.equal(counted?.entry.source, "10.0.0.1");
  assert.equal(next?.entry.source, "10.0.0.2");
});

test("however many sources there are, no request is lost and a minute costs a bounded number of lines", () => {
  const one = crowd();
  const told = Array.from({ length: 50_000 }, (_, index) =>
    one.hear(entry(`10.0.${index}`)),
  ).flat();
  const rest = one.end();
  const all = [...told, ...rest];
  assert.ok(all.length <= 201, `${all.length} lines`);
  assert.equal(
    all.reduce((sum, { count }) => sum + count, 0),
    50_000,
  );
  assert.deepEqual(one.end(), []);
});
