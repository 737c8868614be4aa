/** Names, addresses and ids that no two rooms and no two hosts may share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mostHosts } from "./client.ts";
import {
  bridgeOf,
  macOf,
  networkOf,
  planOf,
  rangeOf,
  slotOf,
  slotOfBridge,
  slots,
} from "./plan.ts";

const ends = [0, 1, 255, 256, slots - 2, slots - 1].map((slot) => planOf("/s", slot, mostHosts));

test("no two hosts share an address, a link or a user id, in one room or in two", () => {
  const hosts = ends.flatMap((room) => room.hosts);
  for (const of of ["address", "link", "namespace", "cgroup", "uidsFirst"] as const)
    assert.equal(new Set(hosts.map((host) => host[of])).size, hosts.length, of);
  const firsts = hosts.map(({ uidsFirst }) => uidsFirst).sort((a, b) => a - b);
  for (const [at, first] of firsts.entries()) assert.ok(first - (firsts[at - 1] ?? 0) >= 10_001);
});

test("links fit into fifteen characters and user ids into 31 bits", () => {
  for (const { bridge, hosts } of ends)
    for (const { link, uidsFirst } of hosts) {
      assert.ok(bridge.length <= 15 && link.length <= 15);
      assert.ok(uidsFirst > 210_000 && uidsFirst + 10_000 < 2 ** 31 - 1);
    }
});

test("an address has a unicast, locally administered link address of its own", () => {
  assert.equal(macOf("100.64.3.11"), "02:48:64:40:03:0b");
});

test("every network is within 100.64.0.0/10", () => {
  const [first, last] = rangeOf("100.64.0.0/10");
  for (const slot of [0, 255, 256, slots - 1]) {
    const [from, to] = rangeOf(networkOf(slot));
    assert.ok(first <= from && to <= last);
    assert.equal(to - from, 255);
  }
});

test("a state directory always leads to the same slot, and another usually to another", () => {
  assert.equal(slotOf("/tmp/a"), slotOf("/tmp/a"));
  const some = Array.from({ length: 100 }, (_, at) => slotOf(`/tmp/hf-${at}`));
  assert.ok(new Set(some).size > 95);
});

test("a bridge tells its slot, and other links none", () => {
  for (const slot of [0, 255, slots - 1]) assert.equal(slotOfBridge(bridgeOf(slot)), slot);
  for (const link of ["hf0f29-1", "hf0", "hfxyz1", "eth0", "ifb0"])
    assert.equal(slotOfBridge(link), undefined, link);
});
