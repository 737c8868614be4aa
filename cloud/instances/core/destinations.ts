/**
 * Whether a running guest can go on with another host, as far as that host is concerned.
 *
 * A guest keeps what it was started with: processor, machine and devices. The destination must be able to
 * go on with all of it, so it may be newer than the source and never older. Room is not asked for here.
 */
import type { HostFacts } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";

export interface Candidate {
  readonly id: HostId;
  readonly name: string;
  readonly state: "up" | "suspect" | "down";
  readonly mode: "enabled" | "draining" | "maintenance";
  readonly pools: readonly string[];
  readonly facts: Partial<HostFacts>;
}

export interface Departing {
  readonly source: Candidate;
  /** The pool of its root volume. */
  readonly pool: string;
  /** It has volumes besides its root on the disks of its host. */
  readonly hasLocalData: boolean;
  /** Hosts that have not yet removed a copy of its volume from an earlier move. */
  readonly leftovers: readonly HostId[];
}

/**
 * Why it stays where it is, wherever it was to go, in words that go on from "It cannot be moved while it runs: ".
 * `snapshots`: of its volumes, on the disks of its host.
 */
export function staysFor(snapshots: number): string | undefined {
  if (snapshots === 0) return undefined;
  return snapshots === 1
    ? "a snapshot of it lies on the disks of its host, and would be lost because snapshots are not copied along"
    : `${snapshots} snapshots of it lie on the disks of its host, and would be lost because snapshots are not copied along`;
}

/** Why not, in words that go on from "It cannot go to host-2: "; undefined where nothing speaks against it. */
export function unsuitable(
  { source, pool, hasLocalData, leftovers }: Departing,
  candidate: Candidate,
): string | undefined {
  if (candidate.id === source.id) return "it is there already";
  if (candidate.state !== "up") return `that host is ${candidate.state}`;
  if (candidate.mode !== "enabled") return `that host is ${inWords[candidate.mode]}`;
  if (leftovers.includes(candidate.id))
    return "that host has not yet removed the copy of its volume which an earlier move left there";
  if (hasLocalData)
    return `it has volumes on the disks of ${source.name}, and only root volumes are copied along`;
  return poolMissing(pool, source, candidate) ?? olderThan(source, candidate);
}

const inWords = { draining: "being emptied", maintenance: "in maintenance" } as const;

function poolMissing(pool: string, source: Candidate, candidate: Candidate): string | undefined {
  if (pool !== "local")
    return candidate.pools.includes(pool)
      ? undefined
      : `that host does not reach the pool ${pool}, which its volume is in`;
  const mute = [source, candidate].find(({ facts }) => facts.migration?.mirrors === false);
  return mute && `its volume is on the disks of ${source.name}, and ${mute.name} cannot copy those`;
}

function olderThan({ name, facts }: Candidate, candidate: Candidate): string | undefined {
  const [here, there] = [facts.acceleration?.kind, candidate.facts.acceleration?.kind];
  if (here && there && here !== there)
    return `guests run with ${there} there, and with ${here} on ${name}`;
  const [mine, theirs] = [facts.hypervisor, candidate.facts.hypervisor];
  if (mine && theirs && isOlder(theirs, mine))
    return `that host has ${theirs}, which is older than ${mine} on ${name}`;
  const flags = candidate.facts.cpu?.flags;
  const missing = flags && facts.cpu?.flags.filter((flag) => !flags.includes(flag));
  if (here !== "kvm" || !missing?.length) return undefined; // What is emulated is the same everywhere.
  const some = missing.slice(0, 5).join(", ") + (missing.length > 5 ? ", …" : "");
  return `its processor has no ${some}, as that of ${name} has`;
}

/** By the first number with dots in each. What has none is not compared. */
function isOlder(one: string, other: string): boolean {
  const [a, b] = [versionOf(one), versionOf(other)];
  if (!a || !b) return false;
  const place = a.findIndex((part, index) => part !== (b[index] ?? 0));
  return place >= 0 ? (a[place] ?? 0) < (b[place] ?? 0) : a.length < b.length;
}

function versionOf(text: string): readonly number[] | undefined {
  const [found] = /\d+(?:\.\d+)+/.exec(text) ?? [];
  return found?.split(".").map(Number);
}
