import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "./errors.ts";
import { claimTwoOf, textTwo } from "./sign-two.ts";

const fields = [
  ["SignatureVersion", "2"],
  ["SignatureMethod", "HmacSHA256"],
  ["AWSAccessKeyId", "KEY"],
  ["Timestamp", "2026-11-22T10:00:00Z"],
  ["Action", "DescribeTags"],
  ["Filter.1.Name", "it's (a) *"],
  ["Filter.10.Name", "b"],
  ["Filter.1", "~"],
  ["Signature", `${"a".repeat(43)}=`],
] as const;

test("all parameters are signed, sorted as bytes and escaped, with the host in lower case", () => {
  const request = { method: "GET", path: "/", query: [], headers: [["host", "H:1"]] } as const;
  assert.equal(
    textTwo(request, fields),
    "GET\nh:1\n/\nAWSAccessKeyId=KEY&Action=DescribeTags&Filter.1=~&Filter.1.Name=it%27s%20%28a%29%20%2A&Filter.10.Name=b&SignatureMethod=HmacSHA256&SignatureVersion=2&Timestamp=2026-11-22T10%3A00%3A00Z",
  );
  assert.deepEqual(claimTwoOf(fields), {
    ...{ key: "KEY", signature: `${"a".repeat(43)}=`, at: Date.UTC(2026, 10, 22, 10) },
  });
  assert.throws(() => textTwo({ ...request, headers: [] }, fields), Refusal);
});

test("what is missing, twice, weaker or of another version is refused; what carries none is told apart", () => {
  assert.equal(claimTwoOf([["Action", "DescribeTags"]]), undefined);
  const strange: readonly (readonly [string, string])[] = [
    ["SignatureVersion", "1"],
    ["SignatureMethod", "HmacSHA1"],
    ["AWSAccessKeyId", ""],
    ["Timestamp", "yesterday"],
    ["Timestamp", "2026-11-22T10:00:00+01:00"],
    ["Signature", "a"],
  ];
  for (const [name, value] of strange) {
    const bent = fields.map((field) => (field[0] === name ? ([name, value] as const) : field));
    assert.throws(() => claimTwoOf(bent), Refusal, `${name}=${value}`);
    const without = fields.filter((field) => field[0] !== name);
    if (name !== "SignatureVersion") assert.throws(() => claimTwoOf(without), Refusal, name);
    assert.throws(() => claimTwoOf([...fields, [name, value]]), Refusal, `${name} twice`);
  }
});
