/**
 * What is written down for one launch: the record for later agents, and what the guest may know of itself.
 *
 * What is the guest's belongs to its user, and only the user may read it: metadata can be secret. QEMU reads it when it starts.
 */
import { chown, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Instant } from "@holdfast/kernel/time";
import type { MachineSpec } from "./driver.ts";
import { identityRom, romBytes } from "./identity-rom.ts";
import type { LaunchRecord, Paths } from "./incarnation.ts";
import { loanOf } from "./loans.ts";
import { badMetadata } from "./refusals.ts";

/** What a later agent must know of a launch, whatever its way. */
export function recordOf(
  spec: MachineSpec,
  of: Pick<LaunchRecord, "uid" | "bootId" | "at">,
): LaunchRecord {
  const disks = spec.disks.map(({ id, source, readOnly }) => loanOf(id, source, readOnly));
  return {
    ...{ name: spec.name, uid: of.uid, bootId: of.bootId, at: of.at, requestId: spec.requestId },
    lent: disks.flatMap(({ files }) => files),
    disks,
    isFenceable: (spec.isFenceable ?? false) || spec.disks.some(({ source }) => source.isShared),
    cpus: spec.cpus,
  };
}

/** One line in front of QEMU's own, so that its log can be found by request and by instance. */
export const logHeader = ({ id, generation, name, requestId }: MachineSpec, at: Instant) =>
  `${new Date(at).toISOString()} holdfast: launching ${id} generation ${generation} (${name}) request=${requestId}\n`;

/** Everything that QEMU finds in files. May be repeated. Rejects with `bad_metadata`. */
export async function writePapers(
  spec: MachineSpec,
  paths: Paths,
  uid: number,
  hasIdentity: boolean,
): Promise<void> {
  await Promise.all([
    writeOwned(paths.consoleLog, "", uid),
    writeMetadata(spec, paths, uid),
    hasIdentity ? writeIdentity(spec, paths, uid) : undefined,
  ]);
}

async function writeMetadata(spec: MachineSpec, paths: Paths, uid: number): Promise<void> {
  await writeTexts(paths.metadata, spec.metadata, uid, 0o711);
  // QEMU lists this one.
  await writeTexts(paths.seed, spec.seed ?? {}, uid, 0o755);
}

/** What was on standby on the host that it comes from reads this, and its memory goes with it. */
async function writeIdentity({ metadata }: MachineSpec, paths: Paths, uid: number) {
  await writeOwned(paths.identity, identityRom(metadata) ?? Buffer.alloc(romBytes), uid);
}

async function writeTexts(
  directory: string,
  texts: Readonly<Record<string, string>>,
  uid: number,
  mode: number,
): Promise<void> {
  const entries = Object.entries(texts);
  if (entries.length === 0) return;
  await mkdir(directory, { recursive: true, mode });
  await Promise.all(
    entries.map(([name, text]) => {
      // fw_cfg names have 55 characters, and ours become file names.
      if (!/^[a-z0-9][a-z0-9._-]{0,38}$/.test(name)) throw badMetadata(name);
      return writeOwned(join(directory, name), text, uid);
    }),
  );
}

async function writeOwned(file: string, text: string | Buffer, uid: number): Promise<void> {
  await writeFile(file, text, { mode: 0o600 });
  await chown(file, uid, uid);
}
