/**
 * What the platform needs from Debian, and why; named before anything is installed.
 *
 * Only what a fresh Debian 12 with Node may lack is listed. Nothing is upgraded or removed.
 */
import { execFile, spawn } from "node:child_process";
import { readdir } from "node:fs/promises";
import { promisify } from "node:util";
import { problem } from "@holdfast/kernel/problem";

export interface Need {
  readonly name: string;
  readonly why: string;
}

export const needs: readonly Need[] = [
  { name: "qemu-system-x86", why: "runs the guests" },
  { name: "qemu-utils", why: "makes and checks their disks" },
  { name: "qemu-system-common", why: "serves and backs up their disks (qemu-storage-daemon)" },
  { name: "socat", why: "lets guests reach disks on another host" },
  { name: "e2fsprogs", why: "makes the file system of the tiny image" },
  { name: "xz-utils", why: "unpacks the guest's kernel" },
  { name: "zstd", why: "unpacks the guest's kernel" },
  { name: "util-linux", why: "starts QEMU without privileges (setpriv)" },
  { name: "passwd", why: "makes the database's own user (useradd)" },
  { name: "iproute2", why: "makes the guests' networks (ip, bridge)" },
  { name: "nftables", why: "keeps their security rules (nft)" },
  { name: "dnsmasq-base", why: "gives guests their addresses and names" },
  { name: "libtcmalloc-minimal4", why: "gives memory to guests on standby" },
  { name: "perl-base", why: "opens the cables of network cards for QEMU" },
];

/** For `images build debian-12`, on the machine where that is typed. */
export { debianNeeds } from "@holdfast/drivers/images/debian";

const run = promisify(execFile);
/** dpkg-query's own placeholders, not ours. */
const format = ["Package", "db:Status-Status"].map((field) => `\${${field}}`).join(" ");

/** Those that are not installed. */
export async function missing(wanted: readonly Need[] = needs): Promise<readonly Need[]> {
  const installed = await run("dpkg-query", ["-W", "-f", `${format}\n`]);
  const names = new Set(
    installed.stdout
      .split("\n")
      .filter((line) => line.endsWith(" installed"))
      .map((line) => line.split(" ")[0]),
  );
  return wanted.filter(({ name }) => !names.has(name));
}

/** Rejects with `install_failed` and apt's last words. */
export async function install(wanted: readonly Need[]): Promise<void> {
  if (wanted.length === 0) return;
  await apt(["update", "-qq"]);
  const names = wanted.map(({ name }) => name);
  await apt(["install", "-y", "-qq", "--no-install-recommends", ...names]);
}

/** The tiny image is made from packages, which apt must know of even where none has to be installed. */
export async function ensureAptLists(): Promise<void> {
  const names = await readdir("/var/lib/apt/lists").catch(() => []);
  if (!names.some((name) => name.includes("_Packages"))) await apt(["update", "-qq"]);
}

function apt(args: readonly string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    const child = spawn("apt-get", [...args], { env, stdio: ["ignore", "pipe", "pipe"] });
    let words = "";
    const keep = (data: Buffer) => {
      words = (words + data).slice(-2_000);
    };
    child.stdout.on("data", keep);
    child.stderr.on("data", keep);
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(installFailed(args, words))));
  });
}

const installFailed = (args: readonly string[], words: string) =>
  problem("unavailable", "install_failed", `apt-get ${args[0]} did not work:\n${words.trim()}`, {
    fix: "Mend what it complains about, or install the packages yourself, and run this again.",
  });
