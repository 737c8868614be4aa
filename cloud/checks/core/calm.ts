/**
 * Looks that say of a machine that it is well: it need not be judged again while they stay the same.
 *
 * Whatever is not plainly well has no fingerprint, and is judged each time: how long it has been so is part of it.
 */
import type { Checkup, MachineLook, StorageLook } from "@holdfast/cloud/hosts";
import type { Limits } from "./model.ts";

/** A guest that boots is judged by how long it does: again so often, for so long. Milliseconds. */
const bootSteps = 10_000;
const bootEnds = 3_600_000;

/** What the verdicts on all machines of a host rest on: the same text only for the same; undefined where they have to be judged. */
export function calmnessOfHost(
  { storage }: Checkup,
  epoch: number,
  limits: Limits,
): string | undefined {
  if (!storage.every((one) => isQuick(one, limits))) return undefined;
  return JSON.stringify([epoch, limits, storage.map(({ pool }) => pool)]);
}

/** The same of one machine, which is not named in it: nearly all of a fleet have one and the same text. */
export function calmnessOf(look: MachineLook, limits: Limits): string | undefined {
  if (!isWell(look, limits)) return undefined;
  const { generation, guest, runState, agent, bootedBy, bootedFor } = look;
  const step = guest === "booting" ? Math.floor(Math.min(bootedFor, bootEnds) / bootSteps) : 0;
  return `${generation} ${guest} ${runState} ${agent} ${bootedBy} ${step}`;
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
