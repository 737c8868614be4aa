/**
 * Scheduled events: what will be done to an instance, when, and what its owner may do about it.
 *
 * The five codes, their fields and the rules for moving them are EC2's, so whoever knows those knows these.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";

export const eventCodes = [
  "instance-stop",
  "instance-retirement",
  "instance-reboot",
  "system-reboot",
  "system-maintenance",
] as const;
export type EventCode = (typeof eventCodes)[number];

export interface CodeMeaning {
  /** What happens when it is due. */
  readonly says: string;
  readonly does: "stop" | "reboot" | "interrupt";
  /** What an owner can do now that makes the event needless. */
  readonly clearedBy: readonly ("stop-start" | "reboot" | "migrate")[];
  /** Whether the instance is on another host afterwards. */
  readonly movesHost: boolean;
  /** Local disks do not survive it. */
  readonly losesEphemeral: boolean;
}

export const meanings = {
  "instance-stop": {
    says: "The instance is stopped. Its next start is on another host.",
    does: "stop",
    clearedBy: ["stop-start", "migrate"],
    movesHost: true,
    losesEphemeral: true,
  },
  "instance-retirement": {
    says: "The hardware under the instance is taken away: it is stopped, and its next start is on another host.",
    does: "stop",
    clearedBy: ["stop-start", "migrate"],
    movesHost: true,
    losesEphemeral: true,
  },
  "instance-reboot": {
    says: "The instance is rebooted. It stays on its host.",
    does: "reboot",
    clearedBy: ["reboot", "stop-start", "migrate"],
    movesHost: false,
    losesEphemeral: false,
  },
  "system-reboot": {
    says: "Its host is rebooted, and the instance with it. Addresses and local disks are kept.",
    does: "interrupt",
    clearedBy: ["stop-start", "migrate"],
    movesHost: false,
    losesEphemeral: false,
  },
  "system-maintenance": {
    says: "The network or the power of its host is worked on: it may be cut off or rebooted for a moment.",
    does: "interrupt",
    clearedBy: ["stop-start", "migrate"],
    movesHost: false,
    losesEphemeral: false,
  },
} as const satisfies Record<EventCode, CodeMeaning>;

export interface ScheduledEvent {
  readonly id: string;
  readonly instance: InstanceId;
  readonly code: EventCode;
  readonly notBefore: Instant;
  readonly notAfter: Instant | undefined;
  /** It can be moved to a time before this; undefined: it cannot be moved. */
  readonly deadline: Instant | undefined;
  readonly state: "active" | "completed" | "canceled";
}
