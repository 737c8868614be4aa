/** What a pass is given: everything that is waiting. */
import type { MachineReport, VolumeReport } from "@holdfast/cloud/hosts";
import type { NewJob } from "@holdfast/cloud/jobs/edge";
import type { HostId, InstanceId, MigrationId } from "@holdfast/kernel/ids";
import type { MoveOrder, Order } from "../core/command.ts";
import type { Birth } from "./births.ts";

export interface Work {
  readonly births: readonly Birth[];
  readonly orders: readonly Asked[];
  readonly reports: readonly HostReport[];
  readonly volumes: readonly (VolumeReport & { readonly host: HostId })[];
  /** Instances to look at for whatever reason. */
  readonly looks: readonly InstanceId[];
  /** Also take what is due, at most this many. */
  readonly due: number;
}

export interface Asked {
  readonly instance: InstanceId;
  readonly order: Order | { readonly verb: "migrate"; readonly move: MoveAsked };
  readonly job: NewJob;
  readonly actor: string;
}

export interface HostReport {
  readonly host: HostId;
  readonly epoch: number;
  readonly report: MachineReport;
}

/** A request to move an instance, as it comes to a pass. */
export interface MoveAsked extends MoveOrder {
  readonly id: MigrationId;
  /** Undefined: wherever there is room. */
  readonly to: HostId | undefined;
  /** For whoever reads of it later: `maintenance of host-1`. */
  readonly why: string;
  readonly bytesPerSecond: number | undefined;
  readonly mayPostcopy: boolean;
  readonly network: string | undefined;
}
