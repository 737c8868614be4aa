/** What is typed after `holdfast drill`, and what is refused before anything is asked of anybody. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { firstFailure } from "./failing-disk.ts";
import { connectionAt, parse } from "./input.ts";

test("a drill is on an instance, on a host, or on the platform", () => {
  assert.deepEqual(parse("qemu-kill", "web", {}), { drill: "qemu-kill", subject: "web" });
  assert.deepEqual(parse("host-cut", "host-1", {}), { drill: "host-cut", subject: "host-1" });
  assert.deepEqual(parse("manager-kill", undefined, {}), { drill: "manager-kill", subject: "" });
});

test("a drill that is not there, or on nothing, or on too much, is refused", () => {
  assert.throws(() => parse("explode", "web", {}), { code: "drill_not_found" });
  assert.throws(() => parse("toString", "web", {}), { code: "drill_not_found" });
  assert.throws(() => parse("qemu-kill", undefined, {}), {
    code: "drill_subject_wrong",
    message: "qemu-kill is about one instance: say which.",
  });
  assert.throws(() => parse("manager-kill", "web", {}), { code: "drill_subject_wrong" });
});

test("seconds are a number within reason", () => {
  assert.equal(parse("agent-hang", "host-1", { seconds: "7" }).lasting, 7_000);
  for (const seconds of ["", "0", "601", "a while", "NaN"])
    assert.throws(() => parse("agent-hang", "host-1", { seconds }), { code: "drill_option_wrong" });
});

test("a BMC is named by the address of its system", () => {
  const bmc = "https://10.0.0.7/redfish/v1/Systems/System.1";
  assert.deepEqual(parse("host-power-loss", "rack1", { bmc, bmcUser: "op" }).bmc, {
    ...{ url: "https://10.0.0.7", user: "op", system: "System.1" },
  });
  for (const wrong of ["10.0.0.7", "https://10.0.0.7/", "https://10.0.0.7/redfish/v1/Systems/"])
    assert.throws(() => parse("host-power-loss", "rack1", { bmc: wrong }), {
      code: "drill_option_wrong",
    });
});

test("without a platform the refusal says where it was looked for", async () => {
  await assert.rejects(connectionAt("/nonexistent", {}), {
    code: "no_connection",
    message: "/nonexistent/client.json cannot be read.",
  });
  const given = { HOLDFAST_URL: "http://[::1]:1", HOLDFAST_TOKEN: "t" };
  assert.deepEqual(await connectionAt("/nonexistent", given), {
    url: "http://[::1]:1",
    token: "t",
  });
});

test("the first write that failed is read from what strace says, and others are not", () => {
  const attached = "strace: Process 12 attached with 3 threads\n";
  const well = "[pid 14] 1795275193.101 fdatasync(11) = 0\n";
  const failed =
    '[pid 14] 1795275194.562 pwrite64(11, ""..., 4096, 0) = -1 EIO (Input/output error) (INJECTED)\n';
  assert.equal(firstFailure(attached + well), undefined);
  assert.equal(firstFailure(attached + well + failed), 1_795_275_194_562);
});
