/** Those who are not on this machine: TLS, the installation's own authority, and nothing in the clear. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fetchTrusting, learnAuthority } from "@holdfast/client/authority";
import { connect } from "@holdfast/client/client";
import { listProjects } from "@holdfast/cloud/access/api";
import { stopTestServer } from "@holdfast/store/testing";
import { mustBeInside } from "../apps/manager/outside.ts";
import { type Platform, startPlatform } from "./platform.ts";

let platform: Platform;
let url: string;
let fingerprint: string;
before(async () => {
  platform = await startPlatform({ isOutside: true });
  const [manager] = platform.managers;
  url = `https://127.0.0.1:${manager?.outsidePort}`;
  fingerprint = manager?.fingerprint ?? "";
});
after(async () => {
  await platform.close();
  await stopTestServer();
});

test("whoever knows the authority's fingerprint is answered over TLS, also with a session", async () => {
  const authority = await learnAuthority(url, fingerprint);
  const trusting = fetchTrusting(authority);
  const client = connect({ url, token: platform.token, fetch: trusting });
  const { projects } = await client.call(listProjects);
  assert.deepEqual(
    projects.map(({ name }) => name),
    ["default"],
  );
  await platform.call("POST", "/v1/accounts", { name: "ada" });
  const { body } = await platform.call<{ password: string }>(
    "POST",
    "/v1/accounts/ada/password",
    {},
  );
  const answer = await trusting(`${url}/v1/sessions`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ account: "ada", password: body.password }),
  });
  assert.equal(answer.status, 201);
  assert.match(answer.headers.get("set-cookie") ?? "", /; Secure/, "and its cookie stays on TLS");
});

test("another authority is not believed, however it was come by", async () => {
  await assert.rejects(learnAuthority(url, "00".repeat(32)), { code: "authority_unknown" });
  const client = connect({ url, token: platform.token });
  await assert.rejects(client.call(listProjects), { code: "manager_unreachable" });
});

test("a manager that is to answer in the clear beyond its machine does not start", () => {
  for (const address of ["0.0.0.0", "::", "10.0.0.5", "example.org", ""])
    assert.throws(() => mustBeInside(address), { code: "listen_needs_tls" }, address);
  for (const address of ["127.0.0.1", "127.0.0.2", "::1", "localhost"]) mustBeInside(address);
});

test("in the clear nobody is answered where TLS is", async () => {
  await assert.rejects(fetch(url.replace("https", "http")));
});
