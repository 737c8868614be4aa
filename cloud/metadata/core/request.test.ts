import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Guest } from "./guest.ts";
import { type Answer, answer, type Question, type Tokens } from "./request.ts";

const guest: Guest = {
  instance: "01a1fed8-aced-756d-9522-ff3dd3d516ae",
  name: "web",
  project: "shop",
  type: "tiny",
  image: "debian-12",
  zone: "zone-1",
  generation: 3,
  metadata: "on",
  metadataTokens: "optional",
  launchedAt: Date.UTC(2026, 10, 21, 10, 0, 0),
  domain: "blue.internal",
  nics: [
    {
      mac: "02:1d:0a:01:00:0b",
      address: "10.1.0.11",
      cidr: "10.1.0.0/24",
      network: "blue",
      publicAddress: undefined,
      groups: ["web", "ssh"],
    },
  ],
  publicKeys: [{ name: "anna", key: "ssh-ed25519 AAAA anna" }],
  userData: "#!/bin/sh\necho hello\n",
  events: [
    {
      id: "instance-event-1",
      code: "system-reboot",
      says: "The host is rebooted.",
      notBefore: Date.UTC(2026, 10, 22, 9, 0, 43),
      notAfter: null,
      deadline: Date.UTC(2026, 10, 29),
      state: "active",
      since: 0,
    },
    {
      id: "instance-event-0",
      code: "instance-stop",
      says: "Done.",
      notBefore: 0,
      notAfter: null,
      deadline: null,
      state: "completed",
      since: 0,
    },
  ],
  interruption: undefined,
  lastDeath: '{"cause":"guest-panic"}',
};
const tokens: Tokens = {
  issue: (lifetime) => `token-${lifetime}`,
  isValid: (token) => token.startsWith("token-"),
};
const ask = (
  path: string,
  {
    method = "GET",
    headers = {},
    of = guest,
  }: Partial<Question> & {
    of?: Guest | undefined;
  } = {},
): Answer => answer({ method, path, headers }, of, tokens);
const text = (path: string, of: Guest = guest) => {
  const { status, body } = ask(path, { of });
  assert.equal(status, 200, path);
  return body;
};

describe("the metadata of a guest", () => {
  const leaves: readonly [string, string][] = [
    ["/latest/meta-data/instance-id", guest.instance],
    ["/latest/meta-data/instance-id/", guest.instance],
    ["/2009-04-04/meta-data/local-hostname", "web.blue.internal"],
    ["/latest/meta-data/local-ipv4", "10.1.0.11"],
    ["/latest/meta-data/security-groups", "web\nssh"],
    ["/latest/meta-data/public-keys/", "0=anna"],
    ["/latest/meta-data/public-keys/0/openssh-key", "ssh-ed25519 AAAA anna"],
    ["/latest/meta-data/network/interfaces/macs/02:1d:0a:01:00:0b/subnet-id", "blue"],
    ["/latest/meta-data/placement/availability-zone", "zone-1"],
    ["/latest/meta-data/holdfast/last-death", '{"cause":"guest-panic"}'],
    ["/latest/user-data", guest.userData ?? ""],
    ["/latest", "dynamic/\nmeta-data/\nuser-data"],
    ["/latest/meta-data/holdfast/", "generation\nlast-death\nproject"],
    ["/latest/meta-data/public-keys/0/", "openssh-key"],
  ];
  for (const [path, expected] of leaves)
    test(`is at ${path}`, () => assert.equal(text(path), expected));

  test("says what is planned, in EC2's words and times", () => {
    const [event] = JSON.parse(text("/latest/meta-data/events/maintenance/scheduled"));
    assert.deepEqual(event, {
      NotBefore: "22 Nov 2026 09:00:43 GMT",
      Code: "system-reboot",
      Description: "The host is rebooted.",
      EventId: "instance-event-1",
      NotBeforeDeadline: "29 Nov 2026 00:00:00 GMT",
      State: "active",
    });
    const history = JSON.parse(text("/latest/meta-data/events/maintenance/history"));
    assert.deepEqual(
      history.map(({ Description: says }: { Description: string }) => says),
      ["[Completed] Done."],
    );
  });

  test("says when it will be interrupted, and nothing of it otherwise", () => {
    const at = Date.UTC(2026, 10, 21, 12, 2, 0);
    const warned = { ...guest, interruption: { action: "stop", at } } as const;
    assert.deepEqual(JSON.parse(text("/latest/meta-data/spot/instance-action", warned)), {
      action: "stop",
      time: "2026-11-21T12:02:00Z",
    });
    assert.equal(ask("/latest/meta-data/spot/instance-action").status, 404);
  });

  const absent = [
    "/latest/meta-data/public-ipv4",
    "/latest/meta-data/nonsense",
    "/1999/meta-data/",
    "/latest/meta-data/public-keys/1/openssh-key",
    "/latest/../../etc/passwd",
  ];
  for (const path of absent) test(`has no ${path}`, () => assert.equal(ask(path).status, 404));

  test("of nobody is nothing", () => {
    assert.equal(answer({ method: "GET", path: "/", headers: {} }, undefined, tokens).status, 404);
  });
});

