/** What rules and filters do to real packets, in throw-away network namespaces. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Network, Rule } from "./driver.ts";
import {
  aNetwork,
  anything,
  aPort,
  droppedOn,
  fixtureRoom,
  routerFor,
  until,
  worldAddress,
} from "./fixture-hosts.ts";

const pings: Rule = { protocol: "icmp", icmpType: 8, peers: ["0.0.0.0/0"] };
const tcp = (port: number, ...peers: string[]): Rule => ({
  protocol: "tcp",
  ports: { from: port, to: port },
  peers: peers.length > 0 ? peers : ["0.0.0.0/0"],
});

test("a rule that is taken away ends what it allowed at once, in both directions", async (t) => {
  const room = await fixtureRoom(t);
  const [one, two] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const network = aNetwork(300);
  const guestA = await room.guest(one, a);
  const guestB = await room.guest(two, b);
  for (const guest of [guestA, guestB]) await guest.settle();
  const rules = async (outOfA: readonly Rule[], intoB: readonly Rule[]) => {
    const ports = [[{ ...a, egress: outOfA }], [{ ...b, ingress: intoB }]] as const;
    await one.networks.apply({
      networks: [{ ...network, ports: ports[0], peers: [two.underlay] }],
    });
    await two.networks.apply({
      networks: [{ ...network, ports: ports[1], peers: [one.underlay] }],
    });
  };
  await rules(anything, [pings, tcp(80, "10.1.0.11/32")]);
  await guestB.echo(80);
  await guestB.echo(81);
  await guestA.echo(82);
  const call = guestA.call("10.1.0.12", 80);
  assert.ok(await call.answers("one"));
  assert.ok(await guestA.reaches("10.1.0.12"));
  const refused = guestA.call("10.1.0.12", 81);
  await until(async () => (await droppedOn(two.networks)).ingress > 0);
  assert.ok(await guestB.call("10.1.0.11", 82).answers("B may begin whatever it likes"));

  await rules(anything, [tcp(81)]);
  const before = (await droppedOn(two.networks)).ingress;
  call.say("two");
  await until(async () => (await droppedOn(two.networks)).ingress > before);
  assert.doesNotMatch(call.heard(), /two/);
  assert.equal(await guestA.reaches("10.1.0.12", 1), false);
  assert.ok(await refused.answers("an attempt that was refused is let in"));
  await rules(anything, [tcp(80)]);
  assert.ok(await call.answers("three"), "and what is allowed again goes on");

  await rules([tcp(80, "10.1.0.13/32")], [tcp(80)]);
  call.say("four");
  await until(async () => (await droppedOn(one.networks)).egress > 0);
  assert.doesNotMatch(call.heard(), /four/);
  await rules(anything, [tcp(80)]);
  assert.ok(await call.answers("five"));
});

test("answers of a connection that is no longer allowed do not come through either", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const guestA = await room.guest(host, a);
  const guestB = await room.guest(host, b);
  for (const guest of [guestA, guestB]) await guest.settle();
  const network = aNetwork(310);
  const rules = (intoB: readonly Rule[]) =>
    host.networks.apply({ networks: [{ ...network, ports: [a, { ...b, ingress: intoB }] }] });
  await rules(anything);
  // It talks by itself, so that nothing has to be asked for it to answer.
  guestB.start(
    ...["busybox", "nc", "-ll", "-p", "81", "-e"],
    ...["/bin/sh", "-c", "while echo tick; do sleep 0.02; done"],
  );
  await until(async () => (await guestB.run("ss", "-Hltn", "sport = :81")).includes("LISTEN"));
  const call = guestA.call("10.1.0.12", 81);
  await until(() => call.heard().includes("tick"));
  // As the kernel counts: what a busy machine has not read yet says nothing.
  const received = async () => {
    const [, bytes] =
      /bytes_received:(\d+)/.exec(await guestA.run("ss", "-Htni", "dport = :81")) ?? [];
    return Number(bytes);
  };
  await rules([]);
  const before = await received();
  assert.ok(before > 0);
  const dropped = (await droppedOn(host.networks, b)).ingress;
  await until(async () => (await droppedOn(host.networks, b)).ingress > dropped + 2);
  assert.equal(await received(), before);
});

test("false addresses do not leave a port, and nothing for somebody else enters one", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const guestA = await room.guest(host, a);
  const guestB = await room.guest(host, b);
  for (const guest of [guestA, guestB]) await guest.settle();
  await host.networks.apply({ networks: [aNetwork(400, { ports: [a, b] })] });
  assert.ok(await guestA.reaches("10.1.0.12"));
  const spoofed = async () => (await droppedOn(host.networks, a)).spoofed;
  const afterwards = async (attempt: () => Promise<unknown>) => {
    const before = await spoofed();
    await attempt();
    return (await spoofed()) - before;
  };

  assert.equal(await afterwards(() => guestA.reaches("10.1.0.12")), 0);
  await guestA.run("ip", "addr", "add", "10.1.0.66/24", "dev", "eth0");
  const from = ["busybox", "ping", "-c", "1", "-W", "1", "-I", "10.1.0.66", "10.1.0.12"];
  assert.ok((await afterwards(() => guestA.run(...from).catch(() => {}))) > 0, "address");
  const arp = [
    "busybox",
    "arping",
    "-c",
    "1",
    "-w",
    "1",
    "-I",
    "eth0",
    "-s",
    "10.1.0.66",
    "10.1.0.12",
  ];
  assert.ok((await afterwards(() => guestA.run(...arp).catch(() => {}))) > 0, "ARP");
  assert.doesNotMatch(await guestB.run("ip", "neigh"), /10\.1\.0\.66/);
  await guestA.run("ip", "addr", "del", "10.1.0.66/24", "dev", "eth0");
  await guestA.run("ip", "link", "set", "eth0", "address", "52:54:00:00:00:99");
  assert.ok((await afterwards(() => guestA.reaches("10.1.0.12", 1))) > 0, "MAC");
  await guestA.run("ip", "link", "set", "eth0", "address", a.mac);

  // The host is on the same bridge and is nobody's neighbour: a frame with its MAC goes nowhere.
  const bridge = JSON.parse(await host.run("ip", "-j", "link", "show", "hfb400"))[0].address;
  const toHost = ["ip", "neigh", "replace", "10.1.0.200", "lladdr", bridge, "dev", "eth0"];
  await guestA.run(...toHost);
  await guestA.run("ip", "route", "add", `${host.underlay}/32`, "via", "10.1.0.200", "dev", "eth0");
  assert.equal(await guestA.reaches(host.underlay, 1), false);
  // A packet for an address that B does not have, in a frame for B.
  const toB = ["ip", "neigh", "replace", "10.1.0.201", "lladdr", b.mac, "dev", "eth0"];
  await guestA.run(...toB);
  await guestB.run("ip", "addr", "add", "10.1.0.201/32", "dev", "lo");
  assert.equal(await guestA.reaches("10.1.0.201", 1), false);
});

test("equal addresses in two networks do not meet, not even their connections", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const closed: readonly Rule[] = [tcp(80, "10.1.0.11/32")];
  const red = [aPort(11), aPort(12, { ingress: closed })] as const;
  const blue = [aPort(11), aPort(12, { ingress: [] })] as const;
  assert.deepEqual(
    blue.map(({ mac }) => mac),
    red.map(({ mac }) => mac),
  );
  const guests = [];
  for (const port of [...red, ...blue]) guests.push(await room.guest(host, port));
  for (const guest of guests) await guest.settle();
  const [redA, redB, blueA, blueB] = guests;
  if (!redA || !redB || !blueA || !blueB) throw new Error("four ports make four guests");
  const networks: readonly Network[] = [
    aNetwork(500, { ports: red }),
    aNetwork(501, { ports: blue, router: routerFor(blue) }),
  ];
  await host.networks.apply({ networks });
  await redB.echo(80);
  await blueB.echo(80);
  // The very same connection, down to the port that it comes from.
  const from = ["busybox", "nc", "-p", "5555", "10.1.0.12", "80"];
  const call = redA.start(...from);
  let heard = "";
  call.stdout?.on("data", (data) => {
    heard += data;
  });
  call.stdin?.write("red\n");
  await until(() => heard.includes("red"));
  blueA.start(...from).stdin?.write("blue\n");
  await until(async () => (await droppedOn(host.networks, blue[1])).ingress > 0);
  assert.equal((await droppedOn(host.networks, red[1])).ingress, 0);
  assert.equal(heard, "red\n");
});

test("a network's frames are taken from its own hosts only", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const a = aPort(11);
  const guest = await room.guest(host, a);
  await guest.settle();
  await guest.echo(80);
  const network = aNetwork(450, { ports: [a] });
  const tunnel = ["type", "vxlan", "id", "450", "dstport", "4789", "local", worldAddress];
  await room.world("ip", "link", "add", "tunnel", ...tunnel, "remote", host.underlay);
  await room.world("ip", "addr", "add", "10.1.0.77/24", "dev", "tunnel");
  await room.world("ip", "link", "set", "tunnel", "up");
  const ping = (patience: number) =>
    room.world("busybox", "ping", "-c", "1", "-W", `${patience}`, "10.1.0.11").then(
      () => true,
      () => false,
    );
  await host.networks.apply({ networks: [network] });
  assert.equal(await ping(1), false);
  await host.networks.apply({ networks: [{ ...network, peers: [worldAddress] }] });
  assert.equal(await ping(60), true);
});

test("a guest that asks for addresses without end, or as others, does not keep others from theirs", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b, c] = [aPort(11), aPort(12), aPort(13)];
  const guestA = await room.guest(host, a);
  const guestB = await room.guest(host, b);
  const guestC = await room.guest(host, c);
  await guestA.settle();
  await host.networks.apply({
    networks: [aNetwork(460, { ports: [a, b, c], router: routerFor([a, b, c]) })],
  });
  assert.ok(await guestA.reaches("10.1.0.1"));
  const arrived = async () =>
    JSON.parse(await host.run("ip", "-s", "-j", "link", "show", "hfr460"))[0].stats64.tx.packets;
  const spoofed = async () => (await droppedOn(host.networks, a)).spoofed;
  // Frames with its own MAC, as the port wants them; it lies inside of them only.
  const say = (what: "discover" | "decline", count: number, mac?: string, address?: string) =>
    guestA.run(process.execPath, "-e", dhcpTalk, what, `${count}`, mac ?? "", address ?? "");

  // A few packets of other kinds may pass: whoever sends asks who the router is.
  let before = await arrived();
  await say("discover", 2_000);
  assert.equal(await spoofed(), 2_000);
  assert.ok((await arrived()) - before < 10, "no DISCOVER of somebody who is not there");
  // A server that is told that an address is in use does not give it to anybody for ten minutes.
  await say("decline", 3, b.mac, b.address);
  assert.equal(await spoofed(), 2_003);
  assert.ok(await guestB.lease());

  before = await arrived();
  const begun = performance.now();
  await say("discover", 2_000, a.mac);
  // Twenty a second and forty at the start, and a few packets of other kinds.
  const most = 60 + ((performance.now() - begun) / 1_000) * 20;
  const came = (await arrived()) - before;
  assert.ok(came >= 40 && came < most, `${came} came through`);
  assert.equal(await spoofed(), 2_003);
  assert.ok(await guestB.lease());
  assert.ok(await guestC.lease());
  assert.ok(await guestA.lease(), "and it has its own, once it has calmed down");
});

/** For `node -e`: what, how often, as whom (each time somebody else if nobody), about which address. */
const dhcpTalk = `
  const [what, count, mac, address] = process.argv.slice(1);
  const { randomBytes } = require("node:crypto");
  const bytes = (text, base) => text.split(/[.:]/).map((part) => parseInt(part, base));
  const packet = () => {
    const head = Buffer.alloc(240);
    head.set([1, 1, 6, 0]);
    head.set(randomBytes(4), 4);
    head.set(mac ? bytes(mac, 16) : [2, ...randomBytes(5)], 28);
    head.set([0x63, 0x82, 0x53, 0x63], 236);
    const options =
      what === "discover"
        ? [53, 1, 1]
        : [53, 1, 4, 50, 4, ...bytes(address, 10), 54, 4, ...bytes("10.1.0.1", 10)];
    return Buffer.concat([head, Buffer.from([...options, 255]), Buffer.alloc(60)]);
  };
  const socket = require("node:dgram").createSocket("udp4");
  socket.bind(68, async () => {
    for (let left = Number(count); left > 0; left--)
      await new Promise((done, fail) =>
        socket.send(packet(), 67, "10.1.0.1", (error) => (error ? fail(error) : done())),
      );
    socket.close();
  });
`;

