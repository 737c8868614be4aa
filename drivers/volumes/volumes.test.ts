/** The contract, on every place for volumes; real ones with qemu-img and qemu-storage-daemon on a small tmpfs. */
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { promisify } from "node:util";
import type { BlockSource } from "@holdfast/kernel/block";
import { wallClock } from "../hypervisor/fixture-host.ts";
import { directoryBackups, prepareBackups } from "./backups.ts";
import { volumesContract } from "./contract.ts";
import type { PoolRig } from "./contract-rig.ts";
import { directoryPool } from "./directory.ts";
import type { PoolAbilities, VolumePool } from "./driver.ts";
import { nbdPool } from "./nbd.ts";
import { simulatedBackups, simulatedPool, simulatedStorage } from "./simulated.ts";

const run = promisify(execFile);

volumesContract("simulated", async () => simulated());
volumesContract("simulated directory", async () =>
  simulated({ isShared: true, canRevoke: false, isLive: false }),
);
for (const isShared of [false, true])
  volumesContract(isShared ? "shared directory" : "directory", (t) =>
    real(t, (directory, runDir) => directoryPool({ directory, runDir, host: "h1", isShared })),
  );
volumesContract("nbd", (t) =>
  real(t, (directory, runDir) => nbdPool({ directory, runDir, host: "h1" })),
);

function simulated(abilities?: PoolAbilities): PoolRig {
  const world = simulatedStorage();
  const place = simulatedBackups(wallClock);
  return {
    open: async () => simulatedPool(world, wallClock, abilities),
    async image(bytes) {
      world.images.set("/images/one", bytes);
      return { file: "/images/one", format: "qcow2" };
    },
    newFile: async () => "/images/new",
    forgetImages: async () => void world.images.delete("/images/one"),
    use: async () => async () => {},
    place,
    otherPlace: () => place.open(),
    async isThere(isThere) {
      place.isThere = isThere;
    },
    async fill(isFull, but) {
      const used = [...world.volumes.values()].reduce((sum, each) => sum + each.used, 0);
      const full = but === undefined ? 0 : used + but;
      world.capacity = isFull ? full : Number.MAX_SAFE_INTEGER;
    },
    async cut(volume) {
      const known = world.volumes.get(volume);
      if (known) known.damage = "its file was cut";
    },
    leftovers: async () => [],
  };
}

/** A file system of its own, so that it is the kernel who says that it is full. */
async function real(
  t: TestContext,
  open: (directory: string, runDir: string) => Promise<VolumePool>,
): Promise<PoolRig> {
  const root = await mkdtemp(join(tmpdir(), "hf-vol-"));
  await chmod(root, 0o711);
  const [mount, runDir, away] = [join(root, "pool"), join(root, "run"), join(root, "away")];
  const directory = join(mount, "volumes");
  const backups = join(root, "backups");
  await mkdir(mount);
  await run("mount", ["-t", "tmpfs", "-o", "size=160m", "tmpfs", mount]);
  await mkdir(directory);
  await mkdir(backups);
  await prepareBackups(backups, "test");
  const opened: VolumePool[] = [];
  t.after(async () => {
    for (const pool of opened) pool.close();
    const last = await open(directory, runDir);
    for (const { volume, openedBy } of (await last.measure()).volumes)
      if (openedBy) await last.release(volume, openedBy);
    last.close();
    await run("umount", ["-l", mount]);
    await rm(root, { recursive: true });
  });
  const ballast = join(mount, "ballast");
  return {
    async open() {
      const pool = await open(directory, runDir);
      opened.push(pool);
      return pool;
    },
    async image(bytes) {
      const [raw, file] = [join(mount, "image.raw"), join(mount, "image.qcow2")];
      await writeFile(raw, Buffer.alloc(bytes, 7));
      await run("qemu-img", ["convert", "-f", "raw", "-O", "qcow2", raw, file]);
      await rm(raw);
      return { file, format: "qcow2" };
    },
    newFile: async () => join(mount, "new.qcow2"),
    forgetImages: () => rm(join(mount, "image.qcow2")),
    use: (_, source) => holder(source, join(root, "guest")),
    place: directoryBackups(backups, wallClock),
    otherPlace: () => directoryBackups(backups, wallClock),
    isThere: (isThere) => (isThere ? rename(away, backups) : rename(backups, away)),
    async fill(isFull, but = 0) {
      if (!isFull) return rm(ballast);
      await run("sh", ["-c", `cat /dev/zero > ${ballast}`]).catch(() => {});
      await truncate(ballast, (await stat(ballast)).size - but);
    },
    async cut(volume) {
      const file = join(directory, `${volume}.qcow2`);
      await truncate(file, Math.floor((await stat(file)).size / 2));
    },
    async leftovers() {
      const entries = await readdir(directory, { recursive: true, withFileTypes: true });
      const temporary = entries.filter(
        (entry) => entry.isFile() && entry.path.includes("incoming"),
      );
      const partial = (await readdir(backups, { recursive: true })).filter((name) =>
        name.endsWith(".partial"),
      );
      // What overlays are made from is kept, and one of them in stock.
      return [
        ...temporary.filter(({ path }) => !/(templates|stock)$/.test(path)).map(({ name }) => name),
        ...partial,
      ];
    },
  };
}

/** Somebody who has it open, as QEMU does, without a guest. */
async function holder(source: BlockSource, socket: string): Promise<() => Promise<void>> {
  const blockdev = JSON.stringify({ ...source.blockdev, "node-name": "disk", "read-only": false });
  const child = spawn(
    "qemu-storage-daemon",
    [
      ...["--blockdev", blockdev, "--nbd-server", `addr.type=unix,addr.path=${socket}`],
      ...["--export", "type=nbd,id=e,node-name=disk,writable=on"],
    ],
    { stdio: ["ignore", "ignore", "inherit"] },
  );
  const ended = once(child, "exit");
  while (child.exitCode === null && !(await stat(socket).catch(() => undefined)))
    await new Promise((resolve) => setTimeout(resolve, 5)); // Nobody announces it.
  return async () => {
    child.kill("SIGKILL");
    await ended;
    await rm(socket, { force: true });
  };
}
