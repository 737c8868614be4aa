/** What a request causes before it is known who asks. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Access } from "@holdfast/cloud/access/edge";
import type { Handler } from "@holdfast/kernel/route";
import { serve } from "./http.ts";

test("no project is looked up for whoever cannot be anybody, nor one that nobody could have", async () => {
  const asked: string[] = [];
  const access = {
    placeOf: async (name: string) => void asked.push(name),
    authenticate: () => Promise.reject(new Error("who are you?")),
  } as unknown as Access; // All that is asked of it here.
  const handler = { route: { needs: "project:read", method: "GET" } } as unknown as Handler; // As above.
  const ask = (headers: Record<string, string>, project: string) =>
    assert.rejects(
      serve(access, handler, { id: "r", headers, params: { project }, query: {}, body: undefined }),
      /who are you/,
    );
  const token = { authorization: `Bearer ${"A".repeat(20)}:${"s".repeat(40)}` };
  await ask({}, "web");
  await ask({ authorization: "x" }, "web");
  await ask({ authorization: "Bearer x" }, "web");
  await ask({ cookie: "theme=dark" }, "web");
  await ask(token, "Not a project");
  assert.deepEqual(asked, []);
  await ask(token, "web");
  assert.deepEqual(asked, ["web"]);
});
