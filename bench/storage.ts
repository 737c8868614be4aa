/**
 * What the drivers for volumes cost beside plain `qemu-img`, in turns, in one run: clones, copies, snapshots,
 * backups. And what has no counterpart there: how fast a guest is cut off from a volume over the network.
 *
 *   node --import tsx bench/storage.ts [pairs]      default 10
 *
 * Plain qemu-img makes no incremental backups, so those stand beside its copy of the whole volume.
 */
import { execFile, execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type BackupPlace, diskIdOf, type VolumePool } from "@holdfast/drivers/volumes";
import { directoryBackups, prepareBackups } from "@holdfast/drivers/volumes/backups";
import { directoryPool } from "@holdfast/drivers/volumes/directory";
import { nbdPool } from "@holdfast/drivers/volumes/nbd";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { deliver, type Figure } from "./figures.ts";
import { loadNow, median } from "./measure.ts";

const run = promisify(execFile);
const pairs = Number(process.argv[2] ?? 10);
const MiB = 1 << 20;
const imageMiB = 128;
const volumeBytes = 1024 * MiB;
const changedMiB = 10;
const clock: Clock = { now: () => Date.now() as Instant, sleep: () => Promise.resolve() };
let minted = 0;
const mint = <Id>() => uuidV7(++minted, new Uint8Array(16).fill(minted)) as Id; // Its own maker's word.

interface Desk {
  readonly pool: VolumePool;
  readonly place: BackupPlace;
  readonly image: { readonly file: string; readonly format: "qcow2" };
  fileOf(volume: VolumeId): string;
}

async function measure(): Promise<void> {
  const runDir = join(root, "run");
  const directory = join(root, "volumes");
  const pool = await directoryPool({ directory, host: "bench", isShared: false, runDir });
  const backups = join(root, "backups");
  await mkdir(backups);
  await prepareBackups(backups, "bench");
  const desk: Desk = {
    pool,
    place: directoryBackups(backups, clock),
    image: { file: await makeImage(), format: "qcow2" },
    fileOf: (volume) => join(directory, `${volume}.qcow2`),
  };
  console.log(`${pairs} pairs, an image of ${imageMiB} MiB, load ${loadNow()}`);
  const faster = { of: "ratio", must: 1 } as const;
  const figures = [
    await compare(
      "a clone",
      "a volume over an image, beside `qemu-img create`",
      clone,
      desk,
      faster,
    ),
    await compare("a full copy", "of the image, beside `qemu-img convert`", copy, desk),
    await compare("a snapshot", "beside `qemu-img snapshot`", snapshot, desk),
    await compare(
      "a restore",
      "of a snapshot into a new volume, beside `qemu-img convert`",
      restore,
      desk,
    ),
    await compare("a full backup", "beside `qemu-img convert`", backup, desk),
    await compare(
      "an increment",
      `${changedMiB} MiB changed, beside a copy of all with \`qemu-img convert\``,
      ...([increment, desk, faster] as const),
    ),
    {
      name: "cut off",
      what: "a guest from a volume over the network, for which qemu-img has nothing",
      sides: [{ name: "holdfast", value: await cuts(runDir), unit: "ms" }] as const,
    },
  ];
  deliver({
    bench: "storage",
    what: `what is done with volumes of ${imageMiB} MiB, beside plain qemu-img, in turns`,
    figures,
    notes: [`Medians of ${pairs} pairs.`],
  });
}

/** Prepares one try of each, and then does what is measured. */
type Contest = (desk: Desk) => Promise<{ ours(): Promise<unknown>; plain(): Promise<unknown> }>;

async function compare(
  name: string,
  what: string,
  contest: Contest,
  desk: Desk,
  goal?: Figure["goal"],
): Promise<Figure> {
  const times: { ours: number[]; plain: number[] } = { ours: [], plain: [] };
  for (let pair = 0; pair < pairs; pair++) {
    const both = await contest(desk);
    const order = pair % 2 === 0 ? (["ours", "plain"] as const) : (["plain", "ours"] as const);
    for (const who of order) {
      const begin = performance.now();
      await both[who]();
      times[who].push(performance.now() - begin);
    }
  }
  return {
    ...{ name, what },
    sides: [
      { name: "holdfast", value: median(times.ours), unit: "ms" },
      { name: "qemu-img", value: median(times.plain), unit: "ms" },
    ],
    ...(goal ? { goal } : {}),
  };
}

