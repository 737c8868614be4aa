import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import type { Facts, Nic } from "./model.ts";
import { NetworkPicture, picturesOf } from "./picture.ts";

const uuid = <T extends string>(n: number) =>
  `00000000-0000-7000-8000-${String(n).padStart(12, "0")}` as T; // Shaped like one.
const [hostA, hostB, hostC] = [uuid<HostId>(1), uuid<HostId>(2), uuid<HostId>(3)];
const net = uuid<NetworkId>(10);
const web = uuid<SecurityGroupId>(20);
const nic = (n: number, host: HostId | undefined, groups: SecurityGroupId[] = []): Nic => ({
  id: uuid<NicId>(100 + n),
  network: net,
  instance: uuid(200 + n),
  name: `vm${n}`,
  address: `10.1.0.1${n}`,
  mac: `02:1d:0a:01:00:0${n}`,
  host,
  groups,
});
const facts = (more: Partial<Facts> = {}): Facts => ({
  networks: [{ id: net, vni: 100, vlan: null, cidr: "10.1.0.0/24", domain: "net.internal" }],
  nics: [nic(1, hostA), nic(2, hostB), nic(3, undefined)],
  rules: [],
  routers: [{ network: net, host: hostA, generation: 2, address: "203.0.113.2" }],
  forwards: [],
  oneToOne: [],
  underlays: new Map([
    [hostA, "192.0.2.1"],
    [hostB, "192.0.2.2"],
    [hostC, "192.0.2.3"],
  ]),
  ...more,
});
const of = (given: Facts, host: HostId) => {
  const [picture] = picturesOf(given).get(host) ?? [];
  assert.ok(picture);
  return NetworkPicture.parse(JSON.parse(JSON.stringify(picture))); // As it travels.
};

test("a host hears of its own ports, of the hosts that have others, and of no other network", () => {
  const pictures = picturesOf(facts());
  assert.deepEqual([...pictures.keys()], [hostA, hostB]);
  assert.deepEqual(of(facts(), hostA).underlays, ["192.0.2.1", "192.0.2.2"]);
  assert.deepEqual(
    of(facts(), hostB).ports.map(({ address }) => address),
    ["10.1.0.12"],
  );
});

test("one that moves has its port on both hosts, and is one guest to the router", () => {
  const moving = facts({ nics: [{ ...nic(1, hostA), arrivesAt: hostC }, nic(2, hostB)] });
  for (const host of [hostA, hostC])
    assert.deepEqual(
      of(moving, host).ports.map(({ address }) => address),
      ["10.1.0.11"],
    );
  assert.deepEqual(of(moving, hostB).underlays, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  assert.equal(of(moving, hostA).router?.guests.length, 2);
});

test("the router is on its host only, and knows guests that do not run as well", () => {
  const { router, gateway } = of(facts(), hostA);
  assert.equal(gateway, "10.1.0.1");
  assert.equal(router?.generation, 2);
  assert.deepEqual(
    router?.guests.map(({ name }) => name),
    ["vm1", "vm2", "vm3"],
  );
  assert.equal(of(facts(), hostB).router, null);
});

test("a router on a host without guests is in its network all the same", () => {
  const given = facts({
    routers: [{ network: net, host: hostC, generation: 1, address: undefined }],
  });
  assert.deepEqual(of(given, hostC).underlays, ["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
  assert.deepEqual(of(given, hostC).ports, []);
  const pictures = picturesOf(given);
  assert.equal(pictures.get(hostA)?.[0]?.underlays, pictures.get(hostC)?.[0]?.underlays); // One list.
});

test("without a group everything may pass; with one, what it says may come in and all may leave", () => {
  const rule = {
    group: web,
    direction: "ingress",
    protocol: "tcp",
    ports: { from: 80, to: 80 },
    peer: { cidr: "0.0.0.0/0" },
  } as const;
  const given = facts({ nics: [nic(1, hostA), nic(2, hostA, [web])], rules: [rule] });
  const [open, closed] = of(given, hostA).ports;
  assert.deepEqual([open?.ingress, open?.egress], [null, null]);
  assert.deepEqual([closed?.ingress, closed?.egress], [[web], null]);
  const expected = [{ protocol: "tcp", ports: { from: 80, to: 80 }, peer: { cidr: "0.0.0.0/0" } }];
  assert.deepEqual(of(given, hostA).groups, [
    { id: web, ingress: expected, egress: [], members: [] },
  ]);
  const out = { ...rule, direction: "egress" } as const;
  assert.deepEqual(of({ ...given, rules: [rule, out] }, hostA).ports[1]?.egress, [web]);
});

test("a group as the other side is its members in the network; without members, nobody", () => {
  const rule = (peer: SecurityGroupId) =>
    ({
      group: web,
      direction: "ingress",
      protocol: "any",
      ports: undefined,
      peer: { group: peer },
    }) as const;
  const members = facts({ nics: [nic(1, hostA, [web]), nic(2, hostB, [web])], rules: [rule(web)] });
  const [group] = of(members, hostA).groups;
  assert.deepEqual(group?.ingress[0]?.peer, { group: web });
  assert.deepEqual(group?.members, ["10.1.0.11", "10.1.0.12"]);
  const empty = facts({ nics: [nic(1, hostA, [web])], rules: [rule(uuid(21))] });
  assert.deepEqual(
    of(empty, hostA).groups.map(({ id, ingress, members: inIt }) => [id, ingress.length, inIt]),
    [
      [web, 1, []],
      [uuid(21), 0, []],
    ],
  );
});

test("two thousand rules of fifty ports are one message that a link carries with ease", (t) => {
  const nics = Array.from({ length: 250 }, (_, index) => ({
    ...nic(index, index < 50 ? hostA : hostB, [web]),
    address: `10.1.${index}.11`,
  }));
  const rules = Array.from({ length: 2_000 }, (_, index) => ({
    group: web,
    direction: "ingress" as const,
    protocol: "tcp" as const,
    ports: { from: 10_000 + index, to: 10_000 + index },
    // Half of them for all members, who are many.
    peer: index % 2 === 0 ? { group: web } : { cidr: `172.16.${index % 250}.0/24` },
  }));
  const picture = of(facts({ nics, rules }), hostA);
  assert.equal(picture.ports.length, 50);
  assert.equal(picture.groups[0]?.ingress.length, 2_000);
  assert.equal(picture.groups[0]?.members.length, 250);
  const { length } = JSON.stringify(picture);
  t.diagnostic(`${length} bytes`);
  assert.ok(length < 2 ** 19, `${length} bytes`);
});
