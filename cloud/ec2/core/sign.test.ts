import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { Refusal } from "./errors.ts";
import { canonical, checkAge, claimOf, type Signed } from "./sign.ts";

const signature = "0".repeat(64);
const request = (authorization: string, more: Partial<Signed> = {}): Signed => ({
  ...{ method: "POST", path: "/", query: [] },
  headers: [
    ["host", "h:1"],
    ["x-amz-date", "20261122T100000Z"],
    ["x-other", "  a   b "],
    ["authorization", authorization],
  ],
  ...more,
});
const credential = "Credential=KEY/20261122/here-1/ec2/aws4_request";

test("any headers may be signed, with or without spaces after the commas, but never without host", () => {
  for (const gap of [", ", ","]) {
    const claim = claimOf(
      request(
        `AWS4-HMAC-SHA256 ${[credential, "SignedHeaders=host;x-other", `Signature=${signature}`].join(gap)}`,
      ),
    );
    assert.equal(claim?.key, "KEY");
    assert.equal(claim?.at, Date.UTC(2026, 10, 22, 10));
    assert.equal(
      canonical(request(""), claim as NonNullable<typeof claim>, "hash"),
      "POST\n/\n\nhost:h:1\nx-other:a b\n\nhost;x-other\nhash",
    );
  }
  assert.throws(
    () =>
      claimOf(
        request(`AWS4-HMAC-SHA256 ${credential}, SignedHeaders=x-other, Signature=${signature}`),
      ),
    Refusal,
  );
});

test("a signed URL says everything in its query, which is sorted and escaped as it was signed", () => {
  const query = [
    ["X-Amz-Algorithm", "AWS4-HMAC-SHA256"],
    ["X-Amz-Credential", "KEY/20261122/here-1/ec2/aws4_request"],
    ["X-Amz-Date", "20261122T100000Z"],
    ["X-Amz-Expires", "60"],
    ["X-Amz-SignedHeaders", "host"],
    ["X-Amz-Signature", signature],
    ["Name", "it's (a) *"],
    ["Action", "x"],
  ] as const;
  const signed: Signed = { method: "GET", path: "/", query, headers: [["host", "h"]] };
  const claim = claimOf(signed);
  assert.equal(claim?.goodFor, 60_000);
  assert.match(
    canonical(signed, claim as NonNullable<typeof claim>, ""),
    /^GET\n\/\nAction=x&Name=it%27s%20%28a%29%20%2A&X-Amz-Algorithm=/,
  );
});

test("five minutes either way are forgiven, and no more", () => {
  const claim = claimOf(
    request(`AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=${signature}`),
  );
  assert.ok(claim);
  const minute = 60_000;
  for (const [off, is] of [
    [0, true],
    [5, true],
    [-5, true],
    [5.1, false],
    [-5.1, false],
  ] as const) {
    const check = () => checkAge(claim, (claim.at + off * minute) as Instant);
    if (is) check();
    else assert.throws(check, Refusal, `${off}`);
  }
});

test("what is missing, twice or of another service is refused; what carries none is told apart", () => {
  assert.equal(claimOf({ ...request(""), headers: [["host", "h"]] }), undefined);
  for (const authorization of [
    "Basic x",
    "AWS4-HMAC-SHA256 x",
    `AWS4-HMAC-SHA256 Credential=KEY/20261121/here-1/ec2/aws4_request, SignedHeaders=host, Signature=${signature}`,
    `AWS4-HMAC-SHA256 Credential=KEY/20261122/here-1/s3/aws4_request, SignedHeaders=host, Signature=${signature}`,
    `AWS4-HMAC-SHA256 ${credential}, SignedHeaders=host, Signature=short`,
  ])
    assert.throws(() => claimOf(request(authorization)), Refusal, authorization);
});
