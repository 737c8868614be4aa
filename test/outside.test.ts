/** Those who are not on this machine: TLS, the installation's own authority, and nothing in the clear. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { connect as connectTls } from "node:tls";
import { fetchTrusting, learnAuthority } from "@holdfast/client/authority";
import { connect } from "@holdfast/client/client";
import { listProjects } from "@holdfast/cloud/access/api";
import { mustBeInside } from "../apps/manager/outside.ts";
import { aws } from "./ec2/clients.ts";
import { sharedPlatform } from "./platform.ts";

let url: string;
let fingerprint: string;
const platform = await sharedPlatform({ isOutside: true });
before(async () => {
  const [manager] = platform.managers;
  url = `https://127.0.0.1:${manager?.outsidePort}`;
  fingerprint = manager?.fingerprint ?? "";
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

test("the AWS command line is answered over TLS, with the authority in a file", async () => {
  const directory = await mkdtemp(join(tmpdir(), "hf-outside-"));
  try {
    const authority = join(directory, "authority.pem");
    await writeFile(authority, await learnAuthority(url, fingerprint));
    const target = { endpoint: ec2Url(), token: platform.token, authority };
    const { Regions } = await aws<{ Regions: unknown[] }>(target, ["describe-regions"]);
    assert.equal(Regions.length, 1);
    await assert.rejects(
      aws({ ...target, authority: "/etc/ssl/certs/ca-certificates.crt" }, ["describe-regions"]),
      /SSL validation failed/,
    );
  } finally {
    await rm(directory, { recursive: true });
  }
});

test("what EC2's door allows and how it answers is the same over TLS", async () => {
  const ca = await learnAuthority(url, fingerprint);
  const said = (text: string) =>
    new Promise<string>((resolve, reject) => {
      let answer = "";
      const { hostname: host, port } = new URL(ec2Url());
      const socket = connectTls({ host, port: Number(port), ca }, () => socket.end(text));
      socket.on("data", (data: Buffer) => {
        answer += data;
      });
      socket.on("error", reject);
      socket.on("close", () => resolve(answer));
    });
  assert.match(await said("nonsense\r\n\r\n"), /<Code>MalformedHTTPRequest</);
  const long = `x: ${"y".repeat(20_000)}`; // More than Node takes by itself, less than a signed URL may be.
  const answer = await said(`GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${long}\r\n\r\n`);
  assert.match(answer, /<Code>AuthFailure</);
});

const ec2Url = () => `https://127.0.0.1:${platform.managers[0]?.ec2OutsidePort}`;

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
