/** The contract about warm starts, on the simulated hypervisor and on real QEMU. */
import { mkdtempSync, readdirSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type WarmRig, warmContract } from "./contract-warm.ts";
import { fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";

const stubborn = { kernel: "/simulated", initrd: "/simulated", commandLine: "stubborn" };

warmContract("simulated", async () => simulated());
warmContract("qemu", (t) => real(t));

function simulated(): WarmRig {
  const rig = simulatedRig();
  rig.world.waitsForItsName = ({ boot }) => boot.commandLine !== stubborn.commandLine;
  let made = 0;
  return {
    ...rig,
    stubborn,
    directory: () => `/templates/${++made}`,
    spoil: (directory) => void rig.world.templates.set(directory, "spoilt"),
  };
}

async function real(t: TestContext): Promise<WarmRig> {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  return {
    ...host,
    // Its own program is not there, so its kernel waits for a disk for ever.
    stubborn: {
      ...host.guest,
      commandLine: "console=ttyS0 quiet rdinit=/none rootwait root=/dev/none",
    },
    directory() {
      const directory = mkdtempSync(join(tmpdir(), "hf-warm-"));
      t.after(() => rmSync(directory, { recursive: true }));
      return directory;
    },
    spoil(directory) {
      for (const name of readdirSync(directory)) truncateSync(join(directory, name), 100_000);
    },
  };
}
