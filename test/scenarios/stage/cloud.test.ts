/** A cloud that cannot be opened ends, and so does the process that has tried it. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { seeded } from "@holdfast/kernel/random";
import { stopTestServer } from "@holdfast/store/testing";
import { openCloud } from "./cloud.ts";
import { holding, takeOverTime, useTime } from "./time.ts";

takeOverTime();
after(async () => {
  const rest = useTime();
  await holding(stopTestServer);
  rest();
});

test("a cloud that does not come up leaves nothing open", async () => {
  const open = () => process.getActiveResourcesInfo().filter((name) => name === "TCPServerWrap");
  const before = open();
  const impossible = { hosts: 1, memoryMiB: -1 };
  await assert.rejects(openCloud(impossible, seeded(1)), /the hosts do not come up/);
  assert.deepEqual(open(), before);
});
