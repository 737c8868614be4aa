/**
 * Choosing hosts inside a transaction: what instances need of placement.
 *
 * The picture in memory makes a choice cheap, the row of the host makes it true: capacity is reserved by
 * an update that refuses to go over. When another manager was faster, the choice is `contended`, and
 * the next pass tries with a fresh picture.
 */
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Problem } from "@holdfast/kernel/problem";
import { sqlState, type Transaction } from "@holdfast/store/database";
import type { PlacementRequest } from "../core/model.ts";

export interface Want {
  readonly instance: InstanceId;
  readonly request: PlacementRequest;
}

/** Capacity that changes hands: positive to take, negative to give back. */
export interface Claim {
  readonly host: HostId;
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly group: string | undefined;
}

export type Choice =
  | { readonly host: HostId; readonly epoch: number }
  | { readonly refused: Problem }
  | "contended";

/** The placement of one transaction. Exactly one of `committed` and `abandoned` must follow. */
export interface PlacementSession {
  /** Choose for each, in order, and reserve what was chosen. Call at most once. */
  place(wants: readonly Want[]): Promise<ReadonlyMap<InstanceId, Choice>>;
  /** Give back the capacity of instances that have left their hosts. Call at most once, last. */
  release(claims: readonly Claim[]): Promise<void>;
  committed(): void;
  abandoned(): void;
}

/**
 * When the rows of the chosen hosts say whether there is room. `before`: before anything else is written, and who finds none is `contended`.
 * `meanwhile`: with all that is written, a round trip less; where there is none the transaction fails, which `isContended` knows.
 */
export type Asking = "before" | "meanwhile";

export interface Placer {
  session(sql: Transaction, asking: Asking): PlacementSession;
}

/** What the division by nobody says of which a choice is made that must not fail. */
export const isContended = (error: unknown): boolean => sqlState(error) === "22012";
