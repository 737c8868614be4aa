/**
 * What the networks of every host promise, as tests: that pictures become facts. Run it on each
 * implementation; see network.test.ts. What packets do is only for the real one; see linux.test.ts.
 */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import type { HostNetworks, Network, Picture, Port, Router } from "./driver.ts";

/** One host whose kernel has nothing of ours. It knows VXLAN. */
export interface NetworkRig {
  readonly networks: HostNetworks;
  /** A guest that will be at this port, from before the port is there. Resolves with status and body. */
  plug(port: Port): Promise<(path: string) => Promise<readonly [status: number, body: string]>>;
  /** What can happen to a kernel behind our back. */
  loseRouter(network: Network): Promise<void>;
  loseDns(network: Network): Promise<void>;
  flushRules(): Promise<void>;
  turnSetting(): Promise<void>;
  /** What of ours is in the kernel. */
  leftovers(): Promise<readonly string[]>;
}

const mac = (last: number) => `52:54:00:00:01:${last.toString(16).padStart(2, "0")}`;
const id = <Id extends string>(number: number) =>
  `01890000-0000-7000-8000-${number.toString(16).padStart(12, "0")}` as Id; // Only tests mint ids.

const port = (last: number): Port => ({
  nic: id<NicId>(last),
  mac: mac(last),
  address: `10.7.0.${last}`,
  isUp: true,
  ingress: [],
  egress: [{ protocol: "any", peers: ["0.0.0.0/0"] }],
});

const router: Router = {
  generation: 4,
  mac: mac(1),
  hosts: [{ mac: mac(11), address: "10.7.0.11", name: "web" }],
  forwarders: ["192.0.2.53"],
  hasUplink: true,
  forwards: [],
  statics: [],
};

const network: Network = {
  id: id<NetworkId>(0x77),
  vni: 7_700,
  kind: "vxlan",
  mtu: 1_450,
  cidr: "10.7.0.0/24",
  gateway: "10.7.0.1",
  domain: "red.holdfast.internal",
  peers: ["192.0.2.99"],
  ports: [port(11), port(12)],
  router,
};
const picture: Picture = { networks: [network] };

