import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import { moveRouters, type RoutedNetwork, type RouterHost } from "./routers.ts";

const id = <T extends string>(text: string) => text as T; // A table of names is not the place for UUIDs.
const host = (name: string, more: Partial<RouterHost> = {}): RouterHost => ({
  ...{ id: id<HostId>(name), name, epoch: 1, state: "up", mode: "enabled", hasUnderlay: true },
  ...more,
});
const network = (guests: Record<string, number>, at?: string, epoch = 1): RoutedNetwork => ({
  id: id<NetworkId>("net"),
  guests: new Map(Object.entries(guests).map(([name, count]) => [id<HostId>(name), count])),
  router: at ? { host: id<HostId>(at), epoch, generation: 4 } : undefined,
});
const table: readonly [string, RoutedNetwork, readonly RouterHost[], string][] = [
  ["nobody runs, none is there", network({}), [host("a")], "nothing"],
  ["nobody runs any more", network({}, "a"), [host("a")], "remove"],
  ["the first guest", network({ a: 1 }), [host("a"), host("b")], "place a wanted"],
  ["most guests", network({ a: 1, b: 2 }), [host("a"), host("b")], "place b wanted"],
  ["stays, though others have more", network({ b: 9 }, "a"), [host("a"), host("b")], "nothing"],
  [
    "silence moves nothing",
    network({ a: 1, b: 1 }, "a"),
    [host("a", { state: "suspect" }), host("b")],
    "nothing",
  ],
  [
    "its host is proven dead",
    network({ b: 1 }, "a"),
    [host("a", { state: "down" }), host("b")],
    "place b host-dead",
  ],
  [
    "its host is back under a new epoch, and is still the best",
    network({ a: 1 }, "a"),
    [host("a", { epoch: 2 })],
    "place a host-new-epoch",
  ],
  [
    "its host is being emptied",
    network({ a: 3, b: 1 }, "a"),
    [host("a", { mode: "maintenance" }), host("b")],
    "place b host-emptied",
  ],
  [
    "its host is being emptied, and there is no other",
    network({ a: 3 }, "a"),
    [host("a", { mode: "maintenance" })],
    "nothing",
  ],
  [
    "a draining host only if nobody else can",
    network({ a: 3, b: 1 }),
    [host("a", { mode: "draining" }), host("b")],
    "place b wanted",
  ],
  [
    "guests on two hosts need a host that others can reach",
    network({ a: 3, b: 1 }),
    [host("a", { hasUnderlay: false }), host("b")],
    "place b wanted",
  ],
  [
    "one host by itself needs no others",
    network({ a: 1 }),
    [host("a", { hasUnderlay: false })],
    "place a wanted",
  ],
  ["nobody can", network({ a: 1, b: 1 }), [host("a", { state: "down" })], "nothing"],
];

for (const [title, given, hosts, expected] of table)
  test(`router: ${title}`, () => {
    const [move] = moveRouters([given], new Map(hosts.map((each) => [each.id, each])));
    const told = !move
      ? "nothing"
      : move.do === "remove"
        ? "remove"
        : `place ${move.host} ${move.why}`;
    assert.equal(told, expected);
    if (move?.do === "place") assert.equal(move.generation, given.router ? 5 : 1);
  });

test("routers of many networks are spread over hosts that are equal", () => {
  const networks = [1, 2, 3, 4].map((n) => ({
    ...network({ a: 1, b: 1 }),
    id: id<NetworkId>(`net-${n}`),
  }));
  const moves = moveRouters(
    networks,
    new Map([host("a"), host("b")].map((each) => [each.id, each])),
  );
  assert.deepEqual(
    moves.map((move) => move.do === "place" && move.host),
    ["a", "b", "a", "b"],
  );
});