test("a guest whose metadata is off is answered nothing, with a token and without", () => {
  const of = { ...guest, metadata: "off" } as const;
  for (const headers of [{}, { "x-aws-ec2-metadata-token": "token-1" }])
    for (const path of ["/", "/latest/meta-data/instance-id", "/latest/user-data", "/nothing"])
      assert.deepEqual([ask(path, { of, headers }).status, ask(path).status === 403], [403, false]);
  const header = "x-aws-ec2-metadata-token-ttl-seconds";
  const asked = { of, method: "PUT", headers: { [header]: "60" } };
  assert.equal(ask("/latest/api/token", asked).status, 403);
});

describe("tokens", () => {
  const header = "x-aws-ec2-metadata-token-ttl-seconds";
  test("are given for as long as was asked for", () => {
    const { status, body, headers } = ask("/latest/api/token", {
      method: "PUT",
      headers: { [header]: "21600" },
    });
    assert.deepEqual([status, body, headers[header]], [200, "token-21600", "21600"]);
  });
  for (const lifetime of ["0", "21601", "1.5", "", "soon"])
    test(`are not given for ${lifetime || "nothing"}`, () =>
      assert.equal(
        ask("/latest/api/token", { method: "PUT", headers: { [header]: lifetime } }).status,
        400,
      ));
  const table: readonly [string | undefined, Guest["metadataTokens"], number][] = [
    // token, whether one is needed, status
    [undefined, "optional", 200],
    [undefined, "required", 401],
    ["token-1", "required", 200],
    ["token-1", "optional", 200],
    ["", "required", 401],
    ["stolen", "optional", 401],
    ["stolen", "required", 401],
  ];
  for (const [token, metadataTokens, expected] of table)
    test(`${token ?? "none"} where one is ${metadataTokens}: ${expected}`, () => {
      const headers = token === undefined ? {} : { "x-aws-ec2-metadata-token": token };
      const of = { ...guest, metadataTokens };
      for (const path of ["/", "/latest/meta-data/", "/latest/user-data"])
        assert.equal(ask(path, { headers, of }).status, expected, path);
      assert.equal(ask("/latest/meta-data/", { headers, of, method: "HEAD" }).status, expected);
    });
  test("are given where one is required, without one", () => {
    const of: Guest = { ...guest, metadataTokens: "required" };
    const asked = { method: "PUT", headers: { [header]: "60" }, of };
    assert.equal(ask("/latest/api/token", asked).status, 200);
  });
  test("what came through a proxy gets none, and no answer", () => {
    const headers = { "x-forwarded-for": "10.0.0.1", [header]: "60" };
    assert.equal(ask("/latest/api/token", { method: "PUT", headers }).status, 403);
    assert.equal(ask("/latest/meta-data/", { headers }).status, 403);
  });
  test("other methods are refused", () => {
    for (const method of ["POST", "DELETE", "PATCH"])
      assert.equal(ask("/", { method }).status, 405);
  });
});
