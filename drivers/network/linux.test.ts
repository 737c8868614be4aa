/** The real thing, in throw-away network namespaces: real packets, no guests. What rules do: linux-rules.test.ts. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkId } from "@holdfast/kernel/ids";
import { execute } from "./commands.ts";
import type { Network, Router } from "./driver.ts";
import {
  aNetwork,
  aPort,
  fixtureRoom,
  idOf,
  routerFor,
  until,
  worldAddress,
} from "./fixture-hosts.ts";
import { removeRemains } from "./linux.ts";

test("guests on two hosts get addresses and names, and reach each other and the world", async (t) => {
  const room = await fixtureRoom(t);
  const [one, two] = room.hosts;
  const [a, b, unknown] = [aPort(11), aPort(12), aPort(13)];
  const network = aNetwork(100);
  const guestA = await room.guest(one, a);
  const guestB = await room.guest(two, b);
  const guestU = await room.guest(two, unknown);
  await room.nameServer("example.test", "192.0.2.77");
  const router = routerFor([a, b], { forwarders: [worldAddress] });
  const here = { ...network, ports: [a], peers: [two.underlay], router };
  const there = { ...network, ports: [b, unknown], peers: [one.underlay] };
  await one.networks.apply({ networks: [here] });
  await two.networks.apply({ networks: [there] });

  assert.ok(await guestA.lease());
  assert.ok(await guestB.lease());
  assert.match(
    await guestB.run("ip", "addr", "show", "dev", "eth0"),
    /mtu 1450 .*10\.1\.0\.12\/24/s,
  );
  assert.match(await guestB.run("ip", "route"), /169\.254\.169\.254 dev eth0/);
  assert.equal(await guestU.lease(4), false, "a card that DHCP does not know gets nothing");
  const answer = await guestA.run("busybox", "nslookup", "vm12.blue.holdfast.internal");
  assert.match(answer, /Address: 10\.1\.0\.12/);
  assert.match(await guestB.run("busybox", "nslookup", "-type=a", "example.test"), /192\.0\.2\.77/);
  assert.ok(await guestA.reaches("10.1.0.12"));
  assert.ok(await guestB.reaches(worldAddress));
  await guestA.run("busybox", "ping", "-c", "1", "-W", "60", "-s", "1422", "10.1.0.12");

  assert.equal((await one.networks.apply({ networks: [here] })).changes, 0);
  assert.equal((await two.networks.apply({ networks: [there] })).changes, 0);
  // A name that comes later is known at once, and nothing else is touched.
  const named = { ...here, router: { ...router, hosts: routerFor([a, b, unknown]).hosts } };
  assert.equal((await one.networks.apply({ networks: [named] })).changes, 1);
  assert.ok(await guestU.lease());
});

test("public addresses: one for all, a port of it for one guest, and one of its own", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const [shared, own] = ["192.0.2.100", "192.0.2.101"];
  const network = aNetwork(200, { ports: [a, b] });
  const guestA = await room.guest(host, a);
  const guestB = await room.guest(host, b);
  for (const guest of [guestA, guestB]) await guest.settle("10.1.0.1");
  const forward = { protocol: "tcp", publicAddress: shared, publicPort: 8_080 } as const;
  const router = routerFor([a, b], {
    sourceNat: shared,
    forwards: [{ ...forward, address: a.address, port: 80 }],
    statics: [{ publicAddress: own, address: b.address }],
  });
  const apply = (changes: Partial<Router>) =>
    host.networks.apply({ networks: [{ ...network, router: { ...router, ...changes } }] });
  await apply({});
  await guestA.echo(80);
  await guestB.echo(22);

  const forwarded = room.callFromWorld(shared, 8_080);
  const direct = room.callFromWorld(own, 22);
  assert.ok(await forwarded.answers("through the port"));
  assert.ok(await direct.answers("to the guest itself"));
  assert.ok(await room.world("busybox", "ping", "-c", "1", "-W", "60", shared));
  // A guest that calls its own network from outside, as its neighbours in the world do.
  assert.ok(await guestB.call(shared, 8_080).answers("around the corner"));
  await room.echoInWorld(7);
  assert.ok(await guestA.call(worldAddress, 7).answers("as everybody"));
  assert.ok(await guestB.call(worldAddress, 7).answers("as itself"));
  const sources = await room.world("ss", "-Htn", "state", "established", "sport = :7");
  assert.match(sources, /192\.0\.2\.100\]?:/);
  assert.match(sources, /192\.0\.2\.101\]?:/);

  // What is taken away ends, also where it is under way.
  await apply({ forwards: [], statics: [] });
  forwarded.say("still there?");
  direct.say("still there?");
  assert.ok(await guestA.call(worldAddress, 7).answers("the others go on"));
  assert.equal(await room.callFromWorld(shared, 8_080, 1).answers("again"), false);
  assert.doesNotMatch(forwarded.heard() + direct.heard(), /still/);
  assert.doesNotMatch(await host.run("ip", "neigh", "show", "proxy"), new RegExp(own));
});

test("a router that moves is found at once, by its network and by the world", async (t) => {
  const room = await fixtureRoom(t);
  const [one, two] = room.hosts;
  const a = aPort(11);
  const guest = await room.guest(one, a);
  await guest.settle("10.1.0.1");
  await guest.echo(80);
  const own = "192.0.2.150";
  const statics = [{ publicAddress: own, address: a.address }];
  const network = aNetwork(470, { peers: [two.underlay] });
  const router = routerFor([a], { statics });
  await one.networks.apply({ networks: [{ ...network, ports: [a], router }] });
  await two.networks.apply({ networks: [] });
  assert.ok(await room.callFromWorld(own, 80).answers("here"));
  assert.ok(await guest.reaches(worldAddress));

  await one.networks.apply({ networks: [{ ...network, ports: [a] }] });
  const moved = { ...network, peers: [one.underlay], router: { ...router, generation: 2 } };
  await two.networks.apply({ networks: [moved] });
  // Nobody has been given time to forget where it was.
  assert.ok(await guest.reaches(worldAddress));
  assert.ok(await room.callFromWorld(own, 80).answers("there"));
});

test("a router that is killed is missed, and the next order makes a new one", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const a = aPort(11);
  const network = aNetwork(700, { ports: [a], router: routerFor([a]) });
  const guest = await room.guest(host, a);
  const { networks } = host;
  const apply = () => networks.apply({ networks: [network] });
  const router = async () => (await networks.look()).routers[0];
  await apply();
  assert.equal((await router())?.is, "up");

  const namespace = `hf-${room.mark}1-r700`;
  const [pid] = (await host.run("ip", "netns", "pids", namespace)).trim().split("\n").map(Number);
  process.kill(Number(pid), "SIGKILL");
  await until(async () => (await router())?.is === "impaired");
  assert.match((await router())?.reason ?? "", /dnsmasq/);
  assert.equal((await apply()).changes, 1);
  assert.ok(await guest.lease());

  for (let round = 0; round < 3; round++) {
    await host.run("ip", "netns", "del", namespace);
    assert.equal((await router())?.is, "absent");
    await apply();
    assert.equal((await router())?.is, "up");
    assert.ok(await guest.reaches("10.1.0.1"));
  }
  // As after a power cut, but for the host's own namespace.
  await removeRemains(`${room.mark}1`);
  assert.equal((await router())?.is, "absent");
  await apply();
  assert.ok(await guest.reaches("10.1.0.1"));
  // An agent that is started anew finds it as it is.
  await networks.close();
  const successor = host.again();
  assert.equal((await successor.apply({ networks: [network] })).changes, 1, "its own listener");
  assert.equal((await successor.look()).routers[0]?.generation, 1);
});

test("a guest asks for its metadata, by its gateway or on the link, with a router or without", async (t) => {
  const room = await fixtureRoom(t);
  const [one, two] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const network = aNetwork(800);
  const guestA = await room.guest(one, a);
  const guestB = await room.guest(two, b);
  const asked: string[] = [];
  for (const [name, { networks }] of [["one", one] as const, ["two", two] as const])
    networks.onMetadata(async ({ nic, network: id, method, path, headers }) => {
      asked.push(`${name} ${nic === a.nic ? "a" : "b"} ${id === network.id} ${method} ${path}`);
      return { status: 200, headers: { "x-token": headers["x-token"] ?? "" }, body: `${name}\n` };
    });
  await one.networks.apply({
    networks: [
      {
        ...network,
        ports: [{ ...a, egress: [] }],
        peers: [two.underlay],
        router: routerFor([a, b]),
      },
    ],
  });
  await two.networks.apply({ networks: [{ ...network, ports: [b], peers: [one.underlay] }] });
  await guestA.lease(); // On the link.
  await guestB.settle("10.1.0.1"); // By the gateway, on the other host.
  const get = ["busybox", "wget", "-qO-", "http://169.254.169.254/latest/meta-data/"];
  assert.equal(await guestA.run(...get), "one\n");
  assert.equal(await guestB.run(...get), "two\n");
  assert.deepEqual(asked, [
    "one a true GET /latest/meta-data/",
    "two b true GET /latest/meta-data/",
  ]);
  // Nobody's metadata goes to the other host.
  assert.doesNotMatch(await two.run("bridge", "fdb", "show", "dev", "hfx800"), /02:68:66/);
});

test("answers about metadata reach as many hops as a port says, and all where it says nothing", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const port = aPort(11);
  const network = aNetwork(810);
  const guest = await room.guest(host, port);
  host.networks.onMetadata(async () => ({ status: 200, headers: {}, body: "yes" }));
  const allow = (metadataHops: number | undefined) => {
    const { metadataHops: _, ...plain } = port;
    const ports = [metadataHops === undefined ? plain : { ...port, metadataHops }];
    return host.networks.apply({ networks: [{ ...network, ports, router: routerFor([port]) }] });
  };
  /** Whatever comes with another number of hops to live is dropped. */
  const isAnsweredWith = async (hops: number) => {
    const rule = `ip saddr 169.254.169.254 ip ttl != ${hops} drop`;
    const chain = `chain input {\ntype filter hook input priority 0;\n${rule}\n}`;
    const fresh = "add table ip hops\ndelete table ip hops";
    await guest.run("nft", `${fresh}\ntable ip hops {\n${chain}\n}`);
    const get = ["timeout", "2", "busybox", "wget", "-qO-", "http://169.254.169.254/"];
    return (await guest.run(...get).catch(() => "")) === "yes";
  };
  await allow(1);
  await guest.lease();
  assert.equal(await isAnsweredWith(1), true);
  assert.equal(await isAnsweredWith(2), false);
  assert.equal((await allow(1)).changes, 0);
  await allow(2);
  assert.equal(await isAnsweredWith(2), true);
  await allow(undefined);
  assert.equal(await isAnsweredWith(64), true);
});