export function networkContract(
  name: string,
  makeRig: (t: TestContext) => Promise<NetworkRig>,
): void {
  const promise = (what: string, body: (rig: NetworkRig) => Promise<void>) =>
    test(`${name}: ${what}`, async (t) => body(await makeRig(t)));

  promise("a picture becomes facts, and the same picture again changes nothing", async (rig) => {
    const { networks } = rig;
    assert.deepEqual(await networks.look(), { rules: "in-force", ports: [], routers: [] });
    assert.ok((await networks.apply(picture)).changes > 0);
    const facts = await networks.look();
    assert.equal(facts.rules, "in-force");
    assert.deepEqual(facts.routers, [{ network: network.id, generation: 4, is: "up" }]);
    const unplugged = { network: network.id, is: "unplugged" };
    const dropped = { spoofed: 0, ingress: 0, egress: 0 };
    assert.deepEqual(facts.ports, [
      { ...unplugged, nic: port(11).nic, dropped },
      { ...unplugged, nic: port(12).nic, dropped },
    ]);
    assert.equal((await networks.apply(picture)).changes, 0);
  });

  promise("what is not in the picture goes, and in the end all of it", async (rig) => {
    const { networks } = rig;
    await networks.apply(picture);
    assert.notDeepEqual(await rig.leftovers(), []);
    const { router: _, ...rest } = network;
    await networks.apply({ networks: [{ ...rest, ports: [port(12)] }] });
    const facts = await networks.look();
    assert.deepEqual(
      facts.ports.map(({ nic }) => nic),
      [port(12).nic],
    );
    assert.deepEqual(facts.routers, []);
    await networks.removeAll();
    assert.deepEqual(await rig.leftovers(), []);
    assert.deepEqual((await networks.look()).ports, []);
  });

  promise("of many orders at once the newest is what is left", async ({ networks }) => {
    const only = (last: number): Picture => ({ networks: [{ ...network, ports: [port(last)] }] });
    await Promise.all([11, 12, 13, 14].map((last) => networks.apply(only(last))));
    const { ports } = await networks.look();
    assert.deepEqual(
      ports.map(({ nic, is }) => [nic, is]),
      [[port(14).nic, "unplugged"]],
    );
    assert.equal((await networks.apply(only(14))).changes, 0);
  });

  promise("a router that is gone is missed and made again", async (rig) => {
    const { networks } = rig;
    await networks.apply(picture);
    await rig.loseRouter(network);
    assert.equal((await networks.look()).routers[0]?.is, "absent");
    await networks.apply(picture);
    assert.equal((await networks.look()).routers[0]?.is, "up");
    await rig.loseDns(network);
    const impaired = (await networks.look()).routers[0];
    assert.equal(impaired?.is, "impaired");
    assert.match(impaired?.reason ?? "", /dnsmasq/);
    await networks.apply(picture);
    assert.equal((await networks.look()).routers[0]?.is, "up");
  });

  promise("another generation is another router", async ({ networks }) => {
    await networks.apply(picture);
    await networks.apply({ networks: [{ ...network, router: { ...router, generation: 5 } }] });
    assert.deepEqual((await networks.look()).routers, [
      { network: network.id, generation: 5, is: "up" },
    ]);
  });

  promise("rules that are bypassed or gone are said to be, and come back", async (rig) => {
    const { networks } = rig;
    await networks.apply(picture);
    await rig.turnSetting();
    assert.equal((await networks.look()).rules, "bypassed");
    await networks.apply(picture);
    assert.equal((await networks.look()).rules, "in-force");
    await rig.flushRules();
    assert.equal((await networks.look()).rules, "missing");
    await networks.apply(picture);
    assert.equal((await networks.look()).rules, "in-force");
  });

  promise("a port that comes when the rules are gone has all of them again", async (rig) => {
    const { networks } = rig;
    const two: Picture = { networks: [network] };
    const three: Picture = { networks: [{ ...network, ports: [...network.ports, port(13)] }] };
    await networks.apply(two);
    await rig.flushRules();
    await networks.apply(three);
    const { rules, ports } = await networks.look();
    assert.equal(rules, "in-force");
    assert.equal(ports.filter(({ is }) => is === "unplugged").length, 3);
    assert.equal((await networks.apply(three)).changes, 0);
    await networks.apply(two);
    assert.equal((await networks.apply(two)).changes, 0);
  });

  promise("whoever waits for a port is told when it is there", async ({ networks }) => {
    await networks.apply(picture);
    let isPlugged = false;
    const onPlugged = () => {
      isPlugged = true;
    };
    const other: Picture = { networks: [{ ...network, ports: [port(12), port(13)] }] };
    await networks.apply(other, onPlugged);
    assert.ok(isPlugged);
    const { ports } = await networks.look();
    assert.deepEqual(
      ports.map(({ is }) => is),
      ["unplugged", "unplugged"],
    );
    assert.equal((await networks.apply(other)).changes, 0);
  });

  promise("a kind of network that the kernel cannot make is refused with a reason", async (rig) => {
    const { networks } = rig;
    const { vlan, vxlan } = await networks.abilities();
    assert.ok(vxlan.isThere);
    const tagged: Picture = { networks: [{ ...network, kind: "vlan", vlan: 7 }] };
    if (vlan.isThere) return void (await networks.apply(tagged));
    assert.match(vlan.reason, /\w/);
    await assert.rejects(networks.apply(tagged), { code: "network_unsupported" });
  });

  promise("a guest that asks is known by its port", async (rig) => {
    const { networks } = rig;
    const ask = await rig.plug(port(11));
    await networks.apply(picture);
    assert.equal((await ask("/latest/"))[0], 503);
    networks.onMetadata(async ({ nic, network: id, method, path }) => ({
      status: 200,
      headers: {},
      body: `${method} ${path} ${nic === port(11).nic} ${id === network.id}`,
    }));
    assert.deepEqual(await ask("/latest/?a=b"), [200, "GET /latest/?a=b true true"]);
    networks.onMetadata(async () => Promise.reject(new Error("a bug")));
    assert.equal((await ask("/latest/"))[0], 500);
  });
}
