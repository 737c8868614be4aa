/** That what is in force after a difference is what the whole text would have put there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import { commands, execute, namespaceFile } from "./commands.ts";
import type { Network, Picture, Port, Rule } from "./driver.ts";
import { filterOf, isInForce } from "./filter.ts";
import { differenceOf } from "./filter-difference.ts";
import { chainsIn } from "./observe.ts";

const id = <Id extends string>(number: number) =>
  `01890000-0000-7000-8000-${number.toString(16).padStart(12, "0")}` as Id; // Only tests mint ids.

const tcp = (port: number, ...peers: string[]): Rule => ({
  protocol: "tcp",
  ports: { from: port, to: port },
  peers,
});
const pings: Rule = { protocol: "icmp", icmpType: 8, peers: ["0.0.0.0/0"] };
const anything: Rule = { protocol: "any", peers: ["0.0.0.0/0"] };

const port = (last: number, ingress: readonly Rule[]): Port => ({
  nic: id<NicId>(last),
  mac: `52:54:00:00:01:${last.toString(16).padStart(2, "0")}`,
  address: `10.7.0.${last}`,
  ...{ isUp: true, ingress, egress: [anything] },
});

const network = (vni: number, peers: readonly string[], ports: readonly Port[]): Network => ({
  ...{ id: id<NetworkId>(vni), vni, kind: "vxlan", mtu: 1_450, cidr: "10.7.0.0/24" },
  ...{ gateway: "10.7.0.1", domain: "red.holdfast.internal", peers, ports },
});

const peer = ["192.0.2.99"];
/** From each to the next: a port more, other rules, a peer more and another network, one that is pulled, fewer of all. */
const pictures: readonly Picture[] = [
  [network(7_700, peer, [port(11, [])])],
  [network(7_700, peer, [port(11, []), port(12, [pings, tcp(80, "10.7.0.0/24")])])],
  [
    network(7_700, peer, [
      port(11, [tcp(22, "0.0.0.0/0"), tcp(80, "10.7.0.0/24", "192.0.2.7/32")]),
      port(12, [pings, tcp(80, "10.7.0.0/24")]),
    ]),
  ],
  [
    network(7_700, [...peer, "192.0.2.98"], [port(11, [pings]), port(13, [anything])]),
    network(7_800, [], [port(21, [])]),
  ],
  [network(7_700, peer, [{ ...port(11, [pings]), isUp: false }, port(13, [])])],
  [network(7_700, peer, [port(13, [])])],
].map((networks) => ({ networks }));

test("a difference leads to what the whole text leads to", async (t) => {
  const [one, other] = await Promise.all([namespace(t, "a"), namespace(t, "b")]);
  const filters = pictures.map((picture) => filterOf(picture, "inet"));
  await one.nft(filters[0]?.text(new Map()) ?? "");
  for (const [index, filter] of filters.entries()) {
    const before = filters[index - 1];
    if (!before) continue;
    const difference = differenceOf(before.tables, filter.tables);
    assert.ok(difference, `picture ${index} needs the whole text`);
    await one.promptly(difference);
    assert.ok(!isInForce(before, await one.chains()), `picture ${index} is not the one before`);
    assert.ok(isInForce(filter, await one.chains()), `picture ${index}`);
    await other.nft(filter.text(new Map()));
    assert.deepEqual(await one.rules(), await other.rules(), `picture ${index}`);
  }
});

test("a difference does nothing where the filters are others than it was made from", async (t) => {
  const [first, second, third] = pictures.map((picture) => filterOf(picture, "inet"));
  assert.ok(first && second && third);
  const { nft, promptly, rules } = await namespace(t, "c");
  await nft(first.text(new Map()));
  const before = await rules();
  await assert.rejects(promptly(differenceOf(second.tables, third.tables) ?? ""), /No such file/);
  assert.deepEqual(await rules(), before);
});

test("a port more is said in a few lines, however many there are", () => {
  const many = Array.from({ length: 200 }, (_, index) => port(index + 11, [pings]));
  const filter = (ports: readonly Port[]) =>
    filterOf({ networks: [network(7_700, peer, ports)] }, "inet");
  const before = filter(many.slice(1));
  const text = differenceOf(before.tables, filter(many).tables) ?? "";
  assert.ok(text.split("\n").length < 30, text);
});

async function namespace(t: { after(end: () => Promise<unknown>): void }, letter: string) {
  const name = `hfd-${process.pid.toString(36)}${letter}`;
  await execute(["ip", "netns", "add", name]);
  t.after(() => execute(["ip", "netns", "del", name]));
  const kernel = commands(name);
  t.after(async () => kernel.close());
  const inside = (...argv: string[]) => ["nsenter", `--net=${namespaceFile(name)}`, ...argv];
  return {
    promptly: (text: string) =>
      kernel.promptly([{ where: undefined, program: "nft", lines: text.trim().split("\n") }]),
    nft: (text: string) => execute(inside("nft", "-f", "-"), text),
    chains: async () => chainsIn(await execute(inside("nft", "list", "chains"))),
    async rules(): Promise<readonly string[]> {
      const listed: { readonly nftables: readonly Readonly<Record<string, Listed>>[] } = JSON.parse(
        await execute(inside("nft", "-j", "-n", "list", "ruleset")),
      );
      return inOrder(listed.nftables);
    },
  };
}

interface Listed {
  readonly chain?: string;
  readonly elem?: readonly unknown[];
}

/** Without what the kernel counts and numbers. Only the rules of a chain are in an order that means something. */
function inOrder(all: readonly Readonly<Record<string, Listed>>[]): readonly string[] {
  const places = new Map<string, number>();
  return all
    .flatMap((entry) => Object.entries(entry))
    .filter(([kind]) => kind !== "metainfo")
    .map(([kind, { handle: _, elem = [], ...rest }]: [string, Listed & { handle?: unknown }]) => {
      const chain = kind === "rule" ? JSON.stringify([kind, rest.chain]) : "";
      const place = places.get(chain) ?? 0;
      places.set(chain, place + 1);
      const elements = elem.map((each) => JSON.stringify(each)).sort();
      return JSON.stringify([kind, chain, chain ? place : 0, rest, elements]);
    })
    .sort();
}