test("what is not in the picture goes, whoever made it", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const { networks } = host;
  const full = aNetwork(900, { ports: [a, b], router: routerFor([a]), peers: ["192.0.2.12"] });
  await networks.apply({ networks: [full, aNetwork(901, { ports: [aPort(13)] })] });
  await networks.close();
  await host.run("ip", "link", "add", "hfb999", "type", "bridge");
  await host.run("ip", "link", "add", "hf-else", "type", "bridge");
  const { router: _, ...less } = full;
  const next: Network = { ...less, ports: [b], peers: ["192.0.2.13"], id: idOf<NetworkId>(2) };
  await host.again().apply({ networks: [next] });
  const names = (await host.run("ip", "-br", "link"))
    .split("\n")
    .map((line) => line.split(/[\s@]/)[0]);
  const ours = names.filter((name) => name?.startsWith("hf")).sort();
  const kept = ["hf-else", "hfb900", "hfm900", `hft${b.nic.slice(-12)}`, "hfx900"];
  assert.deepEqual(ours, kept.sort());
  const fdb = await host.run("bridge", "fdb", "show", "dev", "hfx900");
  assert.match(fdb, /00:00:00:00:00:00 dst 192\.0\.2\.13/);
  assert.doesNotMatch(fdb, /192\.0\.2\.12/);
});

