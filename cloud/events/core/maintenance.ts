/**
 * What becomes of each instance of a host that is to be emptied.
 *
 * Its owner's policy first: to be moved while it runs, to be stopped, or to be rebooted with the host. What
 * cannot be moved is stopped with notice, never left behind without a word.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { EventCode } from "./model.ts";

export const maintenancePolicies = ["migrate", "stop", "reboot"] as const;
export type MaintenancePolicy = (typeof maintenancePolicies)[number];

/** An instance of the host, with what a preview needs to know. */
export interface Resident {
  readonly id: InstanceId;
  readonly name: string;
  readonly policy: MaintenancePolicy;
  readonly state: string;
  readonly desired: string;
  /** On the host's own disks: moving it means copying them. */
  readonly isLocal: boolean;
  readonly hasEphemeralDisks: boolean;
  /** It uses a device of this very host. */
  readonly hasPassThrough: boolean;
  /** The host that would have it, or why none would. */
  readonly place: { readonly host: string } | { readonly refused: string };
}

export interface Fate {
  readonly instance: InstanceId;
  readonly name: string;
  readonly does: "migrate" | "stop" | "reboot" | "wait";
  readonly to: string | undefined;
  /** Why this and not what its policy says; or what there is to know. */
  readonly says: string;
  /** The event that its owner sees; undefined where nothing is noticed. */
  readonly code: EventCode | undefined;
  readonly losesEphemeral: boolean;
}

export function fateOf(resident: Resident): Fate {
  const { id, name, policy, state, desired, place, isLocal, hasEphemeralDisks } = resident;
  const fate = (
    does: Fate["does"],
    says: string,
    more: Partial<Pick<Fate, "to" | "code" | "losesEphemeral">> = {},
  ): Fate => ({
    ...{ instance: id, name, does, says },
    ...{ to: undefined, code: undefined, losesEphemeral: false },
    ...more,
  });
  if (state !== "running")
    return fate("wait", `It is ${state}: the host waits until it runs or has ended.`);
  if (desired !== "running") return fate("wait", "It is about to end by itself.");
  if (policy === "reboot")
    return fate("reboot", "As its policy says, it is rebooted with its host.", {
      code: "system-reboot",
    });
  const stop = (says: string) =>
    fate("stop", says, { code: "instance-stop", losesEphemeral: hasEphemeralDisks });
  if (policy === "stop") return stop("As its policy says, it is stopped, and started elsewhere.");
  const obstacle = obstacleTo(resident);
  if (obstacle) return stop(`It cannot be moved while it runs: ${obstacle}. It is stopped.`);
  const to = "host" in place ? place.host : undefined;
  return fate("migrate", isLocal ? "Its disks are copied first." : "Nothing is noticed of it.", {
    to,
  });
}

/** Why it cannot be moved while it runs; undefined: it can. */
export function obstacleTo(resident: Resident): string | undefined {
  if (resident.hasPassThrough) return "it uses a device of this host";
  if (resident.hasEphemeralDisks) return "it has ephemeral disks, which stay on their host";
  if ("refused" in resident.place) return resident.place.refused;
  return undefined;
}
