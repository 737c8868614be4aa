/**
 * Fifty guests from one template are fifty guests: none has anything of another that should be its own. Half of them begin in
 * processes that were on standby, and nothing tells them apart.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createPrivateKey, createPublicKey } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { type NicId, uuidV7 } from "@holdfast/kernel/ids";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { tapOf } from "../network/names.ts";
import { specOf } from "./contract.ts";
import type { Hypervisor, MachineSpec } from "./driver.ts";
import { fixtureHost } from "./fixture-host.ts";
import { qemuHypervisor } from "./qemu.ts";

const many = 50;
const atOnce = 2;
const none = milliseconds(0);

test("qemu: fifty guests from one template, half of them on standby before, have fifty names, machine ids, MACs, host keys and random streams", async (t) => {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const namespace = `hf-clones-${process.pid}`;
  const template = mkdtempSync(join(tmpdir(), "hf-clones-"));
  const disks = mkdtempSync(join(tmpdir(), "hf-clones-"));
  chmodSync(disks, 0o755);
  const ip = (...argv: readonly string[]) => execFileSync("ip", argv);
  ip("netns", "add", namespace);
  const driver = qemuHypervisor({ ...host.options, tapNamespace: `/run/netns/${namespace}` });
  try {
    const { cpus, memoryMiB } = specOf();
    const like = { cpus, memoryMiB, boot: host.guest };
    await driver.makeTemplate(like, template, minutes(5));
    const waiting = Array.from({ length: many }, (_, index) => index);
    const said: Record<string, string>[] = [];
    const work = async () => {
      for (let index = waiting.pop(); index !== undefined; index = waiting.pop()) {
        const id = uuidV7(Date.now(), new Uint8Array(16).fill(index)) as NicId; // Its own maker's word.
        ip("-n", namespace, "tuntap", "add", "dev", tapOf(id), "mode", "tap");
        const file = join(disks, `${index}.qcow2`);
        execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", file, "16M"]);
        const isAhead = index % 2 === 0;
        if (isAhead) await driver.standBy(template, like);
        const mac = `02:00:00:00:00:${index.toString(16).padStart(2, "0")}`;
        said.push(
          await whoIs(driver, isAhead, {
            ...{ ...specOf(), boot: host.guest, template },
            // Without one it does not fit what is on standby, and takes nothing from the others.
            disks: isAhead ? [{ id: "a", source: fileSource(file, "qcow2"), readOnly: false }] : [],
            nics: [{ id, mac, mtu: 1_400 }],
            metadata: { who: `name=clone-${index} wanted=${mac}` },
          }),
        );
        ip("-n", namespace, "link", "delete", tapOf(id));
      }
    };
    await Promise.all(Array.from({ length: atOnce }, work));

    const distinct = (of: (one: Record<string, string>) => string | undefined) =>
      new Set(said.map(of).filter(Boolean)).size;
    for (const what of ["name", "machine", "boot", "seed", "stream", "mac"])
      assert.equal(
        distinct((one) => one[what]),
        many,
        what,
      );
    assert.equal(
      distinct(({ seed }) => hostKey(seed ?? "")),
      many,
    );
    for (const { mac, wanted, now } of said) {
      assert.equal(mac, wanted);
      const late = Date.now() / 1_000 - Number(now);
      assert.ok(late > -2 && late < 900, "the time is not the template's");
    }
  } finally {
    await driver.close();
    ip("netns", "delete", namespace);
    for (const directory of [template, disks]) rmSync(directory, { recursive: true });
  }
});

/** What it says of itself. It is ended as soon as it has. */
async function whoIs(
  driver: Hypervisor,
  wasOnStandby: boolean,
  spec: MachineSpec,
): Promise<Record<string, string>> {
  try {
    await driver.start(spec);
    const [view] = driver.list(spec.id);
    assert.ok(view?.is === "running" && view.begun?.how === "warm");
    assert.equal(view.begun.wasOnStandby ?? false, wasOnStandby);
    for (;;) {
      const lines = await driver.consoleLog(spec, 20);
      const whole = lines.slice(0, -1).map(({ text }) => text); // It may be in the middle of the last.
      const words = whole.find((text) => text.startsWith("holdfast: who "));
      if (words) return Object.fromEntries(words.split(" ").map((word) => word.split("=")));
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  } finally {
    await driver.stop(spec, { acpi: none, terminate: none, kill: seconds(20) });
    await driver.forget(spec);
  }
}

/** The public key of an Ed25519 host key: a private one is 32 random bytes, and this around them. */
function hostKey(seed: string): string {
  const wrapped = Buffer.from(`302e020100300506032b657004220420${seed}`, "hex");
  const key = createPrivateKey({ key: wrapped, format: "der", type: "pkcs8" });
  return createPublicKey(key).export({ format: "der", type: "spki" }).toString("hex");
}
