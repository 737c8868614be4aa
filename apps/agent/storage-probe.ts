/**
 * How long the storage under the volumes takes to keep 4 KiB: one small durable write per directory.
 *
 * A store that hangs takes the thread that asked with it, and there are four of those in a process. So
 * there is never more than one question to a directory under way, and its age is the answer meanwhile.
 */
import { constants, open, statfs, unlink } from "node:fs/promises";
import { join } from "node:path";
import type { StorageLook } from "@holdfast/cloud/hosts";
import type { Ticks } from "@holdfast/kernel/time";

interface Question {
  readonly begun: number;
  readonly answer: Promise<StorageLook>;
}

/** Longer than a healthy disk or network store ever takes; then its age so far is told. Milliseconds. */
const patience = 2_000;
const block = Buffer.alloc(4_096);
const durable = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_DSYNC;

/** `directories` by the names of their pools. `name` must be this host's own: others share the pools. */
export function storageProbe(
  directories: Readonly<Record<string, string>>,
  name: string,
  ticks: Ticks,
): () => Promise<readonly StorageLook[]> {
  const asked = new Map<string, Question>();
  return () => Promise.all(Object.entries(directories).map(([pool, at]) => look(pool, at)));

  async function look(pool: string, directory: string): Promise<StorageLook> {
    const question = asked.get(pool) ?? ask(pool, directory);
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<StorageLook>((resolve) => {
      timer = setTimeout(() => resolve({ pool, took: ticks() - question.begun }), patience);
    });
    const found = await Promise.race([question.answer, late]);
    clearTimeout(timer);
    return found;
  }

  function ask(pool: string, directory: string): Question {
    const begun = ticks();
    const answer = write(join(directory, `.holdfast-probe-${name}`))
      .then(
        async () => ({ pool, took: ticks() - begun, ...(await room(directory)) }),
        (error: unknown) => ({
          pool,
          took: ticks() - begun,
          problem: error instanceof Error ? error.message : "it cannot be written",
        }),
      )
      .finally(() => asked.delete(pool));
    const question = { begun, answer };
    asked.set(pool, question);
    return question;
  }
}

/** Asked of a store that has just answered, so this does not hang. */
async function room(directory: string): Promise<Pick<StorageLook, "totalBytes" | "freeBytes">> {
  const { bsize, blocks, bavail } = await statfs(directory);
  return { totalBytes: bsize * blocks, freeBytes: bsize * bavail };
}

async function write(file: string): Promise<void> {
  const handle = await open(file, durable, 0o600);
  try {
    await handle.write(block);
  } finally {
    await handle.close();
  }
  await unlink(file);
}
