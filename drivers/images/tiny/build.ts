/**
 * Makes `tiny`, the image that every installation starts with, out of Debian packages only: a kernel
 * that QEMU starts directly, a RAM filesystem with busybox, and a small disk for what should last.
 *
 * The same packages give the same bytes, so two hosts agree on the digests without talking. Nothing
 * is installed on this machine, and nothing is in `directory` under its final name until it is whole:
 * the manifest is written last.
 */
import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Problem } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import type { Digest } from "../driver.ts";
import type { Run } from "../run.ts";
import { openTemporaries } from "../temporary.ts";
import { isProgram, readTree, type Tree } from "../tree.ts";
import { cpio, type Entry, parents } from "./cpio.ts";
import { download, findPackages, type Package, unpack } from "./debian.ts";
import { unpackKernel } from "./kernel.ts";
import { dependencyIndex, type Module, pickModules } from "./modules.ts";
import { runner, tinyBuildFailed } from "./run.ts";

export interface TinyManifest {
  readonly kernel: Digest;
  readonly initrd: Digest;
  readonly disk: Digest;
  readonly commandLine: string;
  /** As `uname -r` says in the guest. */
  readonly kernelVersion: string;
  readonly builtFrom: readonly Package[];
  /** Changes when this recipe does. */
  readonly recipe: Digest;
}

/** Where the parts are, inside the directory. */
export const tinyFiles = { kernel: "vmlinux", initrd: "initrd", disk: "disk.qcow2" } as const;

const partNames = ["kernel", "initrd", "disk"] as const;

const ownRootfs = join(import.meta.dirname, "rootfs");

export interface TinyOptions {
  /** Gets vmlinux, initrd, disk.qcow2 and manifest.json. */
  readonly directory: string;
  /** Downloaded packages stay here, for the next time. */
  readonly cache: string;
  /** The files of the guest. Differs from the default only where this code is bundled. */
  readonly rootfs?: string;
  readonly onStep?: (step: string) => void;
}

/**
 * No self-tests of the kernel's crypto library at boot (half a second under emulation), no mitigations
 * against neighbours inside the guest (it has none); a panic before its driver is loaded reboots
 * instead of spinning. `init_on_alloc=0` was tried too: its gain drowned in noise, so pages are still
 * wiped before they are handed out. docs/images.md has the measurements.
 */
const commandLine =
  "console=ttyS0 quiet panic=-1 mitigations=off random.trust_cpu=on cryptomgr.notests";

/** Everything that rootfs/init may load. ext4 needs an implementation of crc32c but does not say so. */
const wishes = [
  ...["qemu_fw_cfg", "button", "evdev", "pvpanic_pci", "i6300esb"],
  ...["virtio_pci", "virtio_blk", "virtio_net", "virtio_console", "virtio_rng"],
  ...["ext4", "crc32c_generic"],
];

/** Half of the kernel package is drivers that no virtual machine has. */
const kernelParts = [
  "./boot/vmlinuz-*",
  ...["fs/*", "lib/*", "crypto/*", "arch/*", "net/core/*"].map(
    (p) => `./lib/modules/*/kernel/${p}`,
  ),
  ...["acpi", "block", "char", "firmware", "input", "misc", "virtio", "watchdog"].map(
    (p) => `./lib/modules/*/kernel/drivers/${p}/*`,
  ),
  ...["virtio_net", "net_failover"].map((p) => `./lib/modules/*/kernel/drivers/net/${p}.ko`),
];

/**
 * What is in the directory, if it is whole and was made by the recipe of this version of Holdfast;
 * from which versions of the packages is not asked. Needs no apt and no network.
 */
export async function findTiny(
  where: Pick<TinyOptions, "directory" | "rootfs">,
): Promise<TinyManifest | undefined> {
  const { directory } = where;
  const recipe = recipeOf(await readTree(where.rootfs ?? ownRootfs));
  try {
    const text = await readFile(join(directory, "manifest.json"), "utf8");
    const manifest: TinyManifest = JSON.parse(text);
    if (manifest.recipe !== recipe) return undefined;
    for (const part of partNames)
      if (digestOf(await readFile(join(directory, tinyFiles[part]))) !== manifest[part])
        return undefined;
    return manifest;
  } catch {
    return undefined; // Absent or unreadable: it is simply built again.
  }
}

/**
 * Build it from the newest packages that apt knows, or find that this is what is there already. Two
 * builders at once in one directory do the work twice and agree. Rejects with `tiny_build_failed`.
 */