test("taps are ready for a hypervisor, and stay its own when everything around them changes", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const a = aPort(11);
  const network = aNetwork(950, { ports: [a] });
  await host.networks.apply({ networks: [network] });
  const tap = `hft${a.nic.slice(-12)}`;
  const shown = await host.run("ip", "-d", "link", "show", tap);
  assert.match(shown, /mtu 1450 .*master hfb950 .*type tap .*vnet_hdr on persist on/s);
  const index = async () => JSON.parse(await host.run("ip", "-j", "link", "show", tap))[0].ifindex;
  const before = await index();
  await host.run("ip", "link", "del", "hfb950");
  assert.equal((await host.networks.look()).ports[0]?.is, "absent");
  await host.networks.apply({ networks: [network] });
  assert.equal((await host.networks.look()).ports[0]?.is, "unplugged");
  assert.equal(await index(), before);
  await host.networks.apply({ networks: [{ ...network, ports: [{ ...a, isUp: false }] }] });
  assert.doesNotMatch(await host.run("ip", "link", "show", tap), /[<,]UP[,>]/);
});

test("a port comes also when the programs that stay are killed, and is not ordered where they were", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const ports = [aPort(11), aPort(12), aPort(13)];
  const network = aNetwork(960);
  const { networks } = host;
  const apply = (count: number) =>
    networks.apply({ networks: [{ ...network, ports: ports.slice(0, count) }] });
  const isWhole = async (count: number) => {
    const { rules, ports } = await networks.look();
    assert.equal(rules, "in-force");
    assert.equal(ports.filter(({ is }) => is === "unplugged").length, count);
    assert.equal((await apply(count)).changes, 0);
  };
  await apply(1);
  const pids = await execute(["ip", "netns", "pids", host.namespace]);
  for (const pid of pids.trim().split("\n")) process.kill(Number(pid), "SIGKILL");
  await apply(2);
  await isWhole(2);
  // Its number is another one now, and those who know the old one would put the tap nowhere.
  await host.run("ip", "link", "del", "hfb960");
  await apply(3);
  await isWhole(3);
});

