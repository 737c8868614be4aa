/**
 * What the agent and the guard of one host say to each other: JSON lines over a local socket.
 *
 * Read by hand and not by a library of shapes, because the guard must stay small. A line that is not
 * understood is undefined and never an error: the other end may be of another version.
 */
import type { GuardReport } from "@holdfast/cloud/hosts";

/** Agent to guard: a manager has answered a heartbeat. All times in milliseconds. */
export interface Renewed {
  readonly say: "renewed";
  /** When the heartbeat was sent, on the steady clock of this machine: the lease runs from there. */
  readonly sentAt: number;
  readonly lease: number;
  readonly killBudget: number;
  readonly watchdog: number;
  readonly host: string;
  readonly epoch: number;
  /** As the agent says it to managers. */
  readonly bootId: string;
  readonly agentPid: number;
  /** `address:port`, any of which may be asked. */
  readonly managers: readonly string[];
  /** Shared pools: name to directory. */
  readonly pools: Readonly<Record<string, string>>;
}

/** Guard to agent, on every change and every second. */
export interface GuardState extends GuardReport {
  readonly say: "state";
  /** The lease is held. */
  readonly isValid: boolean;
  /** Fenceable guests are being ended. Launch none. */
  readonly isQuarantined: boolean;
}

/** A line from an agent, or undefined if it is none that a guard knows. */
export function readRenewed(line: string): Renewed | undefined {
  const said = record(line);
  if (said?.say !== "renewed") return undefined;
  const { sentAt, lease, killBudget, watchdog, host, epoch, bootId, agentPid } = said;
  const numbers = [sentAt, lease, killBudget, watchdog, epoch, agentPid];
  if (!numbers.every((number) => Number.isFinite(number) && Number(number) >= 0)) return undefined;
  if (typeof host !== "string" || typeof bootId !== "string") return undefined;
  if (!Array.isArray(said.managers) || !isRecord(said.pools)) return undefined;
  if (![...said.managers, ...Object.values(said.pools)].every((text) => typeof text === "string"))
    return undefined;
  return said as unknown as Renewed; // Every field has just been looked at.
}

/** A line from a guard, or undefined if it is none that an agent knows. */
export function readGuardState(line: string): GuardState | undefined {
  const said = record(line);
  if (said?.say !== "state" || !isRecord(said.watchdog) || !Array.isArray(said.stamped))
    return undefined;
  const { isValid, isQuarantined, watchdog } = said;
  const booleans = [isValid, isQuarantined, watchdog.isArmed];
  if (!booleans.every((value) => typeof value === "boolean")) return undefined;
  return typeof watchdog.kind === "string" ? (said as unknown as GuardState) : undefined; // Looked at.
}

function record(line: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/**
 * A pause after which a guard that sees the stamps of other hosts move counts that as beginning anew; milliseconds. Longer than what managers take for a gap (`stampGap` of
 * the leases: 3 s), by as much as one can be seen too long: they count from the beginning that they see.
 */
export const beginsAfter = 5_000;
