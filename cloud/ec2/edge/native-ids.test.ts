/** Where a native request may name a thing by EC2's id, and where that is a word like any other. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Handler } from "@holdfast/kernel/route";
import type { Sql } from "@holdfast/store/database";
import { takingEc2Ids } from "./native-ids.ts";

const digits = "0123456789abcdef0";
const ours = "0197a000-0000-7000-8000-000000000001";

/** What an answer is given, of a request that says this. */
async function told(request: object): Promise<unknown> {
  let heard: unknown;
  const handler = {
    route: { path: "/v1/projects/:project/things" },
    answer: async (given: unknown) => {
      heard = given;
    },
  } as unknown as Handler; // All that is looked at.
  const sql = {
    query: async (_: string, [, wanted]: [string, string[]]) =>
      wanted.includes(digits) ? [{ id: ours, last: digits }] : [],
  } as unknown as Sql; // The same: everything with these digits is there.
  const { answer } = takingEc2Ids(sql)(handler);
  await answer({ params: { project: "p" }, query: {}, body: undefined, ...request } as never);
  return heard;
}

test("an id of EC2's is one of ours in a path, in a query, and however deep in a body", async () => {
  const params = { project: "p", volume: `vol-${digits}` };
  const query = { instance: `i-${digits}`, limit: "7" };
  const body = {
    rules: [{ group: `sg-${digits}`, ports: [22] }],
    of: { snapshot: `snap-${digits}` },
  };
  assert.deepEqual(await told({ params, query, body, requestId: "r" }), {
    params: { project: "p", volume: ours },
    query: { instance: ours, limit: "7" },
    body: { rules: [{ group: ours, ports: [22] }], of: { snapshot: ours } },
    requestId: "r",
  });
});

test("what users write stays as it is, and so does what is not there", async () => {
  const body = {
    ...{ name: `i-${digits}`, userData: `i-${digits}`, tags: { of: `i-${digits}` } },
    ...{ volumes: [{ name: `vol-${digits}` }], group: "sg-fffffffffffffffff", limits: null },
  };
  const request = { params: { project: "p" }, query: {}, body };
  assert.deepEqual(await told(request), request);
});
