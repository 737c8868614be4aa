/** What a network may look like, and what it looks like when nobody says. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Cidr, formatCidr, parseCidr } from "./cidr.ts";
import { capacityOf, firstFree, isSupply, networkFault, rangeFault } from "./plan.ts";

function cidr(text: string): Cidr {
  const parsed = parseCidr(text);
  assert.ok(parsed, text);
  return parsed;
}

const networks: readonly [text: string, fault: RegExp | undefined][] = [
  ["10.0.0.0/16", undefined],
  ["172.31.255.0/24", undefined],
  ["192.168.1.0/29", undefined],
  ["10.0.0.0/15", /larger than a \/16/],
  ["10.0.0.0/30", /smaller than a \/29/],
  ["172.32.0.0/16", /not in 10/],
  ["192.169.0.0/24", /not in 10/],
  ["8.8.8.0/24", /not in 10/],
  ["8.0.0.0/6", /not in 10/],
];
for (const [text, fault] of networks)
  test(`${text} ${fault ? "cannot be" : "can be"} a network`, () => {
    const says = networkFault(cidr(text));
    if (fault) assert.match(says ?? "", fault);
    else assert.equal(says, undefined);
  });

test("public addresses are where somebody can be reached, private ones of a lab included", () => {
  for (const text of ["203.0.113.0/24", "192.168.7.4/32", "100.64.3.0/28", "198.51.0.0/16"])
    assert.equal(rangeFault(cidr(text)), undefined, text);
  for (const text of [
    "127.0.0.0/24",
    "0.0.0.0/24",
    "169.254.0.0/24",
    "224.0.0.0/24",
    "255.0.0.0/24",
  ])
    assert.match(rangeFault(cidr(text)) ?? "", /nobody/, text);
  assert.match(rangeFault(cidr("198.0.0.0/15")) ?? "", /larger/);
});

test("a supply is a private network that at least one /24 fits into", () => {
  const texts = [
    "10.16.0.0/12",
    "192.168.0.0/24",
    "192.168.0.0/25",
    "8.8.8.0/24",
    "10.16.0.1/12",
    "",
  ];
  assert.deepEqual(texts.map(isSupply), [true, true, false, false, false, false]);
});

test("the name, the router and the broadcast of a network are not for guests", () => {
  assert.deepEqual([capacityOf(cidr("10.0.0.0/29")), capacityOf(cidr("10.0.0.0/24"))], [5, 253]);
});

test("the first free /24 passes over whatever overlaps it, larger or smaller", () => {
  const supply = cidr("10.16.0.0/22");
  const free = (...taken: string[]) => {
    const found = firstFree(supply, taken.map(cidr));
    return found && formatCidr(found);
  };
  assert.equal(free(), "10.16.0.0/24");
  assert.equal(free("10.16.0.8/29"), "10.16.1.0/24");
  assert.equal(free("10.16.0.0/23", "192.168.0.0/24"), "10.16.2.0/24");
  assert.equal(free("10.16.1.0/24"), "10.16.0.0/24");
  assert.equal(free("10.16.0.0/23", "10.16.2.64/26", "10.16.3.0/24"), undefined);
  assert.equal(free("10.16.0.0/16"), undefined);
});
