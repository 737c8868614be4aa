/**
 * What is to be done about one scheduled event: nothing, carry it out, or write down that it is over.
 *
 * It may be over because it was carried out, because its owner was faster, or because there is nothing left
 * that it could happen to. An event is about one generation on one host; whatever runs elsewhere has evaded it.
 */
import { homed, type InstanceState } from "@holdfast/cloud/instances";
import type { HostId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { MaintenanceState } from "./life.ts";
import { type EventCode, meanings, type ScheduledEvent } from "./model.ts";

/** An event that is not over, and what has become of its instance. */
export interface OpenEvent extends ScheduledEvent {
  readonly host: HostId;
  readonly generation: number;
  /** How often it had been rebooted when the event was scheduled. */
  readonly reboots: number;
  readonly begunAt: Instant | undefined;
  /** Of the work that it is a part of; undefined: it stands alone. */
  readonly maintenance: MaintenanceState | undefined;
  /** What the work still holds it back for. */
  readonly isHeld: boolean;
  readonly now: {
    readonly state: InstanceState;
    readonly desired: string;
    readonly home: HostId | undefined;
    readonly generation: number;
    /** Carried out, in this generation. */
    readonly reboots: number;
  };
}

export type EventStep =
  | { readonly do: "begin"; readonly errand: "leave" | "pause" | "reboot" | undefined }
  | { readonly do: "complete"; readonly says: string }
  | { readonly do: "cancel"; readonly says: string };

export function stepOf(event: OpenEvent, at: Instant): EventStep | undefined {
  const { now, code, begunAt, maintenance, notBefore, notAfter } = event;
  if (gone.has(now.state)) return { do: "cancel", says: "The instance was destroyed." };
  const over = howOver(event);
  if (over) return { do: "complete", says: over };
  if (begunAt !== undefined)
    return code === "system-maintenance" && notAfter !== undefined && at >= notAfter
      ? { do: "complete", says: "The work on its host is over." }
      : undefined;
  if (at < notBefore || event.isHeld) return undefined;
  if (code === "system-maintenance") return { do: "begin", errand: undefined };
  const isReady = now.state === "running" && now.desired === "running" && now.home === event.host;
  if (!isReady || (maintenance !== undefined && !working.has(maintenance))) return undefined;
  return { do: "begin", errand: errands[code] };
}

const gone: ReadonlySet<InstanceState> = new Set(["destroyed", "expunging", "expunged"]);
const working: ReadonlySet<MaintenanceState> = new Set(["emptying", "blocked", "in-maintenance"]);
const errands = {
  "instance-stop": "leave",
  "instance-retirement": "leave",
  "instance-reboot": "reboot",
  "system-reboot": "pause",
} as const satisfies Partial<Record<EventCode, string>>;

/** Undefined: it is still to come, or under way. */
function howOver(event: OpenEvent): string | undefined {
  const { begunAt, code, now, maintenance } = event;
  const isOwners = begunAt === undefined;
  if (meanings[code].does === "reboot" && now.generation === event.generation)
    if (now.reboots > event.reboots)
      return isOwners ? "It was rebooted before that was due." : "It was rebooted.";
  if (now.home === event.host) {
    // The work is on the host: a start on it again changes nothing. One that stands alone is about a generation.
    const isNew = now.generation > event.generation && maintenance === undefined;
    return isNew ? "It was started anew." : undefined;
  }
  if (now.home !== undefined)
    return isOwners ? "It had left its host before that was due." : "It is on another host.";
  if (now.state !== "stopped" && now.state !== "failed") return undefined;
  if (!isOwners) return "It was stopped.";
  // On its way to be started again by itself: where it comes up decides.
  return now.desired === "running" ? undefined : "It was stopped before that was due.";
}

/** Whether a host may still be running it. */
export const mayRun = (state: InstanceState) => homed.has(state);
