/**
 * All that an inquest may rest on, from the host that had the machine and from the managers.
 *
 * Absent means that it was not seen, and nothing else: no report is no proof that a process ended, and an
 * exit code of 0 is no proof that it ended well (a panic and a SIGTERM both give it).
 */
import type { ExitReport } from "@holdfast/cloud/hosts";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";

export interface Evidence {
  readonly instance: InstanceId;
  readonly generation: number;
  readonly host: { readonly id: HostId; readonly name: string };
  /** When the platform took it for ended. With a report, that has the better moment. */
  readonly at: Instant;
  /** What its host reported of the end. */
  readonly report?: ExitReport;
  /** Who wanted it ended, when it ended. */
  readonly asked?: Asked;
  /** The platform had given it up by itself: its start was not confirmed in time. */
  readonly overdueSince?: Instant;
  /** Its host was being emptied. */
  readonly maintenance?: { readonly at: Instant; readonly mode: "draining" | "maintenance" };
  /** The paper that says that nothing of its host's epoch can still run. */
  readonly fence?: Fence;
  /** It was being moved, and that went wrong. */
  readonly migration?: {
    readonly at: Instant;
    readonly from: string;
    readonly to: string;
    readonly says: string;
  };
}

export interface Asked {
  /** `relaunch`: to be ended and started anew. */
  readonly verb: "stop" | "destroy" | "relaunch";
  readonly at?: Instant;
  readonly actor?: string;
  readonly job?: string;
}

/** A fence certificate, as far as the dead are concerned. */
export interface Fence {
  readonly id: string;
  readonly proof: "power-off" | "watchdog" | "boot-id" | "storage-cut" | "attested";
  readonly silentSince: Instant;
  readonly provenAt: Instant;
  /** The manager that wrote it. */
  readonly manager: string;
}

/** The moment of the end: what its host says if that was there, otherwise what the managers concluded. */
export function endOf({ report, fence, at }: Evidence): Instant {
  if (report && report.status !== "unrecorded") return report.at as Instant; // An instant of its host.
  return fence?.silentSince ?? at;
}
