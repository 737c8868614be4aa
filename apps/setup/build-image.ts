/**
 * The other end of `holdfast images build`: builds an image on this machine and tells, word by word, how far
 * it is; see cloud/images/core/building.ts for the words.
 *
 * What it has made is deleted as soon as nobody is there any more to use it. So whoever asked keeps our
 * standard input open for as long as they want the file.
 */
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import type { BuildWord } from "@holdfast/cloud/images";
import {
  buildDebian,
  debianBootSeconds,
  debianFile,
  debianMemoryMiB,
  debianNeeds,
} from "@holdfast/drivers/images/debian";
import { openTemporaries } from "@holdfast/drivers/images/temporary";
import { Problem, viewOf } from "@holdfast/kernel/problem";
import { install, missing } from "./needs.ts";

export interface BuildOrder {
  /** Where there is room: nothing stays there. */
  readonly work: string;
  readonly mirror?: string;
  /** The directory of the recipe. */
  readonly files: string;
  /** Fires when nobody waits for the image any more, or nobody needs its file. */
  readonly gone: AbortSignal;
}

/** Resolves when everything that it made is gone again. */
export async function buildImage(order: BuildOrder, say: (word: BuildWord) => void): Promise<void> {
  const { work, files, mirror, gone } = order;
  let directory: string | undefined;
  try {
    await packagesAreThere(say);
    await mkdir(work, { recursive: true });
    directory = (await openTemporaries(work)).next();
    const image = await buildDebian({
      directory,
      files,
      ...(mirror && { mirror }),
      onStep: (step) => say({ is: "step", step }),
      signal: gone,
    });
    say({
      is: "built",
      file: join(directory, debianFile),
      bytes: image.bytes,
      smallestMemoryMiB: debianMemoryMiB,
      bootSeconds: debianBootSeconds,
      says: `Linux ${image.kernelVersion}, ${image.packages.length} packages`,
    });
    if (!gone.aborted)
      await new Promise((resolve) => gone.addEventListener("abort", resolve, { once: true }));
  } catch (error) {
    if (gone.aborted) return;
    if (!(error instanceof Problem)) throw error;
    say({ is: "failed", problem: { ...viewOf(error) } });
  } finally {
    if (directory) await rm(directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** Without root nothing is installed: that it is needed is then said by whoever needs it. */
async function packagesAreThere(say: (word: BuildWord) => void): Promise<void> {
  const lacking = process.getuid?.() === 0 ? await missing(debianNeeds) : [];
  if (lacking.length === 0) return;
  say({ is: "lacking", packages: lacking.map(({ name, why }) => ({ name, why })) });
  say({ is: "step", step: "install these packages" });
  await install(lacking);
}
