import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "./errors.ts";
import { type Fields, readInput } from "./parse.ts";

const refusedWith = (code: string) => (error: unknown) =>
  error instanceof Refusal && error.code === code;
const describe = (...fields: Fields) => readInput("DescribeInstances", fields);

test("what every request carries is not the action's", () => {
  const fields = [
    ["Action", "DescribeInstances"],
    ["Version", "2016-11-15"],
    ["X-Amz-Date", "x"],
  ] as const;
  assert.deepEqual(describe(...fields), {});
});

test("a list begins at 0 or 1, has gaps, or is one value; its order is that of its numbers", () => {
  for (const names of [
    ["InstanceId.0", "InstanceId.1"],
    ["InstanceId.1", "InstanceId.2"],
    ["InstanceId.2", "InstanceId.10"],
  ])
    assert.deepEqual(describe([names[1] ?? "", "b"], [names[0] ?? "", "a"]), {
      InstanceIds: ["a", "b"],
    });
  assert.deepEqual(describe(["InstanceId", "a"]), { InstanceIds: ["a"] });
});

test("an id list that cannot be read is refused", () => {
  const lists: Fields[] = [
    [["InstanceId", ""]],
    [["InstanceId.1", ""]],
    [["InstanceId.x", "a"]],
    [["InstanceId.01", "a"]],
    [["InstanceId.1.Id", "a"]],
    [["InstanceIds.1", "a"]],
    [["instanceid.1", "a"]],
    [
      ["InstanceId", "a"],
      ["InstanceId.1", "b"],
    ],
    [
      ["InstanceId.1", "a"],
      ["InstanceId.1", "b"],
    ],
  ];
  for (const fields of lists)
    assert.throws(() => describe(...fields), Refusal, JSON.stringify(fields));
});

test("empty values mean absent, but in what a filter looks for", () => {
  assert.deepEqual(
    readInput("RunInstances", [
      ["MinCount", "1"],
      ["MaxCount", "1"],
      ["KeyName", ""],
      ["Placement.AvailabilityZone", ""],
      ["IamInstanceProfile.Name", ""],
    ]),
    { MinCount: 1, MaxCount: 1 },
  );
  assert.deepEqual(describe(["Filter.1.Name", "tag:a"], ["Filter.1.Value.1", ""]), {
    Filters: [{ Name: "tag:a", Values: [""] }],
  });
});

test("each kind of value is read as what it is, or refused", () => {
  const one = (name: string, value: string) =>
    readInput("ModifyInstanceEventStartTime", [
      ...(
        [
          ["InstanceId", "i"],
          ["InstanceEventId", "e"],
          ["NotBefore", "2027-01-02T03:04:05Z"],
        ] as const
      ).filter(([known]) => known !== name),
      [name, value],
    ]);
  assert.equal(one("NotBefore", "2027-01-02T03:04:05").NotBefore, Date.UTC(2027, 0, 2, 3, 4, 5));
  for (const value of ["tomorrow", "2027-13-01T00:00:00Z", "1"])
    assert.throws(() => one("NotBefore", value), refusedWith("InvalidParameterValue"));
  assert.equal(one("DryRun", "True").DryRun, true);
  assert.throws(() => one("DryRun", "yes"), refusedWith("InvalidParameterValue"));
  assert.throws(() => describe(["MaxResults", "1e3"]), refusedWith("InvalidParameterValue"));
});

test("what is required is asked for by its name, and what is not known is refused by its name", () => {
  assert.throws(() => readInput("TerminateInstances", []), refusedWith("MissingParameter"));
  for (const name of ["Colour", "__proto__", "Filter.1.Name.Name", "Filter..1", "constructor.1"])
    assert.throws(() => describe([name, "x"]), refusedWith("UnknownParameter"), name);
});

test("what no text can hold is refused", () => {
  for (const value of ["a\0b", "\ud800", "a\u0007"])
    assert.throws(() => describe(["NextToken", value]), refusedWith("InvalidParameterValue"));
});
