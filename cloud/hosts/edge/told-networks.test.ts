/** What a host makes of what it is told of its networks, piece by piece: the pictures as they are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkPeers, NetworkPicture } from "@holdfast/cloud/networks";
import type { NetworkId } from "@holdfast/kernel/ids";
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
const parsed = ({ fresh, peers, gone }: ReturnType<typeof newsOfNetworks>) => ({
  fresh: fresh.map((text) => JSON.parse(text) as NetworkPicture),
  peers: peers.map((text) => JSON.parse(text) as NetworkPeers),
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
  assert.deepEqual(tell(early, second), { fresh: [], peers: [], gone: [] });
  assert.deepEqual(tell(early, third).peers, [
    { network: blue, joined: ["192.0.2.1"], left: ["192.0.2.2"] },
  ]);
  assert.deepEqual(tell(late, third).peers, [
    { network: blue, joined: ["192.0.2.3"], left: ["192.0.2.2"] },
  ]);
  const whole = { ...third, domain: "green.internal", underlays: ["192.0.2.9"] };
  assert.deepEqual(tell(late, whole), { fresh: [whole], peers: [], gone: [] });
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
    gone: [],
  });
  const over = new Map([[red, null]]);
  assert.deepEqual(newsOfNetworks(told, over), { fresh: [], peers: [], gone: [red] });
  assert.equal(wholeNetworks(told, [picture])?.length, 1);
  assert.equal(wholeNetworks(told, [pictureOf(red, ["192.0.2.1"])]), undefined, "it was told that");
  assert.equal(wholeNetworks(told, [pictureOf(red, ["192.0.2.2"])])?.length, 1);
});
