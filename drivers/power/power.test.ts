/** The Redfish client against its twin, in the clear and over TLS with a pinned certificate. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { milliseconds } from "@holdfast/kernel/time";
import { type PowerRig, powerContract } from "./contract.ts";
import { type RedfishOptions, redfishPower } from "./redfish.ts";
import { redfishTwin } from "./simulated.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-power-"));
after(() => rmSync(folder, { recursive: true }));
const tls = selfSigned();
const fingerprint = new X509Certificate(tls.cert).fingerprint256;

powerContract("redfish over HTTP", (t) => rig(t, {}));
powerContract("redfish over HTTPS", (t) => rig(t, { isSecret: true }));

test("a BMC with another certificate than the pinned one is not given the password", async (t) => {
  const other = fingerprint.replace(/^../, (byte) => (byte === "00" ? "01" : "00"));
  const { power } = await rig(t, { isSecret: true, pin: other });
  await assert.rejects(power.powerOff(), { code: "power_unreachable" });
});

test("a BMC with a certificate that nobody vouches for is not trusted", async (t) => {
  const { power } = await rig(t, { isSecret: true, pin: undefined });
  await assert.rejects(power.readPower(), { code: "power_unreachable" });
});

test("a machine is on until it is quite off", async (t) => {
  let finish = () => {};
  let isOn = true;
  const machine = {
    isOn: () => isOn,
    on: async () => {},
    off: () => new Promise<void>((resolve) => (finish = resolve)),
  };
  const twin = await redfishTwin({ machines: new Map([["n1", machine]]), ...operator });
  t.after(() => twin.close());
  const power = redfishPower(optionsFor(twin.url));
  const off = power.powerOff();
  while (twin.orders.length === 0) await sleep(5);
  assert.equal(await power.readPower(), "on");
  isOn = false;
  assert.equal(await power.readPower(), "on"); // PoweringOff is not off.
  finish();
  await off;
});

test("machines of one chassis are switched one by one", async (t) => {
  const states = new Map([
    ["a", true],
    ["b/c", true],
  ]);
  const machines = new Map([...states.keys()].map((name) => [name, machineIn(states, name)]));
  const twin = await redfishTwin({ machines, ...operator });
  t.after(() => twin.close());
  await redfishPower({ ...optionsFor(twin.url), system: "b/c" }).powerOff();
  assert.deepEqual([...states.values()], [true, false]);
  const unknown = redfishPower({ ...optionsFor(twin.url), system: "d" });
  await assert.rejects(unknown.powerOff(), { code: "power_unreadable" });
});

const operator = { user: "root", password: "calvin:with:colons" };

function optionsFor(url: string): RedfishOptions {
  return {
    url,
    ...operator,
    system: "n1",
    ticks: () => performance.now(),
    sleep: (duration) => sleep(duration / 10),
    deadline: milliseconds(600),
    answerTime: milliseconds(300),
  };
}

function machineIn(states: Map<string, boolean>, name: string) {
  return {
    isOn: () => states.get(name) === true,
    on: async () => void states.set(name, true),
    off: async () => void states.set(name, false),
  };
}

interface Kind {
  readonly isSecret?: boolean;
  readonly pin?: string | undefined;
}

async function rig(t: TestContext, kind: Kind): Promise<PowerRig> {
  const states = new Map([["n1", true]]);
  const machines = new Map([["n1", machineIn(states, "n1")]]);
  const twin = await redfishTwin({ machines, ...operator, ...(kind.isSecret ? { tls } : {}) });
  t.after(() => twin.close());
  const pin = "pin" in kind ? kind.pin : fingerprint;
  const options = {
    ...optionsFor(twin.url),
    ...(kind.isSecret && pin ? { fingerprint: pin } : {}),
  };
  return {
    power: redfishPower(options),
    stranger: redfishPower({ ...options, password: "guessed" }),
    isOn: () => states.get("n1") === true,
    set: (isOn) => void states.set("n1", isOn),
    orders: () => twin.orders.length,
    behave: (conduct) => twin.behave(conduct === "slow" ? { slow: 100 } : conduct),
  };
}

function selfSigned(): { key: string; cert: string } {
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=bmc", "-days", "2"];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", cert, ...subject], {
    stdio: "ignore",
  });
  return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
}
