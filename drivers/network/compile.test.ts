/**
 * From pictures to text: nothing here needs a kernel. The golden files are what nft and dnsmasq get;
 * linux.test.ts shows that they take it and what it does.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import { addressNumber, addressText, rangeOf, uplinkAddresses, zonesOf } from "./addresses.ts";
import type { Network, Port, Router, Rule } from "./driver.ts";
import { filterOf, isInForce } from "./filter.ts";
import { type HostPlan, hostPlan } from "./host-plan.ts";
import { tapOf } from "./names.ts";
import { newestWins } from "./newest-wins.ts";
import { chainsIn, type LinkSeen, type Observed } from "./observe.ts";
import { dnsFiles, routerFilter, routerWiring } from "./router.ts";
import { ruleSetOf } from "./rule-sets.ts";

const golden = (name: string) => readFileSync(join(import.meta.dirname, "golden", name), "utf8");
const id = <Id extends string>(number: number) =>
  `01890000-0000-7000-8000-${number.toString(16).padStart(12, "0")}` as Id; // Only tests mint ids.

const port: Port = {
  nic: id<NicId>(0xa),
  mac: "52:54:00:00:00:0b",
  address: "10.1.0.11",
  isUp: true,
  ingress: [
    { protocol: "icmp", icmpType: 8, peers: ["0.0.0.0/0"] },
    { protocol: "tcp", ports: { from: 80, to: 90 }, peers: ["10.1.0.0/24", "192.0.2.7/32"] },
  ],
  egress: [{ protocol: "any", peers: ["0.0.0.0/0"] }],
};
const router: Router = {
  generation: 2,
  mac: "52:54:00:ff:00:01",
  hosts: [{ mac: port.mac, address: port.address, name: "web" }],
  forwarders: ["192.0.2.53"],
  hasUplink: true,
  sourceNat: "192.0.2.100",
  forwards: [
    {
      protocol: "tcp",
      publicAddress: "192.0.2.100",
      publicPort: 8_080,
      address: "10.1.0.11",
      port: 80,
    },
  ],
  statics: [{ publicAddress: "192.0.2.101", address: "10.1.0.12" }],
};
const network: Network = {
  id: id<NetworkId>(1),
  vni: 100,
  kind: "vxlan",
  mtu: 1_450,
  cidr: "10.1.0.0/24",
  gateway: "10.1.0.1",
  domain: "blue.test",
  peers: ["192.0.2.12"],
  ports: [port],
  router,
};
const place = { tag: "h1", underlayAddress: "192.0.2.11", uplinkDevice: "eth0" };

test("the filters of a host, line by line", () => {
  const filter = filterOf({ networks: [network] }, "inet");
  assert.equal(filter.text(new Map([["spoofed_00000000000a", 3]])), golden("host.nft"));
});

test("one table that is gone is enough to miss the rules", () => {
  const filter = filterOf({ networks: [network] }, "inet");
  const loaded = new Set(filter.text(new Map()).match(/\bis_\w+/g));
  assert.equal(loaded.size, 2);
  assert.ok(isInForce(filter, loaded));
  for (const mark of loaded)
    assert.ok(!isInForce(filter, new Set([...loaded].filter((each) => each !== mark))));
  assert.ok(!isInForce(filterOf({ networks: [{ ...network, peers: [] }] }, "inet"), loaded));
});

test("where bridges track connections, the same rules are in the bridge", () => {
  const [inet, bridge] = (["inet", "bridge"] as const).map((trackedIn) =>
    filterOf({ networks: [network] }, trackedIn).text(new Map()),
  );
  assert.ok(inet && bridge);
  const rules = bridge.slice(bridge.indexOf("table bridge holdfast_rules {"));
  assert.match(rules, /meta ibrname \. ip saddr vmap @egress_original/);
  assert.doesNotMatch(rules, /iifname/);
  // Apart from where they are, not a word is different.
  const judged = (text: string) =>
    text.slice(text.indexOf(" set services"), text.indexOf(" chain judge"));
  assert.equal(judged(rules).replaceAll("meta ibrname", "iifname"), judged(inet));
});

test("the filter of a router, line by line", () => {
  assert.equal(routerFilter(network, router).text, golden("router.nft"));
});

test("a router without an uplink forwards nothing and has no public addresses", () => {
  const { text } = routerFilter(network, { ...router, hasUplink: false });
  assert.match(
    text,
    /chain through \{\n {2}type filter hook forward priority filter; policy drop;\n \}/,
  );
  assert.doesNotMatch(text, /nat|192\.0\.2/);
  const lines = routerWiring(network, { ...router, hasUplink: false }, 100);
  assert.doesNotMatch(lines.join("\n"), /up0|default/);
});

test("the files of dnsmasq, line by line", () => {
  const { config, leases, names } = dnsFiles(network, router, "/run/hf/100");
  assert.equal(config, golden("dnsmasq.conf"));
  assert.equal(leases, "52:54:00:00:00:0b,10.1.0.11,web\n");
  assert.equal(names, "10.1.0.11 web.blue.test web\n");
});

const tcp = (from: number, to: number, ...peers: string[]): Rule => ({
  protocol: "tcp",
  ports: { from, to },
  peers,
});
const flowsOf = (...rules: Rule[]) => Object.fromEntries(ruleSetOf(rules).flows);

test("rules that overlap become elements that do not", () => {
  assert.deepEqual(flowsOf(tcp(80, 90, "10.0.0.0/8"), tcp(85, 99, "10.0.0.0/8")), {
    8: ["10.0.0.0/8 . 6 . 80-99"],
  });
  // Networks of two lengths are two sets; one inside of the other is no overlap then.
  assert.deepEqual(flowsOf(tcp(80, 80, "10.0.0.0/8"), tcp(80, 80, "10.1.2.3/32", "10.1.0.0/16")), {
    8: ["10.0.0.0/8 . 6 . 80"],
    16: ["10.1.0.0/16 . 6 . 80"],
    32: ["10.1.2.3 . 6 . 80"],
  });
  // An address that is not the first of its network means the network all the same.
  assert.deepEqual(flowsOf(tcp(1, 1, "10.0.0.7/24"), tcp(2, 2, "10.0.0.9/24")), {
    24: ["10.0.0.0/24 . 6 . 1-2"],
  });
});

test("any protocol swallows what it contains, and neighbours are joined across protocols", () => {
  const any: Rule = { protocol: "any", peers: ["0.0.0.0/0"] };
  const everything = { 0: ["0.0.0.0-255.255.255.255 . 0-255 . 0-65535"] };
  assert.deepEqual(flowsOf(tcp(80, 80, "0.0.0.0/0"), any), everything);
  assert.deepEqual(
    flowsOf({ protocol: "icmp", peers: ["10.0.0.1/32"] }, { protocol: "udp", peers: ["10.0.0.1"] }),
    { 32: ["10.0.0.1 . 1 . 0-65535", "10.0.0.1 . 17 . 0-65535"] },
  );
});

test("the order of rules means nothing, and equal rules have one name", () => {
  const rules = [tcp(1, 2, "10.0.0.0/8"), tcp(7, 7, "10.1.0.0/16", "10.2.0.0/16")];
  assert.equal(ruleSetOf(rules).name, ruleSetOf([...rules].reverse()).name);
  assert.notEqual(ruleSetOf(rules).name, ruleSetOf(rules.slice(1)).name);
  const twice = {
    ...network,
    ports: [port, { ...port, nic: id<NicId>(0xb), address: "10.1.0.12" }],
  };
  const { text } = filterOf({ networks: [twice] }, "inet");
  assert.equal(text(new Map()).match(/set f_b579866ddea6_0/g)?.length, 1);
});

test("who may be asked by ping may answer", () => {
  const pings: Rule = { protocol: "icmp", icmpType: 8, peers: ["10.0.0.1/32"] };
  assert.deepEqual([...ruleSetOf([pings]).icmp], [[32, ["10.0.0.1 . 0", "10.0.0.1 . 8"]]]);
});

test("thousands of rules stay about as many elements", () => {
  const rules = Array.from({ length: 4_000 }, (_, n) =>
    tcp(n, n + 500, `10.${n % 9}.0.0/${9 + (n % 20)}`),
  );
  const elements = [...ruleSetOf(rules).flows.values()].flat();
  assert.ok(elements.length < 4_000);
  assert.equal(new Set(elements).size, elements.length);
});

test("addresses are numbers of 32 bits, also above the middle", () => {
  assert.equal(addressText(addressNumber("203.0.113.7")), "203.0.113.7");
  assert.deepEqual(rangeOf("203.0.113.7/24"), {
    from: addressNumber("203.0.113.0"),
    to: addressNumber("203.0.113.255"),
    prefix: 24,
  });
  assert.deepEqual(rangeOf("0.0.0.0/0"), { from: 0, to: 2 ** 32 - 1, prefix: 0 });
});

test("networks of one host have zones and uplinks of their own, however big their numbers", () => {
  const zones = zonesOf([100, 65_635, 16_777_215, 65_535, 65_536]);
  assert.equal(zones.get(100), 100);
  assert.equal(zones.get(65_635), 101, "100 is taken");
  assert.equal(new Set(zones.values()).size, 5);
  assert.ok([...zones.values()].every((zone) => zone > 0 && zone < 65_536));
  assert.deepEqual(uplinkAddresses(65_535), { host: "198.19.255.254", router: "198.19.255.255" });
});

test("cards made in one moment have taps of their own, with names that fit", () => {
  const card = "01890f3e-7a60-7abc-8def-0123456789ab" as NicId; // As kernel/ids.ts makes them.
  assert.equal(tapOf(card), "hft0123456789ab");
});

const nothing: Observed = {
  links: new Map(),
  routes: [],
  proxies: [],
  fdb: [],
  namespaces: new Set(),
  chains: new Set(),
  bridgeFiltering: true,
};
const plan = (networks: readonly Network[], seen: Partial<Observed> = {}): HostPlan =>
  hostPlan({ networks }, { ...nothing, ...seen }, place);
const link = (kind: string, changes: Partial<LinkSeen> = {}): LinkSeen => ({
  ...{ kind, index: 7, mac: "02:00:00:00:00:01", mtu: 1_450, isUp: true, hasCarrier: true },
  ...{ master: "hfb100", alias: undefined, addresses: [] },
  ...changes,
});

test("a bare host is told everything, in order", () => {
  const { removeLinks, ip, bridge, addNamespaces, announce } = plan([network]);
  assert.deepEqual(removeLinks, []);
  assert.deepEqual(addNamespaces, ["hf-h1-r100", "hf-h1-m100"]);
  assert.deepEqual(ip, [
    "link add dev hfb100 type bridge forward_delay 0 mcast_snooping 0",
    "link set dev hfb100 addrgenmode none",
    "link set dev hfb100 mtu 1450 up",
    "link add dev hfx100 type vxlan id 100 dstport 4789 local 192.0.2.11",
    "link set dev hfx100 addrgenmode none",
    "link set dev hfx100 mtu 1450 master hfb100 up",
    "tuntap add dev hft00000000000a mode tap vnet_hdr",
    "link set dev hft00000000000a addrgenmode none",
    "link set dev hft00000000000a mtu 1450 master hfb100 up",
    "link add dev hfr100 type veth peer name lan0 netns hf-h1-r100",
    "link set dev hfr100 addrgenmode none",
    "link set dev hfr100 mtu 1450 master hfb100 up",
    "link add dev hfu100 type veth peer name up0 netns hf-h1-r100",
    "link set dev hfu100 addrgenmode none",
    "link set dev hfu100 mtu 1500 up",
    "link add dev hfm100 type veth peer name md0 netns hf-h1-m100",
    "link set dev hfm100 addrgenmode none",
    "link set dev hfm100 mtu 1450 master hfb100 up",
    "addr add 198.18.0.200/31 dev hfu100",
    "route replace 192.0.2.100/32 via 198.18.0.201 dev hfu100 protocol 104",
    "route replace 192.0.2.101/32 via 198.18.0.201 dev hfu100 protocol 104",
    "neigh add proxy 192.0.2.100 dev eth0 protocol 104",
    "neigh add proxy 192.0.2.101 dev eth0 protocol 104",
  ]);
  assert.deepEqual(bridge, [
    "fdb append 00:00:00:00:00:00 dev hfx100 dst 192.0.2.12",
    "fdb replace 02:68:66:a9:fe:a9 dev hfm100 master static",
  ]);
  assert.deepEqual(announce, ["192.0.2.100", "192.0.2.101"]);
});

test("what is wrong goes first, and what is somebody else's stays", () => {
  const { router: _, ...rest } = network;
  const seen = new Map([
    ["hfb100", link("bridge", { master: undefined })],
    ["hfx100", link("vxlan", { vxlan: { id: 100, local: "192.0.2.99" } })], // The host has moved.
    ["hft00000000000a", link("tun")],
    ["hft00000000000c", link("tun")],
    ["hfb1", link("bridge")],
    ["hf0f29-1", link("veth")],
    ["docker0", link("bridge")],
  ]);
  const namespaces = new Set(["hf-h1-r100", "hf-h2-r100", "hf-h1-m5", "hf-h1-probe", "else"]);
  const { removeLinks, removeNamespaces, ip } = plan([rest], { links: seen, namespaces });
  assert.deepEqual(removeLinks, ["hfx100", "hft00000000000c", "hfb1"]);
  assert.deepEqual(removeNamespaces, ["hf-h1-r100", "hf-h1-m5"]);
  assert.ok(!ip.some((line) => line.includes("hft")), "a guest holds the other end of its tap");
});

test("a VLAN leaves by the uplink", () => {
  const { ip, bridge } = plan([{ ...network, kind: "vlan", vlan: 7, mtu: 1_500 }]);
  assert.ok(ip.includes("link add link eth0 name hfx100 type vlan id 7"));
  assert.ok(!bridge.some((line) => line.includes("hfx100")));
});

test("only chains of our own tables are read", () => {
  const listing =
    "table inet firewalld {\n\tchain is_no {\n\t}\n}\ntable bridge holdfast {\n\tchain is_yes {\n\t}\n}\n";
  assert.deepEqual([...chainsIn(listing)], ["is_yes"]);
});

test("of calls that wait only the newest is carried out, and all get its result", async () => {
  const carried: number[] = [];
  const call = newestWins(async (wish: number) => {
    await Promise.resolve();
    carried.push(wish);
    if (wish === 9) throw new Error("nine");
    return wish;
  });
  assert.deepEqual(await Promise.all([1, 2, 3, 4].map(call)), [1, 4, 4, 4]);
  assert.deepEqual(carried, [1, 4]);
  const failing = call(9);
  const next = call(10);
  await assert.rejects(failing, /nine/);
  assert.equal(await next, 10, "a failure is not the next one's");
  await call.settled();
});