test("two thousand rules are in force after one order, and packets do not wait for them", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const [a, b] = [aPort(11), aPort(12)];
  const many: Rule[] = Array.from({ length: 2_000 }, (_, index) => ({
    protocol: "tcp",
    ports: { from: 1_000 + index, to: 1_000 + 2 * index },
    peers: [
      `10.${2 + (index % 50)}.${index % 7}.0/${16 + (index % 9)}`,
      `172.16.${index % 250}.7/32`,
    ],
  }));
  const network = aNetwork(600, {
    ports: [a, { ...b, ingress: [...many, tcp(80, "10.1.0.0/28")] }],
  });
  const guestA = await room.guest(host, a);
  const guestB = await room.guest(host, b);
  for (const guest of [guestA, guestB]) await guest.settle();
  await host.networks.abilities();
  await host.networks.apply({ networks: [{ ...network, ports: [a, b] }] });
  const begun = performance.now();
  assert.equal((await host.networks.apply({ networks: [network] })).changes, 1);
  const took = performance.now() - begun;
  t.diagnostic(`2,000 rules with 4,000 peers: ${took.toFixed(0)} ms`);
  await guestB.echo(80);
  assert.ok(await guestA.call("10.1.0.12", 80).answers("the one that is meant"));
  assert.equal(await guestA.reaches("10.1.0.12", 1), false);
});
