/**
 * Debian packages as files: fetched with apt, so that its signatures vouch for them, and unpacked
 * beside the system, never into it.
 *
 * apt knows packages only after `apt-get update`, and a freshly made machine often never ran it; the
 * builder does not run it either, because that is a change of the system which others may be making.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { Run } from "../run.ts";
import { openTemporaries } from "../temporary.ts";
import { tinyBuildFailed } from "./run.ts";

export interface Package {
  readonly name: string;
  readonly version: string;
}

interface Candidate extends Package {
  readonly depends: string;
  readonly sha256: string;
}

const aptFix = "Type `apt-get update`, check that a Debian mirror is reachable, then try again.";

/** The newest kernel that apt would install, and busybox. */
export async function findPackages(
  run: Run,
): Promise<{ readonly kernel: Candidate; readonly busybox: Candidate }> {
  // linux-image-amd64 is empty: it only points at the package with the newest kernel.
  const [pointer, busybox] = await candidates(run, ["linux-image-amd64", "busybox-static"]);
  const name = /linux-image-[0-9][^\s,(]*/.exec(pointer?.depends ?? "")?.[0];
  const [kernel] = name ? await candidates(run, [name]) : [];
  if (!kernel || !busybox)
    throw tinyBuildFailed("ask apt for the packages", "apt does not know a kernel.", aptFix);
  return { kernel, busybox };
}

/** What apt would install today, in the order of the names. */
async function candidates(run: Run, names: readonly string[]): Promise<readonly Candidate[]> {
  const show = ["apt-cache", "show", "--no-all-versions", ...names];
  const text = await run("ask apt for the packages", show, aptFix);
  const all = text.split("\n\n").map((record) => {
    const field = (key: string) => new RegExp(`^${key}: (.*)$`, "m").exec(record)?.[1] ?? "";
    return {
      name: field("Package"),
      version: field("Version"),
      depends: field("Depends"),
      sha256: field("SHA256"),
    };
  });
  return names.flatMap((name) => all.find((candidate) => candidate.name === name) ?? []);
}

/**
 * The .deb of a package, from `cache` if it is there and whole. Other versions of the same package
 * are removed from there: each kernel is 70 MB.
 */
export async function download(run: Run, wanted: Candidate, cache: string): Promise<string> {
  await mkdir(cache, { recursive: true });
  // apt writes the colon of an epoch as %3a in file names.
  const stem = `${wanted.name}_${wanted.version.replaceAll(":", "%3a")}_`;
  const family = wanted.name.startsWith("linux-image-") ? "linux-image-" : `${wanted.name}_`;
  const files = await readdir(cache);
  const found = files.find((file) => file.startsWith(stem) && file.endsWith(".deb"));
  if (found && (await isWhole(join(cache, found), wanted))) return join(cache, found);
  // Fetched beside its place, so that whoever else builds now never sees half of it.
  await mkdir(join(cache, "incoming"), { recursive: true });
  const incoming = (await openTemporaries(join(cache, "incoming"))).next();
  const step = `download ${wanted.name}`;
  try {
    await mkdir(incoming);
    // apt gives up root for downloads, and then could not write here.
    const apt = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download"];
    await run(step, [...apt, `${wanted.name}=${wanted.version}`], aptFix, { cwd: incoming });
    const [arrived] = await readdir(incoming);
    if (!arrived || !(await isWhole(join(incoming, arrived), wanted)))
      throw tinyBuildFailed(step, "What arrived is not what apt announced.", aptFix);
    await rename(join(incoming, arrived), join(cache, arrived));
    for (const file of await readdir(cache))
      if (file.startsWith(family) && file !== arrived) await rm(join(cache, file), { force: true });
    return join(cache, arrived);
  } finally {
    await rm(incoming, { recursive: true, force: true });
  }
}

/** A download that was cut off is found out by the checksum in apt's signed index. */
async function isWhole(file: string, { sha256 }: Candidate): Promise<boolean> {
  return (
    createHash("sha256")
      .update(await readFile(file))
      .digest("hex") === sha256
  );
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
