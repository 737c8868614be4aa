/**
 * What the Debian 12 image is made of, as data: packages, sizes, the partition table, and how mmdebstrap is
 * told all of it. Pure, so that golden tests cover it without a build.
 *
 * What is in the guest beside packages is in rootfs/ and finish.sh, as it is. Changing anything of it changes
 * the recipe's digest, and so the image is built again.
 */
import { createHash } from "node:crypto";
import type { Digest } from "../driver.ts";
import type { Tree } from "../tree.ts";

export const release = "bookworm";

/** Beside what Debian calls essential, and apt. Nothing that is only recommended comes with them. */
export const packages: readonly string[] = [
  ...["linux-image-amd64", "initramfs-tools", "zstd", "grub-pc-bin", "grub2-common"],
  ...["systemd-sysv", "udev", "dbus", "libpam-systemd", "systemd-resolved", "systemd-timesyncd"],
  ...["libnss-resolve", "libnss-myhostname", "netbase", "iproute2", "iputils-ping", "nftables"],
  ...["cloud-init", "openssh-server", "qemu-guest-agent", "sudo", "ca-certificates", "curl"],
  ...["kmod", "procps", "less", "vim-tiny"],
];

const mebibyte = 1 << 20;

/** The root partition has the number 1 and is the last on the disk, because only the last can grow. */
export const disk = {
  bytes: 2048 * mebibyte,
  /** GRUB's own partition: it has no file system, and the firmware cannot read those that have one. */
  loader: { at: mebibyte, bytes: mebibyte, number: 14 },
  root: { at: 2 * mebibyte, bytes: (2048 - 3) * mebibyte, number: 1 },
} as const;

const types = {
  loader: "21686148-6449-6E6F-744E-656564454649",
  root: "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709",
} as const;

/** For sfdisk. The end of the disk keeps a MiB for the second copy of the table. */
export function partitionTable(identity: Identity): string {
  const line = (part: "loader" | "root", uuid: string) => {
    const { at, bytes, number } = disk[part];
    return `${number} : start=${at / 512}, size=${bytes / 512}, type=${types[part]}, uuid=${uuid}`;
  };
  return [
    "label: gpt",
    `label-id: ${identity.disk}`,
    line("root", identity.root),
    line("loader", identity.loader),
    "",
  ].join("\n");
}

/** UUIDs that are the same whenever the same recipe is built. */
export interface Identity {
  readonly disk: string;
  readonly loader: string;
  readonly root: string;
  readonly fileSystem: string;
}

export function identityOf(recipe: Digest): Identity {
  const uuid = (of: string) => {
    const hex = createHash("sha256").update(`${recipe} ${of}`).digest("hex");
    // Version 8 is for those who make UUIDs in a way of their own.
    const parts = [
      hex.slice(0, 8),
      hex.slice(8, 12),
      `8${hex.slice(13, 16)}`,
      `a${hex.slice(17, 20)}`,
    ];
    return [...parts, hex.slice(20, 32)].join("-");
  };
  return {
    disk: uuid("disk"),
    loader: uuid("loader"),
    root: uuid("root"),
    fileSystem: uuid("file system"),
  };
}

export const recipeOf = (files: Tree, finish: string): Digest =>
  `sha256:${createHash("sha256")
    .update(JSON.stringify([release, packages, disk, types, files, finish]))
    .digest("hex")}`;

export interface Bootstrap {
  /** Lines of a sources.list. */
  readonly sources: readonly string[];
  /** Gets the root of the guest. */
  readonly root: string;
  /** A directory with what the guest gets beside packages. */
  readonly overlay: string;
  /** The script of the last step. */
  readonly finish: string;
  readonly fileSystem: string;
}

/**
 * In a process and a mount namespace of its own: when it is killed nothing runs on, and what it had mounted
 * for its packages' scripts is gone. Paths may contain nothing that a shell minds.
 */
export function bootstrapArgv(made: Bootstrap): readonly string[] {
  return [
    ...["unshare", "--fork", "--pid", "--kill-child", "--mount"],
    ...["mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase"],
    "--architectures=amd64",
    '--aptopt=APT::Install-Recommends "false"',
    "--aptopt=Acquire::Retries 2",
    // Nothing of it has to outlive a power cut.
    "--dpkgopt=force-unsafe-io",
    `--include=${packages.join(",")}`,
    // Before any package, so that dpkg and the initial RAM filesystem go by it.
    `--setup-hook=cp -R ${made.overlay}/. "$1"`,
    `--customize-hook=chroot "$1" sh -s ${made.fileSystem} <${made.finish}`,
    release,
    made.root,
    ...made.sources,
  ];
}

/** What mmdebstrap says of where it is, in our words; undefined for everything else. */
export function stepOf(line: string): string | undefined {
  return Object.entries(steps).find(([said]) => line.startsWith(`I: ${said}`))?.[1];
}

const steps: Readonly<Record<string, string>> = {
  "running apt-get update": "ask the mirror what there is",
  "downloading packages": "download the base system",
  "extracting archives": "unpack the base system",
  "installing essential": "install the base system",
  "installing remaining": "download and install the packages",
  "running --customize-hook": "set up the guest",
  "cleaning package lists": "clean up",
};
