/**
 * What the hosts of an instance are asked for: the wishes that follow from its row, and nothing else.
 *
 * Pure and derived, never stored: there is no second list of orders that could disagree with the first.
 * While it moves there are two, one for each incarnation, and never one that lets both run: see `migrateTo`
 * and `wantOfArrival`.
 */
import type { Wish, WishedDisk } from "@holdfast/cloud/hosts";
import type { Manifest } from "@holdfast/cloud/images";
import type { NicId } from "@holdfast/kernel/ids";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import { homed } from "./lifecycle.ts";
import { openMigration } from "./migration.ts";
import type { Incarnation, Instance, Migration, Patience, World } from "./model.ts";
import { wantOfArrival } from "./moving.ts";

export interface WishInput {
  readonly instance: Instance;
  readonly incarnation: Incarnation | undefined;
  readonly lease: World["lease"];
  readonly migration: Migration | undefined;
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

/** For its home; `epoch` is that of the host when it was placed there. */
export function wishOf(input: WishInput, epoch: number, patience: Patience): Wish {
  const { instance, incarnation } = input;
  const { state, home, generation } = instance;
  const want =
    !home || !homed.has(state) ? "nothing" : state === "stopping" ? "stopped" : wanted(instance);
  return {
    ...wish(input, epoch, generation, want, patience),
    wasRunning: incarnation !== undefined && incarnation.phase !== "asked",
    reboots: instance.reboots,
    rebootGrace: instance.isForced ? 0 : patience.rebootGrace,
    ladder: ladderOf(instance, patience),
    migrateTo: home ? leavingFor(input) : null,
  };
}

/** For the destination of a move that is open; `epoch` is that of the destination when it was chosen. */
export function arrivalWishOf(
  input: WishInput,
  epoch: number,
  patience: Patience,
): Wish | undefined {
  const migration = openMigration(input);
  if (!migration || migration.arrival.phase === "exited") return undefined;
  const { id, arrival, from, terms } = migration;
  const want = wantOfArrival(input, migration);
  return {
    ...wish(input, epoch, arrival.generation, want, patience),
    // To run without its memory would be a start, and nobody has asked for one.
    wasRunning: want === "running" || arrival.phase !== "asked",
    reboots: 0,
    rebootGrace: 0,
    ladder: { acpi: milliseconds(0), terminate, kill },
    arrives: { migration: id, from, network: terms.network ?? null },
  };
}

/** For a host that was its home until a moment ago: it is home elsewhere now. */
export const farewellOf = (instance: Instance, epoch: number, generation: number): Wish => ({
  instance: instance.id,
  version: instance.version,
  epoch,
  generation,
  want: "nothing",
  wasRunning: true,
  reboots: 0,
  rebootGrace: 0,
  ladder: { acpi: milliseconds(0), terminate: milliseconds(0), kill },
  spec: null,
  requestId: instance.requestId,
});

function wish(
  input: WishInput,
  epoch: number,
  generation: number,
  want: Wish["want"],
  patience: Patience,
): Omit<Wish, "wasRunning" | "reboots" | "rebootGrace" | "ladder"> {
  const { instance, manifest } = input;
  return {
    instance: instance.id,
    version: instance.version,
    epoch,
    generation,
    want,
    spec:
      (want === "running" || want === "incoming") && manifest
        ? {
            name: instance.name,
            project: instance.project,
            type: instance.type,
            imageId: instance.image,
            cpus: instance.cpus,
            memoryMiB: instance.memoryMiB,
            disks: [...input.disks],
            nics: input.nics.map(({ id, mac }) => ({ id, mac })),
            image: manifest,
            userData: instance.userData ?? null,
            lastDeath: input.lastDeath ?? null,
            metadata: instance.metadata,
            metadataTokens: instance.metadataTokens,
            startPaused: instance.startPaused,
            bootTimeout: manifest.bootSeconds
              ? seconds(manifest.bootSeconds)
              : patience.bootTimeout,
          }
        : null,
    requestId: instance.requestId,
  };
}

/**
 * Said from the moment in which the destination waits until what waits there has ended: the source takes its
 * absence as leave to run on, so it must not be absent while the other could.
 */
function leavingFor(input: WishInput): Wish["migrateTo"] {
  const migration = openMigration(input);
  if (migration?.state !== "copying" || !migration.relay) return null;
  const { id, abort, arrival, lease, relay, terms } = migration;
  const { bytesPerSecond, mayPostcopy, precopy, converge, switching } = terms;
  return {
    migration: id,
    generation: arrival.generation,
    address: relay,
    host: arrival.host,
    bytesPerSecond: bytesPerSecond ?? null,
    mayPostcopy,
    isAborted: abort !== undefined || lease !== "valid" || isEnding(input.instance),
    patience: { precopy, converge, switching },
  };
}

const isEnding = ({ state, desired }: Instance) => state === "stopping" || desired !== "running";

/** A lost instance is still wished for as it was: its host may be alive, and must not be confused. */
const wanted = ({ desired }: Instance): "running" | "stopped" =>
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
