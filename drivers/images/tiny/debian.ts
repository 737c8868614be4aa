/**
 * Debian packages as files: fetched with apt, so that its signatures vouch for them, and unpacked
 * beside the system, never into it.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "./run.ts";

export interface Package {
  readonly name: string;
  readonly version: string;
}

/** What apt would install today under this name. */
export async function candidate(run: Run, name: string): Promise<Package & { depends: string }> {
  const text = await run(
    `ask apt for ${name}`,
    ["apt-cache", "show", "--no-all-versions", name],
    "Type `apt-get update`, check that a Debian mirror is reachable, then try again.",
  );
  const field = (key: string) => new RegExp(`^${key}: (.*)$`, "m").exec(text)?.[1] ?? "";
  return { name, version: field("Version"), depends: field("Depends") };
}

/** The real package behind `linux-image-amd64`, which is empty and only points at the newest kernel. */
export async function kernelCandidate(run: Run): Promise<Package> {
  const { depends } = await candidate(run, "linux-image-amd64");
  const name = /linux-image-[0-9][^\s,(]*/.exec(depends)?.[0];
  if (!name) throw new Error(`linux-image-amd64 depends on no kernel: "${depends}"`);
  const { version } = await candidate(run, name);
  return { name, version };
}

/**
 * The .deb of a package, from `cache` if it is there and whole. Older versions of the same package
 * are removed: each kernel is 70 MB.
 */
export async function download(run: Run, wanted: Package, cache: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  // apt writes the colon of an epoch as %3a in file names.
  const stem = `${wanted.name}_${wanted.version.replaceAll(":", "%3a")}_`;
  const find = async () => (await readdir(cache)).find((f) => f.startsWith(stem) && f.endsWith(".deb"));
  const fix = "Type `apt-get update`, check that a Debian mirror is reachable, then try again.";
  if (!(await isWhole(run, wanted, cache, await find()))) {
    for (const file of await readdir(cache))
      if (file.startsWith(`${wanted.name}_`)) await rm(join(cache, file), { force: true });
    // As root apt drops to a user who could not write here.
    const apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download"];
    await run(
      `download ${wanted.name}`,
      [...apt, `${wanted.name}=${wanted.version}`],
      fix,
      { cwd: cache },
    );
  }
  const file = await find();
  if (!file) throw new Error(`apt-get download left no file ${stem}*.deb in ${cache}`);
  return join(cache, file);
}

/** A download that was cut off is found out here, by the checksum from apt's signed index. */
async function isWhole(
  run: Run,
  wanted: Package,
  cache: string,
  file: string | undefined,
): Promise<boolean> {
  if (!file) return false;
  const show = ["apt-cache", "show", `${wanted.name}=${wanted.version}`];
  const text = await run(`ask apt for ${wanted.name}`, show, "Type `apt-get update`.");
  const expected = /^SHA256: ([0-9a-f]{64})$/m.exec(text)?.[1];
  const bytes = await readFile(join(cache, file));
  return createHash("sha256").update(bytes).digest("hex") === expected;
}

/** Unpack those files of a package that match, into an empty directory. Patterns are tar's. */
export async function unpack(
  run: Run,
  deb: string,
  directory: string,
  patterns: readonly string[],
): Promise<void> {
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const script =
    'set -o pipefail; deb=$1; to=$2; shift 2; dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$to" --wildcards "$@"';
  await run(
    `unpack ${deb}`,
    ["bash", "-c", script, "unpack", deb, directory, ...patterns],
    `Check the free space with \`df -h ${directory}\`, delete ${deb}, then try again.`,
  );
}
