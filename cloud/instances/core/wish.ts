/**
 * What the host of an instance is asked for: the wish that follows from its row, and nothing else.
 *
 * Pure and derived, never stored: there is no second list of orders that could disagree with the first.
 */
import type { Wish, WishedDisk } from "@holdfast/cloud/hosts";
import type { Manifest } from "@holdfast/cloud/images";
import type { NicId } from "@holdfast/kernel/ids";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import { homed } from "./lifecycle.ts";
import type { Incarnation, Instance, Patience } from "./model.ts";

export interface WishInput {
  readonly instance: Instance;
  /** Of its host, when it was placed there. */
  readonly epoch: number;
  readonly phase: Incarnation["phase"] | undefined;
  readonly manifest: Manifest | undefined;
  /** In the order in which the guest sees them; the root volume first. */
  readonly disks: readonly WishedDisk[];
  readonly nics: readonly { readonly id: NicId; readonly mac: string }[];
  /** What its guest is told of its last death, as JSON. */
  readonly lastDeath: string | undefined;
}

/** From asking the process to quit to its exit; a healthy QEMU needs 5 to 10 ms, a busy disk seconds. */
const terminate = seconds(3);
/** From SIGKILL to the process being reaped. Longer means that it hangs in the kernel. */
const kill = seconds(5);

export function wishOf(input: WishInput, patience: Patience): Wish {
  const { instance, phase, manifest } = input;
  const { state, home } = instance;
  const want =
    !home || !homed.has(state) ? "nothing" : state === "stopping" ? "stopped" : wanted(instance);
  return {
    instance: instance.id,
    version: instance.version,
    epoch: input.epoch,
    generation: instance.generation,
    want,
    wasRunning: phase === "running",
    reboots: instance.reboots,
    rebootGrace: instance.isForced ? 0 : patience.rebootGrace,
    ladder: ladderOf(instance, patience),
    spec:
      want === "running" && manifest
        ? {
            name: instance.name,
            project: instance.project,
            type: instance.type,
            imageId: instance.image,
            cpus: instance.cpus,
            memoryMiB: instance.memoryMiB,
            disks: [...input.disks],
            nics: [...input.nics],
            image: manifest,
            userData: instance.userData ?? null,
            lastDeath: input.lastDeath ?? null,
            startPaused: instance.startPaused,
            bootTimeout: manifest.bootSeconds
              ? seconds(manifest.bootSeconds)
              : patience.bootTimeout,
          }
        : null,
    requestId: instance.requestId,
  };
}

/** A lost instance is still wished for as it was: its host may be alive, and must not be confused. */
const wanted = ({ desired }: Instance): Wish["want"] =>
  desired === "running" ? "running" : "stopped";

/**
 * A plain stop asks the guest, whoever wants it stopped. To destroy is to pull the plug; so is whatever has
 * become overdue.
 */
function ladderOf({ isForced, desired, state }: Instance, patience: Patience): Wish["ladder"] {
  const isEnding = desired === "destroyed" || desired === "expunged";
  const isPolite = state === "stopping" && !isEnding && !isForced;
  if (isPolite) return { acpi: patience.stopGrace, terminate, kill };
  return isForced
    ? { acpi: milliseconds(0), terminate: milliseconds(0), kill }
    : { acpi: milliseconds(0), terminate, kill };
}