export async function buildTiny(options: TinyOptions): Promise<TinyManifest> {
  const { directory, cache, onStep = () => {}, rootfs = ownRootfs } = options;
  const run: Run = runner(seconds(300));
  let step = "look at what is there";
  let work: string | undefined;
  const say = (next: string) => {
    step = next;
    onStep(next);
  };
  try {
    say("ask apt for the packages");
    const guestFiles = await readTree(rootfs);
    const { kernel, busybox } = await findPackages(run);
    const builtFrom = [kernel, busybox].map(({ name, version }) => ({ name, version }));
    const existing = await findTiny(options);
    if (existing && JSON.stringify(existing.builtFrom) === JSON.stringify(builtFrom))
      return existing;

    say("download the packages");
    const kernelDeb = await download(run, kernel, cache);
    const busyboxDeb = await download(run, busybox, cache);

    say("unpack the packages");
    await mkdir(join(directory, "work"), { recursive: true });
    work = (await openTemporaries(join(directory, "work"))).next();
    await unpack(run, kernelDeb, join(work, "kernel"), kernelParts);
    await unpack(run, busyboxDeb, join(work, "busybox"), ["./bin/busybox"]);
    const kernelVersion = kernel.name.replace("linux-image-", "");

    say("unpack the kernel");
    const bzImage = join(work, "kernel/boot", `vmlinuz-${kernelVersion}`);
    const elf = await unpackKernel(run, bzImage, join(work, "payload"));

    say("pack the RAM filesystem");
    const modules = await pickModules(join(work, "kernel/lib/modules", kernelVersion), wishes);
    const program = await readFile(join(work, "busybox/bin/busybox"));
    const initrd = cpio(entriesOf(guestFiles, modules, program, kernelVersion));

    say("make the disk");
    const disk = await makeDisk(run, join(work, "disk"));

    say("put the parts in place");
    const parts = { kernel: elf, initrd, disk };
    const manifest: TinyManifest = {
      kernel: digestOf(elf),
      initrd: digestOf(initrd),
      disk: digestOf(disk),
      commandLine,
      kernelVersion,
      builtFrom,
      recipe: recipeOf(guestFiles),
    };
    for (const part of partNames)
      await place(join(work, `${part}.done`), join(directory, tinyFiles[part]), parts[part]);
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await place(join(work, "manifest.done"), join(directory, "manifest.json"), text);
    return manifest;
  } catch (cause) {
    if (cause instanceof Problem) throw cause;
    const why = cause instanceof Error ? cause.message : String(cause);
    const fix = `Check the free space with \`df -h ${directory}\`, delete ${cache}, then try again.`;
    throw tinyBuildFailed(step, why, fix, cause);
  } finally {
    if (work) await rm(work, { recursive: true, force: true });
  }
}

function entriesOf(
  tree: Tree,
  modules: readonly Module[],
  busybox: Buffer,
  kernelVersion: string,
): readonly Entry[] {
  const library = `lib/modules/${kernelVersion}`;
  const file = (path: string, content: Buffer, executable = false): Entry => ({
    path,
    is: "file",
    content,
    executable,
  });
  const link = (path: string): Entry => ({ path, is: "link", to: "/bin/busybox" });
  const entries = [
    ...tree.map(([path, text]) => file(path, Buffer.from(text), isProgram(text))),
    ...modules.map(({ name, content }) => file(`${library}/${name}.ko`, content)),
    file(`${library}/modules.dep`, Buffer.from(dependencyIndex(modules))),
    file("bin/busybox", busybox, true),
    ...["bin/sh", "sbin/init"].map(link),
  ];
  const empty = [
    "data",
    "dev",
    "mnt",
    "proc",
    "root",
    "run/holdfast",
    "sys",
    "tmp",
    "usr/bin",
    "usr/sbin",
    "var/log",
  ];
  const directories = parents([
    ...entries.map(({ path }) => path),
    ...empty.map((path) => `${path}/.`),
  ]);
  return [...directories, ...entries];
}

/**
 * An empty file system on 64 MiB. Its identity and its times are fixed, because the image has to
 * have one digest; guests do not care, each has its own copy.
 */
async function makeDisk(run: Run, scratch: string): Promise<Buffer> {
  const [raw, qcow2] = [`${scratch}.raw`, `${scratch}.qcow2`];
  const identity = "686f6c64-6661-4374-8000-74696e790001";
  const fixed = `hash_seed=${identity},lazy_itable_init=0,lazy_journal_init=0,nodiscard,root_owner=0:0`;
  const mke2fs = ["mke2fs", "-q", "-F", "-t", "ext4", "-m", "0", "-L", "hf-root", "-U", identity];
  await run(
    "make the file system",
    [
      "env",
      "E2FSPROGS_FAKE_TIME=1",
      "PATH=/usr/sbin:/sbin:/usr/bin:/bin",
      ...mke2fs,
      "-E",
      fixed,
      raw,
      "64M",
    ],
    "Type `apt-get install e2fsprogs`, then try again.",
  );
  await run(
    "make the disk",
    ["qemu-img", "convert", "-f", "raw", "-O", "qcow2", raw, qcow2],
    "Type `apt-get install qemu-utils`, then try again.",
  );
  return readFile(qcow2);
}

/** Readable by everybody, because QEMU runs as nobody in particular. */
async function place(scratch: string, file: string, content: Buffer | string): Promise<void> {
  await writeFile(scratch, content);
  await chmod(scratch, 0o444);
  await rename(scratch, file);
}

function recipeOf(guestFiles: Tree): Digest {
  return digestOf(Buffer.from(JSON.stringify([commandLine, wishes, guestFiles])));
}

function digestOf(bytes: Buffer): Digest {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
