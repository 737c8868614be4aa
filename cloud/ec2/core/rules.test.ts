import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "./errors.ts";
import { wantedRules } from "./rules.ts";

const anywhere = [{ CidrIp: "0.0.0.0/0" }];

test("the ports of a permission in our words, or a refusal", () => {
  const cases: readonly (readonly [
    protocol: string,
    from: number | undefined,
    to: number | undefined,
    is: string,
  ])[] = [
    ["tcp", 22, 22, "tcp 22-22"],
    ["6", 0, 65_535, "tcp undefined-undefined"],
    ["udp", 0, 53, "udp 1-53"],
    ["-1", 5, 6, "any undefined-undefined"],
    ["icmp", -1, -1, "icmp undefined-undefined"],
  ];
  for (const [IpProtocol, FromPort, ToPort, is] of cases) {
    const [rule] = wantedRules({
      IpPermissions: [{ IpProtocol, FromPort, ToPort, IpRanges: anywhere }],
    });
    assert.equal(`${rule?.protocol} ${rule?.fromPort}-${rule?.toPort}`, is);
  }
  for (const [IpProtocol, FromPort, ToPort] of [
    ["icmp", 8, 0],
    ["tcp", 9, 8],
    ["tcp", 22, undefined],
    ["gre", 1, 2],
    ["tcp", 0, 0],
  ] as const)
    assert.throws(
      () => wantedRules({ IpPermissions: [{ IpProtocol, FromPort, ToPort, IpRanges: anywhere }] }),
      Refusal,
    );
});

test("the older form without a list says the same", () => {
  const [flat] = wantedRules({ IpProtocol: "tcp", FromPort: 80, ToPort: 80, CidrIp: "10.1.2.3/8" });
  assert.deepEqual([flat?.fromPort, flat?.cidr], [80, "10.0.0.0/8"]);
  assert.throws(() => wantedRules({}), Refusal);
  assert.throws(
    () => wantedRules({ IpPermissions: [{ IpProtocol: "tcp", FromPort: 1, ToPort: 1 }] }),
    Refusal,
  );
});
