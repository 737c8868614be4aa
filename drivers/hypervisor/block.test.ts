/** The contract about disks, on the simulated hypervisor and on real QEMU. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { type BlockRig, blockContract } from "./contract-block.ts";
import { fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";
import { hostDiskFull } from "./refusals.ts";
import { noBacking } from "./simulated-world.ts";

blockContract("simulated", async () => simulated());
blockContract("qemu", (t) => real(t));

function simulated(): BlockRig {
  const { world, ...rig } = simulatedRig();
  const sizes = new Map<string, number>();
  let isFull = false;
  const snapshot = () => {
    if (isFull) throw hostDiskFull();
  };
  world.backing = { ...noBacking, sizeOf: ({ id }) => sizes.get(id), snapshot };
  world.isFull = () => isFull;
  return {
    ...rig,
    async makeDisk(id, bytes) {
      sizes.set(id, bytes);
      return { id, source: fileSource(`/volumes/${id}`, "qcow2"), readOnly: false };
    },
    makeBackup: async (name) => `/backups/${name}`,
    async fill(yes) {
      isFull = yes;
    },
  };
}

async function real(t: TestContext): Promise<BlockRig> {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const directory = mkdtempSync(join(tmpdir(), "hf-block-"));
  const room = ["-t", "tmpfs", "-o", "size=32m,mode=711", "tmpfs"];
  execFileSync("mount", [...room, directory]);
  t.after(() => {
    execFileSync("umount", ["--lazy", directory]);
    rmSync(directory, { recursive: true });
  });
  const ballast = join(directory, "ballast");
  const make = (name: string, bytes: number, upon?: string) => {
    const file = join(directory, `${name}.qcow2`);
    const backing = upon ? ["-b", upon, "-F", "qcow2"] : [];
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, file, `${bytes}`]);
    return file;
  };
  return {
    ...host,
    makeDisk: async (id, bytes) => ({
      id,
      source: fileSource(make(id, bytes), "qcow2"),
      readOnly: false,
    }),
    makeBackup: async (name, bytes, upon) => make(name, bytes, upon),
    async fill(isFull) {
      if (isFull) execFileSync("sh", ["-c", `cat /dev/zero > ${ballast} 2>/dev/null || true`]);
      else rmSync(ballast);
    },
  };
}
