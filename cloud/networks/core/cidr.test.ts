import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  canonical,
  cidrPattern,
  contains,
  formatAddress,
  formatCidr,
  gatewayOf,
  guestRange,
  lowestFree,
  macOf,
  overlap,
  parseAddress,
  parseCidr,
} from "./cidr.ts";

const cidr = (text: string) => {
  const parsed = parseCidr(text);
  assert.ok(parsed, text);
  return parsed;
};

describe("addresses", () => {
  test("what is read is written the same", () => {
    for (const text of ["0.0.0.0", "10.0.0.1", "127.255.0.9", "192.168.1.254", "255.255.255.255"])
      assert.equal(formatAddress(parseAddress(text) ?? -1), text);
    for (const text of ["0.0.0.0/0", "10.0.0.0/8", "192.168.4.0/22", "10.1.2.3/32"])
      assert.equal(formatCidr(cidr(text)), text);
  });

  test("what is no address is none", () => {
    const wrong = [
      "",
      "1.2.3",
      "1.2.3.4.5",
      "256.1.1.1",
      "01.2.3.4",
      "1.2.3.-4",
      "1.2.3.4 ",
      "a.b.c.d",
    ];
    for (const text of wrong) assert.equal(parseAddress(text), undefined, text);
    const networks = [
      "10.0.0.0",
      "10.0.0.1/24",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/8/8",
      "10.0.0.0/",
    ];
    for (const text of networks) assert.equal(parseCidr(text), undefined, text);
  });

  test("a /29 has its router and five guests", () => {
    const small = cidr("10.9.0.8/29");
    assert.equal(formatAddress(gatewayOf(small)), "10.9.0.9");
    const all = lowestFree(guestRange(small), new Set(), 100).map(formatAddress);
    assert.deepEqual(all, ["10.9.0.10", "10.9.0.11", "10.9.0.12", "10.9.0.13", "10.9.0.14"]);
  });

  test("the lowest that are free are taken, and no more than there are", () => {
    const range = guestRange(cidr("10.0.0.0/29"));
    const taken = new Set([range.first, range.first + 2]);
    assert.deepEqual(lowestFree(range, taken, 2).map(formatAddress), ["10.0.0.3", "10.0.0.5"]);
    assert.equal(lowestFree(range, taken, 9).length, 3);
  });

  test("networks overlap when one has the other in it", () => {
    assert.ok(overlap(cidr("10.0.0.0/8"), cidr("10.4.0.0/16")));
    assert.ok(overlap(cidr("10.4.0.0/16"), cidr("10.0.0.0/8")));
    assert.ok(!overlap(cidr("10.4.0.0/16"), cidr("10.5.0.0/16")));
    assert.ok(contains(cidr("0.0.0.0/0"), parseAddress("203.0.113.7") ?? -1));
  });

  test("a hardware address is of one guest only, and administered locally", () => {
    assert.equal(macOf(parseAddress("10.0.1.255") ?? -1), "02:1d:0a:00:01:ff");
  });
});

test("a network may be named by any address in it, and what is none does not fit the pattern", () => {
  const pairs = [
    ["10.1.0.7/24", "10.1.0.0/24"],
    ["10.1.0.0/24", "10.1.0.0/24"],
    ["255.255.255.255/1", "128.0.0.0/1"],
    ["192.168.7.9/32", "192.168.7.9/32"],
    ["1.2.3.4/0", "0.0.0.0/0"],
  ] as const;
  for (const [text, network] of pairs) {
    assert.ok(cidrPattern.test(text), text);
    assert.equal(canonical(text), network);
    assert.ok(parseCidr(network), network);
  }
  for (const text of [
    "10.1.0.0",
    "10.1.0.0/33",
    "10.1.0.256/24",
    "10.1.0.0/024",
    "010.1.0.0/24",
    "a",
    "",
  ])
    assert.ok(!cidrPattern.test(text), text);
});