const clone: Contest = async ({ pool, image, fileOf }) => ({
  ours: () => pool.make(mint<VolumeId>(), volumeBytes, { is: "overlay", image }),
  plain: () =>
    qemuImg("create", "-q", "-f", "qcow2", "-b", image.file, "-F", "qcow2", fileOf(mint()), "1G"),
});

const copy: Contest = async ({ pool, image, fileOf }) => ({
  ours: () => pool.make(mint<VolumeId>(), 0, { is: "copy", image }),
  plain: () => qemuImg("convert", "-f", "qcow2", "-O", "qcow2", image.file, fileOf(mint())),
});

const snapshot: Contest = async (desk) => {
  const [a, b] = [await full(desk), await full(desk)];
  return {
    ours: () => desk.pool.snapshot(a, "one"),
    plain: () => qemuImg("snapshot", "-c", "one", desk.fileOf(b)),
  };
};

const restore: Contest = async (desk) => {
  const volume = await full(desk);
  await desk.pool.snapshot(volume, "one");
  const what = ["-f", "qcow2", "-l", "snapshot.name=one", "-O", "qcow2"];
  return {
    ours: () => desk.pool.restore(mint(), volume, "one"),
    plain: () => qemuImg("convert", ...what, desk.fileOf(volume), desk.fileOf(mint())),
  };
};

const backup: Contest = async (desk) => {
  const volume = await full(desk);
  return {
    ours: () => desk.pool.backUp(volume, desk.place, { id: "one" }),
    plain: whole(desk, volume),
  };
};

const increment: Contest = async (desk) => {
  const volume = await full(desk);
  await desk.pool.backUp(volume, desk.place, { id: "one" });
  execFileSync("qemu-io", [
    "-f",
    "qcow2",
    "-c",
    `write -P 9 0 ${changedMiB}M`,
    desk.fileOf(volume),
  ]);
  return {
    async ours() {
      const made = await desk.pool.backUp(volume, desk.place, { id: "two", since: "one" });
      if (made.since !== "one") throw new Error("it was a full one");
    },
    plain: whole(desk, volume),
  };
};

const whole = (desk: Desk, volume: VolumeId) => () =>
  qemuImg("convert", "-f", "qcow2", "-O", "qcow2", desk.fileOf(volume), desk.fileOf(mint()));

/** A volume with everything of the image in it. */
async function full({ pool, image }: Desk): Promise<VolumeId> {
  const volume = mint<VolumeId>();
  await pool.make(volume, 0, { is: "copy", image });
  return volume;
}

async function cuts(runDir: string): Promise<number> {
  const pool = await nbdPool({ directory: join(root, "nbd"), host: "bench", runDir });
  const volume = mint<VolumeId>();
  await pool.make(volume, 16 * MiB, { is: "blank" });
  const instance = mint<InstanceId>();
  const times: number[] = [];
  for (let generation = 1; generation <= pairs; generation++) {
    await pool.open(volume, { instance, generation });
    const begin = performance.now();
    await pool.revoke(volume, { instance, generation });
    times.push(performance.now() - begin);
  }
  await pool.tend();
  while (await stat(join(runDir, diskIdOf(volume))).catch(() => undefined)) await pool.tend();
  pool.close();
  return median(times);
}

async function makeImage(): Promise<string> {
  const [raw, file] = [join(root, "image.raw"), join(root, "image.qcow2")];
  execFileSync("dd", ["if=/dev/urandom", `of=${raw}`, "bs=1M", `count=${imageMiB}`, "status=none"]);
  await qemuImg("convert", "-f", "raw", "-O", "qcow2", raw, file);
  await rm(raw);
  return file;
}

const qemuImg = (...args: readonly string[]) => run("qemu-img", [...args]);

const root = await mkdtemp(join(tmpdir(), "hf-storage-"));
try {
  await measure();
} finally {
  await rm(root, { recursive: true });
}
