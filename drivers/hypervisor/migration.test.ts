/** The contract about machines that move, on the simulated hypervisor and on real QEMU. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import { encryptEmpty } from "../volumes/encryption.ts";
import { type MoveRig, migrationContract } from "./contract-migration.ts";
import type { Disk } from "./driver.ts";
import { fixtureHost } from "./fixture-host.ts";
import { simulatedRig } from "./fixture-simulated.ts";
import { unixWay } from "./fixture-way.ts";
import { cutWire } from "./simulated.ts";

/** Debian's kernel keeps it from processes without privileges, as ours are. */
const userfaultfd = "/proc/sys/vm/unprivileged_userfaultfd";

migrationContract("simulated", async () => simulated());
migrationContract("qemu", (t) => real(t, undefined));
migrationContract("qemu, encrypted", (t) => real(t, "a-key-that-nobody-guesses"));

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

/** With a key those that are copied are encrypted: each with a header of its own, and opened with the same key. */
async function real(t: TestContext, key: string | undefined): Promise<MoveRig> {
  const withKey = key === undefined ? [] : ["--object", `secret,id=key,data=${key}`];
  const opened = (file: string) =>
    `driver=qcow2,${key === undefined ? "" : "encrypt.format=luks,encrypt.key-secret=key,"}file.filename=${file}`;
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
      const [full, empty] = [make(`${id}-full`), make(`${id}-empty`)];
      for (const file of [full, empty]) if (key !== undefined) await encryptEmpty(file, key);
      const writes = ["-c", "write -P 7 1M 20M", "-c", "write -P 9 60M 1M"];
      run("qemu-io", ...withKey, ...writes, "--image-opts", opened(full));
      const locked = key === undefined ? {} : { key };
      return [
        { ...disk(id, full), ...locked },
        { ...disk(id, empty), ...locked },
      ];
    },
    allowPostcopy() {
      const before = readFileSync(userfaultfd);
      writeFileSync(userfaultfd, "1");
      t.after(() => writeFileSync(userfaultfd, before));
      return 400_000;
    },
    async assertSame([one, other]) {
      const files = [one, other].flatMap(({ source: { files } }) => files.map(opened));
      run("qemu-img", "compare", ...withKey, "--image-opts", ...files);
    },
  };
}
