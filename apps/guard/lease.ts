/**
 * The lease as a guard knows it: what it was last told, and until when it holds. Pure.
 *
 * It runs from when the renewal was *sent*, which the manager can only have handled later. So this host
 * gives up before any manager does, however long a message was under way.
 */
import { type Renewed, readRenewed } from "@holdfast/cloud/agent";

/** What a guard must know of a host to act for it, and goes on knowing when it is restarted. */
export interface Lease extends Omit<Renewed, "say" | "agentPid"> {
  /** The boot of the host whose steady clock `sentAt` is on. */
  readonly clockId: string;
}

export const expiresAt = (lease: Lease | undefined) =>
  lease ? lease.sentAt + lease.lease : Number.NEGATIVE_INFINITY;

/**
 * What is known after a renewal. One that was sent earlier may arrive later, and never shortens what is
 * held; one from the future is not believed and counts from now.
 */
export function renewed(known: Lease | undefined, fresh: Lease, now: number): Lease {
  const sentAt = Math.min(fresh.sentAt, now);
  // A host that joined another cloud begins to count anew.
  const isSame = known?.clockId === fresh.clockId && known.host === fresh.host;
  if (!known || !isSame || fresh.epoch > known.epoch) return { ...fresh, sentAt };
  if (fresh.epoch < known.epoch || sentAt < known.sentAt) return known;
  return { ...fresh, sentAt };
}

export const writeLease = (lease: Lease) =>
  JSON.stringify({ say: "renewed", agentPid: 0, ...lease });

/**
 * What an earlier guard of the same boot wrote down. A lease is for one boot: nothing of an earlier one is
 * running, and a guard that went on renewing it would have the books say that its guests are well. Only
 * the agent can say hello for the new one.
 */
export function readLease(text: string, clockId: string, now: number): Lease | undefined {
  const said = readRenewed(text);
  if (!said || (said as Partial<Lease>).clockId !== clockId) return undefined; // Written by writeLease, if by anybody.
  const { say: _, agentPid: __, ...known } = said;
  return { ...known, sentAt: Math.min(known.sentAt, now), clockId };
}
