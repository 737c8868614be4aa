/** The contract about machines that move, on the simulated hypervisor and on real QEMU. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { type MoveRig, migrationContract } from "./contract-migration.ts";
import type { Disk } from "./driver.ts";
import { fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";
import { unixWay } from "./fixture-way.ts";
import { cutWire } from "./simulated.ts";

/** Debian's kernel keeps it from processes without privileges, as ours are. */
const userfaultfd = "/proc/sys/vm/unprivileged_userfaultfd";

migrationContract("simulated", async () => simulated());
migrationContract("qemu", (t) => real(t));

function simulated(): MoveRig {
  const disk = (id: string): Disk => ({
    id,
    source: fileSource(`/volumes/${id}`, "qcow2"),
    readOnly: false,
  });
  return {
    source: simulatedRig(),
    destination: simulatedRig(),
    connect: async ({ memory, disks }) => ({ memory, disks, cut: () => cutWire(memory) }),
    sharedDisk: async (id) => [disk(id), disk(id)],
    localDisk: async (id) => [disk(id), disk(id)],
    allowPostcopy: () => 100_000_000,
    assertSame: async () => {},
  };
}

async function real(t: TestContext): Promise<MoveRig> {
  const source = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const destination = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const directory = mkdtempSync(join(tmpdir(), "hf-move-"));
  chmodSync(directory, 0o711);
  t.after(() => rmSync(directory, { recursive: true }));
  const run = (program: string, ...argv: readonly string[]) =>
    execFileSync(program, argv, { encoding: "utf8" });
  const image = join(directory, "image.raw");
  run("truncate", "-s", "8M", image);
  const make = (name: string) => {
    const file = join(directory, `${name}.qcow2`);
    run("qemu-img", "create", "-q", "-f", "qcow2", "-b", image, "-F", "raw", file, "64M");
    return file;
  };
  const disk = (id: string, file: string, isShared = false): Disk => ({
    id,
    source: fileSource(file, "qcow2", isShared),
    readOnly: false,
  });
  return {
    source,
    destination,
    connect: unixWay,
    async sharedDisk(id) {
      const file = make(id);
      return [disk(id, file, true), disk(id, file, true)];
    },
    async localDisk(id) {
      const full = make(`${id}-full`);
      run("qemu-io", "-c", "write -P 7 1M 20M", "-c", "write -P 9 60M 1M", full);
      return [disk(id, full), disk(id, make(`${id}-empty`))];
    },
    allowPostcopy() {
      const before = readFileSync(userfaultfd);
      writeFileSync(userfaultfd, "1");
      t.after(() => writeFileSync(userfaultfd, before));
      return 400_000;
    },
    async assertSame([one, other]) {
      run("qemu-img", "compare", ...one.source.files, ...other.source.files);
    },
  };
}
