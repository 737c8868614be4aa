/**
 * Makes a full Debian 12 as one disk that starts by itself, out of Debian's packages only: systemd,
 * cloud-init, SSH and the guest agent. Nothing is mounted in this machine's own namespace and no loop device
 * is used, so it works in a container too, as long as that has root.
 *
 * The same packages give the same files, times and identities, though not the same bytes: the order of files
 * on the disk depends on this machine. So an image has a digest of its own, and is not looked for by it.
 */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import {
  chmod,
  mkdir,
  readdir,
  readFile,
  rename,
  rm,
  statfs,
  truncate,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { Problem, problem } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import type { Digest } from "../driver.ts";
import { type Run, runner } from "../run.ts";
import { openTemporaries } from "../temporary.ts";
import { readTree, writeTree } from "../tree.ts";
import { imageBuildFailed, isAway, mirrorUnreachable, noRoom } from "./failure.ts";
import { loaderParts, writeLoader } from "./loader.ts";
import {
  bootstrapArgv,
  disk,
  identityOf,
  partitionTable,
  recipeOf,
  release,
  stepOf,
} from "./recipe.ts";
import { mirrorIn, sourcesFor, targetsArgv } from "./sources.ts";

/** Debian packages whose programs the builder runs, with why; `apt`, `dpkg` and `find` are always there. */
export const debianNeeds = [
  { name: "mmdebstrap", why: "puts a Debian together from packages" },
  { name: "debian-archive-keyring", why: "has the keys that those are signed with" },
  { name: "e2fsprogs", why: "makes the file system of the image" },
  { name: "fdisk", why: "makes its partition table (sfdisk)" },
  { name: "qemu-utils", why: "makes and compresses the disk" },
  { name: "util-linux", why: "keeps the build apart from this machine (unshare)" },
] as const;

export interface DebianImage {
  /** The digest of disk.qcow2. */
  readonly disk: Digest;
  readonly bytes: number;
  readonly recipe: Digest;
  /** As `uname -r` says in the guest. */
  readonly kernelVersion: string;
  /** Everything that is installed in it, as `name version`. */
  readonly packages: readonly string[];
}

/** Inside of the directory. */
export const debianFile = "disk.qcow2";

/** Python needs it for cloud-init; a guest with 256 MiB boots, and has no room for anything else. */
export const debianMemoryMiB = 256;
/** It boots in 80 seconds of an emulated processor, of which a busy host gives it a tenth. */
export const debianBootSeconds = 900;

export interface DebianOptions {
  /** Gets disk.qcow2 and manifest.json. */
  readonly directory: string;
  /** The directory with rootfs/ and finish.sh. Differs from the default only where this code is bundled. */
  readonly files?: string;
  /** An address like http://deb.debian.org/debian. Default: the one that this machine uses itself. */
  readonly mirror?: string;
  readonly onStep?: (step: string) => void;
  /** Ends the build. Nothing of it is left then. */
  readonly signal?: AbortSignal;
}

/** The root, what of it is on the disk, the compressed disk, and what apt downloads. */
const roomNeeded = 2.5 * (1 << 30);

/** What is in the directory, if it is whole and was made by this recipe; when is not asked. */
export async function findDebian({
  directory,
  files = import.meta.dirname,
}: Pick<DebianOptions, "directory" | "files">): Promise<DebianImage | undefined> {
  try {
    const image: DebianImage = JSON.parse(await readFile(join(directory, "manifest.json"), "utf8"));
    const { recipe } = await readRecipe(files);
    const isOurs =
      image.recipe === recipe && (await digestOf(join(directory, debianFile))) === image.disk;
    return isOurs ? image : undefined;
  } catch {
    return undefined; // Absent or unreadable: it is simply built again.
  }
}

/**
 * Builds it, whatever is there. Rejects with `root_needed`, `mirror_unreachable`, `image_build_no_room` or
 * `image_build_failed`, or with the signal's reason; the directory is as it was then.
 */
export async function buildDebian(options: DebianOptions): Promise<DebianImage> {
  const { directory, files = import.meta.dirname, onStep = () => {}, signal } = options;
  mustBeRoot();
  let step = "look at this machine";
  let work: string | undefined;
  const say = (next: string) => {
    step = next;
    onStep(next);
  };
  try {
    await mustHaveRoom(directory);
    const ask = runner(seconds(60), imageBuildFailed, signal);
    const mirror =
      options.mirror ?? mirrorIn(await ask(step, targetsArgv, "Mend apt: apt-get update"), release);
    // A slow mirror is no reason to give up; one that is silent is given up by apt itself.
    const run = runner(
      seconds(3600),
      (at, why, fix, cause) =>
        isAway(cause) ? mirrorUnreachable(mirror, cause) : imageBuildFailed(at, why, fix, cause),
      signal,
    );
    await mkdir(join(directory, "work"), { recursive: true });
    work = (await openTemporaries(join(directory, "work"))).next();
    const { recipe, tree } = await readRecipe(files);
    const identity = identityOf(recipe);
    const [root, raw] = [join(work, "root"), join(work, "disk.raw")];

    await writeTree(join(work, "overlay"), tree);
    const argv = bootstrapArgv({
      sources: sourcesFor(release, mirror),
      root,
      overlay: join(work, "overlay"),
      finish: join(files, "finish.sh"),
      fileSystem: identity.fileSystem,
    });
    await run("put Debian together", argv, "Type `apt-get update`, then try again.", {
      // No scratch files elsewhere, and no language of whoever builds it.
      env: { TMPDIR: work, PATH: searchPath, LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" },
      onLine: (line) => {
        const next = stepOf(line);
        if (next) say(next);
      },
    });
    const epoch = await anonymous(run, root);
    const packages = await installed(run, root);
    const kernelVersion = await kernelIn(root);
    const boot = loaderParts(
      await readFile(join(root, "usr/lib/grub/i386-pc/boot.img")),
      await readFile(join(root, "boot/grub/i386-pc/core.img")),
      disk.loader,
    );

    say("make the disk");
    await writeFile(raw, "");
    await truncate(raw, disk.bytes);
    await writeFile(join(work, "table"), partitionTable(identity));
    await run(
      "partition the disk",
      ["bash", "-c", 'sfdisk -q "$1" <"$2"', "sfdisk", raw, join(work, "table")],
      again,
      inPath,
    );
    await run("make the file system", fileSystemArgv(raw, root, identity.fileSystem), again, {
      env: { ...inPath.env, E2FSPROGS_FAKE_TIME: epoch },
    });
    await writeLoader(raw, boot, disk.loader.at);

    say("compress the disk");
    const done = join(work, debianFile);
    const compressed = ["-c", "-o", "compression_type=zstd", "-W", "-m", "2"];
    await run(
      "compress the disk",
      ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", ...compressed, raw, done],
      again,
    );
    signal?.throwIfAborted();
    const { bytes, digest } = await measured(done);
    const image: DebianImage = { disk: digest, bytes, recipe, kernelVersion, packages };
    await writeFile(join(work, "manifest"), `${JSON.stringify(image, null, 2)}\n`);
    for (const [made, name] of [
      [done, debianFile],
      [join(work, "manifest"), "manifest.json"],
    ] as const) {
      await chmod(made, 0o444);
      await rename(made, join(directory, name));
    }
    return image;
  } catch (cause) {
    if (cause instanceof Problem || signal?.aborted) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    throw imageBuildFailed(step, why, again, cause);
  } finally {
    if (work) await rm(work, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const inPath = { env: { PATH: searchPath, LC_ALL: "C" } };
const again = "Mend what it complains about, then try again.";

function mustBeRoot(): void {
  if (process.getuid?.() === 0) return;
  throw problem(
    "forbidden",
    "root_needed",
    "Building an image sets owners and devices of its files, which only root may.",
    { fix: "Begin the command with sudo, or become root first." },
  );
}

async function mustHaveRoom(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true });
  const { bavail, bsize } = await statfs(directory);
  const free = bavail * bsize;
  if (free < roomNeeded) throw noRoom(undefined, { directory, free, needed: roomNeeded });
}

async function readRecipe(files: string) {
  const tree = await readTree(join(files, "rootfs"));
  const finish = await readFile(join(files, "finish.sh"), "utf8");
  return { tree, recipe: recipeOf(tree, finish) };
}

/** Takes away what mmdebstrap leaves of this machine and of today. Resolves with the time that files got. */
async function anonymous(run: Run, root: string): Promise<string> {
  const epoch = (await readFile(join(root, "holdfast-epoch"), "utf8")).trim();
  await rm(join(root, "holdfast-epoch"));
  // Empty and not "uninitialized": that would switch every unit on at the first boot.
  await writeFile(join(root, "etc/machine-id"), "");
  await writeFile(join(root, "etc/hostname"), "debian\n");
  await rm(join(root, "etc/resolv.conf"), { force: true });
  await run(
    "date the files",
    [
      "bash",
      "-c",
      'ln -s ../run/systemd/resolve/stub-resolv.conf "$1/etc/resolv.conf"; find "$1" -newermt "@$2" -exec touch -h -d "@$2" {} +',
      "date",
      root,
      epoch,
    ],
    again,
  );
  return epoch;
}

async function installed(run: Run, root: string): Promise<readonly string[]> {
  const format = ["Package", "Version"].map((field) => `\${${field}}`).join(" ");
  const list = ["dpkg-query", `--admindir=${root}/var/lib/dpkg`, "-W", "-f", `${format}\n`];
  return (await run("list the packages", list, again)).trim().split("\n");
}

async function kernelIn(root: string): Promise<string> {
  const kernel = (await readdir(join(root, "boot"))).find((name) => name.startsWith("vmlinuz-"));
  if (!kernel) throw new Error("no kernel was installed");
  return kernel.replace("vmlinuz-", "");
}

/** The newest features of e2fsprogs are switched off, because Debian 12's GRUB cannot read them. */
function fileSystemArgv(raw: string, root: string, uuid: string): readonly string[] {
  const fixed = `offset=${disk.root.at},hash_seed=${uuid},lazy_itable_init=0,lazy_journal_init=0,nodiscard`;
  return [
    ...["mke2fs", "-q", "-F", "-t", "ext4", "-L", "holdfast-root", "-U", uuid, "-d", root],
    ...["-O", "^metadata_csum_seed,^orphan_file", "-E", fixed],
    ...[raw, `${disk.root.bytes >> 10}k`],
  ];
}

async function measured(
  file: string,
): Promise<{ readonly bytes: number; readonly digest: Digest }> {
  const hash = createHash("sha256");
  let bytes = 0;
  for await (const piece of createReadStream(file)) {
    hash.update(piece);
    bytes += piece.length;
  }
  return { bytes, digest: `sha256:${hash.digest("hex")}` };
}

const digestOf = async (file: string): Promise<Digest> => (await measured(file)).digest;
