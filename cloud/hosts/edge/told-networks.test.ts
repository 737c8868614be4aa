/** What a host makes of what it is told of its networks, piece by piece: the pictures as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkParts, NetworkPeers, NetworkPicture } from "@holdfast/cloud/networks";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import { newsOfNetworks, type ToldNetwork, wholeNetworks } from "./told-networks.ts";

const networkId = (n: number) => `0190f5a0-0000-7000-8000-00000000000${n}` as NetworkId; // Shaped like one.
const [blue, red] = [networkId(1), networkId(2)];
const pictureOf = (
  id: NetworkId,
  underlays: readonly string[],
  more: Partial<NetworkPicture> = {},
): NetworkPicture => ({
  ...{ id, vni: 7, vlan: null, cidr: "10.1.0.0/24", gateway: "10.1.0.1", mtu: 1_450 },
  ...{ domain: "blue.internal", ports: [], groups: [], router: null },
  underlays: [...underlays],
  ...more,
});
const parsed = ({ fresh, peers, parts, gone }: ReturnType<typeof newsOfNetworks>) => ({
  fresh: fresh.map((text) => JSON.parse(text) as NetworkPicture),
  peers: peers.map((text) => JSON.parse(text) as NetworkPeers),
  parts: parts.map((text) => JSON.parse(text) as NetworkParts),
  gone,
});

test("a network is told whole once, and then who has joined and left, to each by what it was told last", () => {
  const [early, late] = [new Map<NetworkId, ToldNetwork>(), new Map<NetworkId, ToldNetwork>()];
  const first = pictureOf(blue, ["192.0.2.1", "192.0.2.2"]);
  const second = pictureOf(blue, ["192.0.2.2", "192.0.2.3"]);
  const third = pictureOf(blue, ["192.0.2.1", "192.0.2.3"]);
  for (const told of [early, late])
    assert.deepEqual(
      wholeNetworks(told, [first])?.map((text) => JSON.parse(text)),
      [first],
    );
  const tell = (told: Map<NetworkId, ToldNetwork>, picture: NetworkPicture) =>
    parsed(newsOfNetworks(told, new Map([[picture.id, picture]])));
  assert.deepEqual(tell(early, second).peers, [
    { network: blue, joined: ["192.0.2.3"], left: ["192.0.2.1"] },
  ]);
  assert.deepEqual(tell(early, second), { fresh: [], peers: [], parts: [], gone: [] });
  assert.deepEqual(tell(early, third).peers, [
    { network: blue, joined: ["192.0.2.1"], left: ["192.0.2.2"] },
  ]);
  assert.deepEqual(tell(late, third).peers, [
    { network: blue, joined: ["192.0.2.3"], left: ["192.0.2.2"] },
  ]);
  const whole = { ...third, domain: "green.internal", underlays: ["192.0.2.9"] };
  assert.deepEqual(tell(late, whole), { fresh: [whole], peers: [], parts: [], gone: [] });
  assert.deepEqual(tell(late, { ...third, domain: "green.internal" }).peers, [
    { network: blue, joined: ["192.0.2.1", "192.0.2.3"], left: ["192.0.2.9"] },
  ]);
});

test("a network that it has not heard of is told whole, and one that is no more is gone", () => {
  const told = new Map<NetworkId, ToldNetwork>();
  assert.deepEqual(wholeNetworks(told, []), undefined);
  const picture = pictureOf(red, ["192.0.2.1"]);
  const changes = new Map([
    [red, picture],
    [blue, null],
  ]);
  assert.deepEqual(parsed(newsOfNetworks(told, changes)), {
    fresh: [picture],
    peers: [],
    parts: [],
    gone: [],
  });
  const over = new Map([[red, null]]);
  assert.deepEqual(newsOfNetworks(told, over), { fresh: [], peers: [], parts: [], gone: [red] });
  assert.equal(wholeNetworks(told, [picture])?.length, 1);
  assert.equal(wholeNetworks(told, [pictureOf(red, ["192.0.2.1"])]), undefined, "it was told that");
  assert.equal(wholeNetworks(told, [pictureOf(red, ["192.0.2.2"])])?.length, 1);
});

test("of a network that it knows a host is told which ports and guests are others, and of its other parts all", () => {
  const told = new Map<NetworkId, ToldNetwork>();
  const port = (n: number, more: Partial<NetworkPicture["ports"][number]> = {}) => ({
    ...{ nic: `0190f5a0-0000-7000-8000-00000000010${n}` as NicId }, // As above.
    ...{ mac: `02:00:00:00:00:0${n}`, address: `10.1.0.1${n}`, publicAddress: null },
    ...{ metadataHops: null, ingress: null, egress: null },
    ...more,
  });
  const guest = (n: number, name = `guest-${n}`) => ({
    ...{ mac: `02:00:00:00:00:0${n}`, address: `10.1.0.1${n}`, name },
  });
  const router = {
    ...{ generation: 1, mac: "02:00:00:00:00:ff", sourceAddress: null, forwards: [] },
    ...{ oneToOne: [], guests: [guest(1), guest(2)] },
  };
  const first = pictureOf(blue, ["192.0.2.1"], { ports: [port(1), port(2)], router });
  const tell = (picture: NetworkPicture) =>
    parsed(newsOfNetworks(told, new Map([[picture.id, picture]])));
  assert.deepEqual(
    wholeNetworks(told, [first])?.map((text) => JSON.parse(text)),
    [first],
  );
  const nothing = { fresh: [], peers: [], parts: [], gone: [] };
  assert.deepEqual(tell(structuredClone(first)), nothing);

  const moved = port(2, { publicAddress: "203.0.113.2" });
  const next = {
    ...first,
    ports: [moved, port(3)],
    router: { ...router, guests: [guest(2, "renamed"), guest(3)] },
  };
  const parts = {
    ...{ network: blue, ports: [moved, port(3)], unplugged: [port(1).nic] },
    ...{ guests: [guest(2, "renamed"), guest(3)], departed: [guest(1).address] },
  };
  assert.deepEqual(tell(next), { ...nothing, parts: [parts] });
  assert.deepEqual(tell(next), nothing);
  assert.equal(wholeNetworks(told, [next]), undefined, "it was told that");
  assert.equal(told.get(blue)?.ports, 2);

  const joined = { ...next, underlays: ["192.0.2.1", "192.0.2.2"], ports: [moved] };
  const both = tell(joined);
  assert.deepEqual(both.peers, [{ network: blue, joined: ["192.0.2.2"], left: [] }]);
  assert.deepEqual(
    both.parts.map(({ unplugged }) => unplugged),
    [[port(3).nic]],
  );
  const elsewhere = { ...joined, router: { ...joined.router, generation: 2 }, ports: [port(1)] };
  assert.deepEqual(tell(elsewhere), { ...nothing, fresh: [elsewhere] }, "another router");
  assert.deepEqual(tell({ ...elsewhere, router: null }).fresh, [{ ...elsewhere, router: null }]);
});
