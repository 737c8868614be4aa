/**
 * How long a new network on two hosts takes until its first packet, how long a changed rule takes to be in
 * force, and what rules cost the packets that they let through. Usage: node --import tsx bench/network.ts [rounds]
 *
 * Hosts and guests are network namespaces of this machine, so no boot and no emulation is in the figures;
 * that also makes throughput a memory copy, in which a filter costs more than it would on a wire.
 */
import { once } from "node:events";
import type { NicId } from "@holdfast/kernel/ids";
import type { Rule } from "../drivers/network/driver.ts";
import {
  aNetwork,
  anything,
  aPort,
  type FixtureGuest,
  type FixtureRoom,
  fixtureRoom,
  routerFor,
  until,
} from "../drivers/network/fixture-hosts.ts";
import { tapOf } from "../drivers/network/names.ts";
import { deliver, type Figure } from "./figures.ts";
import { loadNow, median, whole } from "./measure.ts";

const megabytes = 300;
const rounds = Number(process.argv[2] ?? 5);
const over: (() => unknown)[] = [];
const room = await fixtureRoom({ after: (end) => void over.push(end as () => unknown) }); // It takes none.
try {
  console.log(`load ${loadNow()} at the beginning`);
  for (const { networks } of room.hosts) await networks.abilities();
  const made = await newNetworks(room);
  const changes: { readonly count: number; readonly took: number }[] = [];
  for (const count of [1, 2_000, 10_000])
    changes.push({ count, took: await ruleChanges(room, count) });
  deliver({
    bench: "network",
    what: "networks of hosts that are namespaces of this machine: until they carry packets, and what rules cost those",
    figures: [made, ...changes.map(changed), await throughput(room)],
    curves: [
      {
        name: "rule-change",
        title: "Until a rule that was taken away lets nothing through any more",
        x: { label: "rules", unit: "" },
        y: { label: "last packet", unit: "ms" },
        // A logarithm has no place for what took no time.
        lines: [
          {
            name: "last packet",
            points: changes.map(({ count, took }) => ({ x: count, y: Math.max(1, took) })),
          },
        ],
      },
    ],
    notes: [`Medians of ${rounds} rounds.`],
  });
} finally {
  await room.hosts[0].run("/bin/sh", "-c", "ip link del hand0 2>/dev/null; true");
  for (const end of over) await end();
}

async function newNetworks({ hosts: [one, two], guest }: FixtureRoom): Promise<Figure> {
  const ours: number[] = [];
  const byHand: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const [a, b] = [aPort(11), aPort(12)];
    const [guestA, guestB] = [await guest(one, a), await guest(two, b)];
    for (const each of [guestA, guestB]) await each.settle();
    const network = aNetwork(5_000 + round);
    const here = { ...network, ports: [a], peers: [two.underlay], router: routerFor([a, b]) };
    const there = { ...network, ports: [b], peers: [one.underlay] };
    let begun = performance.now();
    await Promise.all([
      one.networks.apply({ networks: [here] }),
      two.networks.apply({ networks: [there] }),
    ]);
    await until(() => guestA.reaches("10.1.0.12", 1));
    ours.push(performance.now() - begun);

    for (const { networks } of [one, two]) await networks.apply({ networks: [] });
    const [handA, handB] = [aPort(11), aPort(12)];
    const [first, second] = [await guest(one, handA), await guest(two, handB)];
    for (const each of [first, second]) await each.settle();
    begun = performance.now();
    await Promise.all([
      one.run("/bin/sh", "-ec", handMade(one.underlay, two.underlay, handA.nic)),
      two.run("/bin/sh", "-ec", handMade(two.underlay, one.underlay, handB.nic)),
    ]);
    await until(() => first.reaches("10.1.0.12", 1));
    byHand.push(performance.now() - begun);
    for (const host of [one, two]) await host.run("ip", "link", "del", "hand0");
    for (const host of [one, two]) await host.run("ip", "link", "del", "hand1");
  }
  return {
    name: "a new network",
    what: "on two hosts, until its first ping is answered: with rules, router, DHCP, DNS and metadata, beside bridge and tunnel alone, by a script",
    sides: [
      { name: "holdfast", value: median(ours), unit: "ms" },
      { name: "by a script", value: median(byHand), unit: "ms" },
    ],
  };
}

function changed({ count, took }: { readonly count: number; readonly took: number }): Figure {
  return {
    name: `a rule among ${whole(count)}`,
    what: "from the request to take it away to the last packet that it let through",
    sides: [{ name: "holdfast", value: took, unit: "ms" }],
  };
}

