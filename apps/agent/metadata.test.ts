import assert from "node:assert/strict";
import { test } from "node:test";
import type { Wish } from "@holdfast/cloud/hosts";
import type { GuestNotes } from "@holdfast/cloud/metadata";
import type { NetworkPicture } from "@holdfast/cloud/networks";
import type { InstanceId, NetworkId, NicId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { metadataAnswers } from "./metadata.ts";

const clock: Clock = { now: () => 1_000_000 as Instant, sleep: async () => {} };
const nic = "nic-1" as NicId; // Nobody here looks into an id.
const network = "net-1" as NetworkId;
const wish = {
  instance: "i-1" as InstanceId,
  generation: 4,
  spec: {
    name: "web",
    project: "p",
    type: "tiny",
    imageId: "img",
    nics: [{ id: nic }],
    userData: "hello",
    lastDeath: null,
    metadata: "on",
    metadataTokens: "optional",
  },
} as unknown as Wish; // All that is read of one.
const port = {
  nic,
  mac: "02:1d:0a:01:00:0b",
  address: "10.1.0.11",
  publicAddress: "203.0.113.7",
  metadataHops: null,
};
const picture = { id: network, cidr: "10.1.0.0/24", domain: "blue.internal" };
const seat = { network: picture as NetworkPicture, port: { ...port, ingress: null, egress: null } };
const soon = 1_060_000;
const notes: GuestNotes = {
  instance: wish.instance,
  groups: [{ nic, names: ["front", "back"] }],
  publicKeys: [{ name: "me", key: "ssh-ed25519 AAAA me" }],
  events: [
    {
      ...{ id: "e-1", code: "instance-stop", says: "It is stopped.", state: "active" },
      ...{ notBefore: soon, notAfter: null, deadline: null, since: 1_000_000 },
    },
  ],
};
let held = wish;
const ask = metadataAnswers({
  keeper: {
    ownerOf: (id) => (id === nic ? { wish: held, since: 900_000 as Instant } : undefined),
  },
  networks: { seatOf: () => seat },
  notes: { of: (instance) => (instance === wish.instance ? notes : undefined) },
  zone: () => "zone-1",
  key: new Uint8Array(32).fill(1),
  clock,
});
const get = (path: string, from = nic, headers = {}) =>
  ask({ network, nic: from, method: "GET", path, headers });

test("a guest is told of itself, from what its host holds", async () => {
  const paths = [
    "instance-id",
    "local-ipv4",
    "public-ipv4",
    "local-hostname",
    "holdfast/generation",
  ];
  const answers = await Promise.all(paths.map((path) => get(`/latest/meta-data/${path}`)));
  assert.deepEqual(
    answers.map(({ body }) => body),
    ["i-1", "10.1.0.11", "203.0.113.7", "web.blue.internal", "4"],
  );
  assert.equal((await get("/latest/user-data")).body, "hello");
  assert.equal((await get("/latest/meta-data/holdfast/last-death")).status, 404);
});

test("a guest is told what is planned for it, who may log in, and which groups it is in", async () => {
  const read = async (path: string) => (await get(`/latest/meta-data/${path}`)).body;
  assert.equal(await read("security-groups"), "front\nback");
  assert.equal(await read("public-keys/"), "0=me");
  assert.equal(await read("public-keys/0/openssh-key"), "ssh-ed25519 AAAA me");
  const [event] = JSON.parse(await read("events/maintenance/scheduled"));
  assert.deepEqual(event, {
    NotBefore: "01 Jan 1970 00:17:40 GMT",
    ...{ Code: "instance-stop", Description: "It is stopped.", EventId: "e-1", State: "active" },
  });
  assert.deepEqual(JSON.parse(await read("spot/instance-action")), {
    ...{ action: "stop", time: "1970-01-01T00:17:40Z" },
  });
  assert.deepEqual(JSON.parse(await read("events/recommendations/rebalance")), {
    noticeTime: "1970-01-01T00:16:40Z",
  });
});

test("whoever is not known is told nothing, and a token is of no use to another", async () => {
  const stranger = "nic-2" as NicId;
  assert.equal((await get("/latest/meta-data/instance-id", stranger)).status, 404);
  const { body: token } = await ask({
    ...{ network, nic, method: "PUT", path: "/latest/api/token" },
    headers: { "x-aws-ec2-metadata-token-ttl-seconds": "60" },
  });
  const headers = { "x-aws-ec2-metadata-token": token };
  assert.equal((await get("/latest/meta-data/", nic, headers)).status, 200);
  assert.equal((await get("/latest/meta-data/", stranger, headers)).status, 401);
});

test("whether a guest needs a token is as the wish that its host holds says", async (t) => {
  t.after(() => {
    held = wish;
  });
  const spec = wish.spec;
  assert.ok(spec);
  held = { ...wish, spec: { ...spec, metadataTokens: "required" } };
  for (const path of ["/", "/latest/meta-data/instance-id", "/latest/user-data"])
    assert.equal((await get(path)).status, 401, path);
  held = { ...wish, spec: { ...spec, metadata: "off" } };
  assert.equal(
    (await get("/latest/meta-data/instance-id")).status,
    403,
    "and so is whether it is answered",
  );
  held = wish;
  assert.equal((await get("/latest/meta-data/instance-id")).status, 200);
});
