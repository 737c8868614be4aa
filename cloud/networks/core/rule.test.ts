/** Which rules mean something. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type RuleRequest, ruleFault } from "./rule.ts";

const cidr = "10.0.0.0/8";
const table: readonly [rule: RuleRequest, field: keyof RuleRequest | undefined][] = [
  [{ protocol: "tcp", cidr }, undefined],
  [{ protocol: "any", group: "web" }, undefined],
  [{ protocol: "udp", fromPort: 53, cidr }, undefined],
  [{ protocol: "tcp", fromPort: 80, toPort: 80, cidr }, undefined],
  [{ protocol: "tcp", fromPort: 80, toPort: 79, cidr }, "toPort"],
  [{ protocol: "tcp", toPort: 80, cidr }, "fromPort"],
  [{ protocol: "icmp", fromPort: 8, cidr }, "fromPort"],
  [{ protocol: "any", fromPort: 80, toPort: 90, cidr }, "fromPort"],
  [{ protocol: "tcp", fromPort: 80 }, "cidr"],
  [{ protocol: "tcp", fromPort: 80, cidr, group: "web" }, "cidr"],
];
for (const [rule, field] of table)
  test(`${JSON.stringify(rule)} is ${field ? `wrong in ${field}` : "right"}`, () => {
    assert.equal(ruleFault(rule)?.field, field);
  });
