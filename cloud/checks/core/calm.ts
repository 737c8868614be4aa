/**
 * Looks that say of every machine of a host that it is well: they need not be judged again while they stay the same.
 *
 * Whatever is not plainly well has no fingerprint, and is judged each time: how long it has been so is part of it.
 */
import type { Checkup, MachineLook, StorageLook } from "@holdfast/cloud/hosts";
import type { Limits } from "./model.ts";

/** A guest that boots is judged by how long it does: again so often, for so long. Milliseconds. */
const bootSteps = 10_000;
const bootEnds = 3_600_000;

/** The same text only for looks that come to the same verdicts; undefined where they have to be judged. */
export function calmness(
  { machines, storage }: Checkup,
  epoch: number,
  limits: Limits,
): string | undefined {
  if (!storage.every((one) => isQuick(one, limits))) return undefined;
  if (!machines.every((one) => isWell(one, limits))) return undefined;
  const pools = storage.map(({ pool }) => pool);
  const looks = machines.map(
    ({ instance, generation, guest, runState, agent, bootedBy, bootedFor }) => [
      ...[instance, generation, guest, runState, agent, bootedBy],
      guest === "booting" ? Math.floor(Math.min(bootedFor, bootEnds) / bootSteps) : 0,
    ],
  );
  return JSON.stringify([epoch, limits, pools, looks]);
}

const isQuick = ({ problem, took }: StorageLook, { storageLatency }: Limits) =>
  problem === undefined && took <= storageLatency;

const isWell = ({ answeredIn, guest, runState, agent, disk }: MachineLook, limits: Limits) =>
  answeredIn !== null &&
  (guest === "up" || guest === "booting" || guest === "paused") &&
  !(runState !== null && broken.has(runState)) &&
  agent !== "silent" &&
  disk.failed === 0 &&
  disk.stalledFor < limits.stalledIo;

const broken: ReadonlySet<string> = new Set(["internal-error", "guest-panicked", "io-error"]);
