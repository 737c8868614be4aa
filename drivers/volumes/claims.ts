/**
 * Who has a volume open, written beside it where every host that can reach the volume can read it.
 *
 * A claim keeps those apart who ask, and stops nobody who does not: a QEMU that writes has asked long ago.
 * That is what fencing is for. On one host QEMU's own lock is the second wall; between hosts there is none.
 */
import { readFile, readlink, rename, rm, symlink, writeFile } from "node:fs/promises";
import { codeOf } from "@holdfast/kernel/code-of";
import type { Opener } from "./driver.ts";
import { replaceSynced } from "./place.ts";
import { volumeClaimed, volumeInUse } from "./problems.ts";

export interface Claim extends Opener {
  readonly host: string;
}

/**
 * Undefined also if what is there is not a claim: then nobody can have made it. Rejects where that cannot be known: a
 * claim that a disk or a server does not give out now is still somebody's.
 */
export async function readClaim(file: string): Promise<Claim | undefined> {
  const text = await readlink(file)
    .catch((error: unknown) => {
      // One that hosts share, or of an older version, is a file.
      if (codeOf(error) === "EINVAL") return readFile(file, "utf8");
      throw error;
    })
    .catch((error: unknown) => {
      if (codeOf(error) === "ENOENT") return "";
      throw error;
    });
  try {
    const claim: unknown = JSON.parse(text);
    return isClaim(claim) ? claim : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Rejects with `volume_claimed` or `volume_in_use`. `isDurable`: it outlives a power cut, as it must where other
 * hosts go on. In a directory of one host whoever made it is dead then as well.
 */
export async function claim(
  file: string,
  host: string,
  opener: Opener,
  isDurable: boolean,
): Promise<void> {
  const { instance, generation } = opener;
  const text = JSON.stringify({ instance, generation, host });
  if (!isDurable && (await claimFirst(file, text))) return;
  const known = await readClaim(file);
  if (known && known.instance !== opener.instance) throw volumeInUse();
  if (known && known.generation > opener.generation) throw volumeClaimed(known.generation);
  if (known?.generation === generation && known.host === host) return;
  if (isDurable) return replaceSynced(file, text);
  await writeFile(`${file}.new`, text, { mode: 0o600 });
  await rename(`${file}.new`, file);
}

/**
 * Nearly always, in a directory of one host. It is a link to nowhere that says it: made in one step, whole or not at all, where a
 * file has to be opened, written and renamed. False if there is something already.
 */
const claimFirst = (file: string, text: string): Promise<boolean> =>
  symlink(text, file).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    },
  );

/** Of this and older generations; somebody else's stays. */
export async function unclaim(file: string, { instance, generation }: Opener): Promise<void> {
  const known = await readClaim(file);
  if (known?.instance === instance && known.generation <= generation)
    await rm(file, { force: true });
}

function isClaim(value: unknown): value is Claim {
  if (typeof value !== "object" || value === null) return false;
  const { instance, generation, host } = value as Partial<Record<keyof Claim, unknown>>; // Looked at here.
  return typeof instance === "string" && typeof generation === "number" && typeof host === "string";
}