test("taps of guests that have gone are removed at last, also when others come meanwhile", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b, c, d] = [aPort(11), aPort(12), aPort(13), aPort(14)];
  const network = aNetwork(970);
  const { networks } = host;
  const apply = (...ports: (typeof a)[]) =>
    networks.apply({ networks: [{ ...network, ports: [a, ...ports] }] });
  const taps = async () =>
    [...(await host.run("ip", "-br", "link")).matchAll(/hft[0-9a-f]{12}/g)].map(String).sort();
  const of = (...ports: (typeof a)[]) => ports.map(({ nic }) => `hft${nic.slice(-12)}`).sort();
  await apply(b, c);
  /** Resolves when this picture's ports are there, before those that are not in it are gone. */
  const plugged = (...ports: (typeof a)[]) =>
    new Promise<{ over: Promise<unknown> }>((resolve) => {
      const picture = { networks: [{ ...network, ports: [a, ...ports] }] };
      const over: Promise<unknown> = networks.apply(picture, () => resolve({ over }));
    });
  const first = await plugged(c);
  const second = apply(c, d);
  await first.over;
  await second;
  assert.deepEqual(await taps(), of(a, c, d));
  // One that comes back while it is going is not taken away from who has just been given it.
  const programs = () => execute(["ip", "netns", "pids", host.namespace]);
  const before = await programs();
  const third = await plugged(c);
  const fourth = apply(c, d);
  await Promise.all([third.over, fourth]);
  assert.deepEqual(await taps(), of(a, c, d));
  assert.equal(await programs(), before, "those that stay are there yet: nobody had to look");
  assert.equal((await apply(c, d)).changes, 0);
});
