/** The address of a power controller is taken whole or refused; what it then does is the driver's test. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "@holdfast/kernel/problem";
import { powerOf } from "./power.ts";

const open = (url: string) => powerOf({ url, user: "root", password: "secret" }, () => 0);
const pin = "ab:".repeat(31);

test("an address of a Redfish system is taken, with the fingerprint of its certificate if it has one", () => {
  for (const url of [
    "https://bmc-7.example/redfish/v1/Systems/1",
    "http://10.0.0.7:8000/redfish/v1/Systems/System.Embedded.1/",
    "https://[fe80::1]/redfish/v1/Systems/a%20b",
    `https://bmc/redfish/v1/Systems/1#sha256=${pin}ab`,
    `https://bmc/redfish/v1/Systems/1#sha256=${"AB".repeat(32)}`,
  ])
    assert.doesNotThrow(() => open(url), url);
});

test("an address that is none, or of which something would be ignored, is refused", () => {
  for (const url of [
    "https://bmc-7.example",
    "https://bmc-7.example/redfish/v1/Systems/",
    "https://bmc-7.example/redfish/v1/Systems/1/Actions",
    "https://bmc/redfish/v1/Systems/%",
    "https://bmc/redfish/v1/Systems/1?x=1",
    "https://bmc/redfish/v1/Systems/1#sha256=abc",
    `https://bmc/redfish/v1/Systems/1#sha256=${pin}`,
    "https://bmc/redfish/v1/Systems/1#pinned",
    "https://root:hunter2@bmc/redfish/v1/Systems/1",
  ])
    assert.throws(
      () => open(url),
      (error) =>
        error instanceof Problem &&
        error.code === "bmc_url_invalid" &&
        !error.message.includes("hunter2"),
      url,
    );
});