/** What nobody can do without: a program for each line. */
function handMade(own: string, other: string, nic: NicId): string {
  return `
    ip link add hand0 type bridge forward_delay 0
    ip link add hand1 type vxlan id 4999 dstport 4789 local ${own}
    bridge fdb append 00:00:00:00:00:00 dev hand1 dst ${other}
    ip link set hand1 master hand0 up
    ip link set ${tapOf(nic)} master hand0 up
    ip link set hand0 up
  `;
}

/** Milliseconds. */
async function ruleChanges({ hosts: [host], guest }: FixtureRoom, count: number): Promise<number> {
  const [a, b] = [aPort(11), aPort(12)];
  const [guestA, guestB] = [await guest(host, a), await guest(host, b)];
  for (const each of [guestA, guestB]) await each.settle();
  const others: Rule[] = Array.from({ length: count - 1 }, (_, index) => ({
    protocol: "tcp",
    ports: { from: 1_000 + (index % 5_000), to: 1_000 + (index % 5_000) },
    peers: [`172.16.${index % 250}.${index % 200}/32`],
  }));
  const allowed: Rule = { protocol: "tcp", ports: { from: 80, to: 80 }, peers: ["10.1.0.0/24"] };
  const network = aNetwork(5_100);
  const rules = (ingress: readonly Rule[]) =>
    host.networks.apply({ networks: [{ ...network, ports: [a, { ...b, ingress }] }] });
  await rules([...others, allowed]);
  const ticks = ["/bin/sh", "-c", "while echo tick; do busybox usleep 1000; done"];
  guestB.start("busybox", "nc", "-ll", "-p", "80", "-e", ...ticks);
  await until(async () => (await guestB.run("ss", "-Hltn", "sport = :80")).includes("LISTEN"));
  const call = guestA.start("busybox", "nc", "10.1.0.12", "80");
  let last = 0;
  call.stdout?.on("data", () => {
    last = performance.now();
  });
  const times: number[] = [];
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    await until(() => last > start); // It flows.
    const begun = performance.now();
    await rules(others);
    times.push(Math.max(0, last - begun));
    await rules([...others, allowed]);
  }
  call.kill("SIGKILL");
  await host.networks.apply({ networks: [] });
  return median(times);
}

async function throughput({ hosts: [host], guest }: FixtureRoom): Promise<Figure> {
  const pairOf = async () => {
    const [a, b] = [aPort(11), aPort(12)];
    const pair = [await guest(host, a), await guest(host, b)] as const;
    for (const each of pair) await each.settle();
    return { ports: [a, b], pair };
  };
  const ours = await pairOf();
  const few: Rule[] = [{ protocol: "tcp", ports: { from: 1, to: 9_000 }, peers: ["10.1.0.0/24"] }];
  const ports = ours.ports.map((port) => ({ ...port, ingress: few, egress: anything }));
  const picture = { networks: [aNetwork(5_200, { ports })] };
  const bare = await pairOf();
  await host.run("ip", "link", "add", "hand0", "type", "bridge", "forward_delay", "0");
  for (const [index, { nic }] of bare.ports.entries()) {
    // By another name: a tap that is in no picture is removed.
    await host.run("ip", "link", "set", tapOf(nic), "name", `bare${index}`);
    await host.run("ip", "link", "set", `bare${index}`, "master", "hand0", "up");
  }
  await host.run("ip", "link", "set", "hand0", "up");
  const withRules: number[] = [];
  const without: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await host.networks.apply(picture);
    withRules.push(await transfer(ours.pair));
    await host.run("nft", "flush", "ruleset");
    await host.run("/bin/sh", "-c", "echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables");
    without.push(await transfer(bare.pair));
  }
  return {
    name: "one TCP stream",
    what: "between two guests of a host, through spoofing guard and rules, beside a bare bridge",
    sides: [
      { name: "with rules", value: median(withRules), unit: "MB/s" },
      { name: "bare bridge", value: median(without), unit: "MB/s" },
    ],
  };
}

/** MB a second. */
async function transfer([from, to]: readonly [FixtureGuest, FixtureGuest]): Promise<number> {
  const sink = to.start("/bin/sh", "-c", "exec busybox nc -l -p 9 >/dev/null");
  await until(async () => (await to.run("ss", "-Hltn", "sport = :9")).includes("LISTEN"));
  const begun = performance.now();
  const source = `dd if=/dev/zero bs=1M count=${megabytes} 2>/dev/null | exec busybox nc ${to.port.address} 9`;
  from.start("/bin/sh", "-c", source);
  await once(sink, "exit");
  return megabytes / ((performance.now() - begun) / 1_000);
}
