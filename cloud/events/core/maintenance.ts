/**
 * What becomes of each instance of a host that is to be worked on.
 *
 * Its owner's policy first: to be moved while it runs, to be stopped and started elsewhere, or to be rebooted
 * with the host. What cannot be moved is stopped with notice, never left behind without a word; and what would
 * be lost with the host, or could not be started anywhere, stays where it is and says so.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { EventCode } from "./model.ts";

export const maintenancePolicies = ["migrate", "stop", "reboot"] as const;
export type MaintenancePolicy = (typeof maintenancePolicies)[number];

/** `empty`: nothing may run there. `retire`: nor come back. `interrupt`: what stays may be cut off for a moment. */
export const works = ["empty", "retire", "interrupt"] as const;
export type Work = (typeof works)[number];

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
  /** Why it cannot be moved while it runs, as a part of a sentence; undefined: it can. */
  readonly cannotMove: string | undefined;
  /** The host that would have it, or why none would, as a sentence. */
  readonly place: { readonly host: string } | { readonly refused: string };
}

export interface Fate {
  readonly instance: InstanceId;
  readonly name: string;
  /**
   * `stop`: and start elsewhere. `reboot`: be down for as long as its host is. `wait`: something is under way
   * that decides. `stay`: nothing is done.
   */
  readonly does: "migrate" | "stop" | "reboot" | "wait" | "stay";
  readonly to: string | undefined;
  /** Why this and not what its policy says; or what there is to know. */
  readonly says: string;
  /** The event that its owner sees; undefined where nothing is noticed. */
  readonly code: EventCode | undefined;
  readonly losesEphemeral: boolean;
  /** Why the host is not emptied of it now, and what to do. */
  readonly obstacle: { readonly says: string; readonly fix: string } | undefined;
}

export interface Terms {
  readonly work: Work;
  /** What could be put off until now cannot be any longer. */
  readonly isOverdue: boolean;
}

export function fateOf(resident: Resident, { work, isOverdue }: Terms): Fate {
  const { id, name, policy, state, desired, place, isLocal, hasEphemeralDisks } = resident;
  const fate = (
    does: Fate["does"],
    says: string,
    more: Partial<Pick<Fate, "to" | "code" | "losesEphemeral" | "obstacle">> = {},
  ): Fate => ({
    ...{ instance: id, name, does, says },
    ...{ to: undefined, code: undefined, losesEphemeral: false, obstacle: undefined },
    ...more,
  });
  const cannotMove = obstacleTo(resident);
  if (state === "lost")
    return fate("wait", "It is lost: its host is silent.", {
      obstacle: {
        says: "It is lost: nothing proves yet that it does not run there.",
        fix: "It goes on by itself when the host is heard or proven dead: holdfast health",
      },
    });
  if (state !== "running")
    return fate("wait", `It is ${state}: the host waits until it runs or has ended.`);
  if (desired !== "running") return fate("wait", "It is about to end by itself.");
  if (work === "interrupt" && (policy !== "migrate" || cannotMove))
    return fate("stay", "It stays, and may be cut off or rebooted for a moment.", {
      code: "system-maintenance",
    });
  if (policy === "migrate" && !cannotMove)
    return fate("migrate", isLocal ? "Its disks are copied first." : "Nothing is noticed of it.", {
      to: "host" in place ? place.host : undefined,
    });
  if (policy === "reboot" && work === "empty")
    return fate("reboot", "As its policy says, it is rebooted with its host.", {
      code: "system-reboot",
    });
  const why =
    policy === "migrate"
      ? `It cannot be moved while it runs: ${cannotMove}.`
      : policy === "stop"
        ? "As its policy says, it is stopped."
        : "Its policy is to be rebooted with its host, which does not come back.";
  const code = work === "retire" ? "instance-retirement" : "instance-stop";
  if (isLocal && work === "retire")
    return fate("stay", `${why} Its disk is on this host only, and would be lost.`, {
      code,
      obstacle: {
        says: "Its disk is on this host only, and would be lost with it.",
        fix: `Save what it holds, then destroy it: holdfast destroy ${name}; or give the host back: holdfast maintenance end HOST`,
      },
    });
  if (isLocal)
    return fate("reboot", `${why} Its disk is on this host: it is down until the work is over.`, {
      code: "system-reboot",
    });
  const refused = "refused" in place ? place.refused : undefined;
  const stop = { code, losesEphemeral: hasEphemeralDisks } as const;
  if (refused === undefined)
    return fate("stop", `${why} It is started elsewhere.`, {
      ...stop,
      to: "host" in place ? place.host : undefined,
    });
  if (isOverdue)
    return fate("stop", `${why} No host has room: it waits until one has. ${refused}`, stop);
  return fate("stop", `${why} No host would have it now. ${refused}`, {
    ...stop,
    obstacle: {
      says: `It could not be started anywhere else: ${refused}`,
      fix: "Make room on other hosts, or give a deadline by which it is stopped all the same: holdfast maintenance HOST --deadline TIME",
    },
  });
}

/** Why it cannot be moved while it runs; undefined: it can. */
function obstacleTo(resident: Resident): string | undefined {
  if (resident.hasEphemeralDisks)
    return "it has ephemeral disks, and planned work never moves those";
  if (resident.cannotMove !== undefined) return resident.cannotMove;
  if ("refused" in resident.place && !resident.isLocal) return "no host has room for it";
  return undefined;
}
