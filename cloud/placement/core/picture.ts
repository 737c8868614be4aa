/**
 * The capacity of all hosts, in memory, ready to be chosen from.
 *
 * A picture may be wrong for a moment: other managers place too. The database has the last word, and
 * the next `upsert` makes the picture right. So: `reserve` before the transaction, then `confirm` when
 * it committed or `release` when it did not. What is released was reserved, exactly once, because both
 * take the receipt and not numbers.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { Fleet } from "./fleet.ts";
import { Groups } from "./groups.ts";
import type { Factors, HostCapacity } from "./model.ts";
import { Views, type Wanted } from "./views.ts";

/** How much of a host something takes; a request for a place is one of these. */
export interface Size {
  readonly cpus: number;
  readonly memoryMiB: number;
  readonly antiAffinityGroup?: string | undefined;
}

/** The receipt for capacity that is held on a host. */
export interface Reservation extends Size {
  readonly host: HostId;
}

export class Picture {
  readonly #fleet = new Fleet();
  readonly #groups = new Groups();
  readonly #held = new Set<Reservation>();
  readonly #views = new Views(this.#fleet);

  get size(): number {
    return this.#fleet.size;
  }

  /** How many choices are held and neither confirmed nor released. */
  get held(): number {
    return this.#held.size;
  }

  /**
   * Adds a host, or replaces what was known of it, including the sums that it has given out. Returns whether
   * that was anything new.
   */
  upsert(host: HostCapacity): boolean {
    return this.#fleet.upsert(host);
  }

  /** Forgets a host, and what was held on it. */
  remove(id: HostId): void {
    for (const reservation of this.#held) {
      if (reservation.host === id) this.release(reservation);
    }
    this.#fleet.remove(id);
  }

  /** Says where the members of an anti-affinity group are, all of them, as the database knows it. */
  setMembers(group: string, hosts: Iterable<HostId>): void {
    this.#groups.tell(group, hosts);
  }

  /**
   * Holds capacity on a host for a choice that is not yet committed. It does not ask whether it fits:
   * `choose` did. Undefined if the host is not known.
   */
  reserve(host: HostId, { cpus, memoryMiB, antiAffinityGroup }: Size): Reservation | undefined {
    const slot = this.#fleet.slotOf(host);
    if (slot === undefined) return undefined;
    const reservation: Reservation = { host, cpus, memoryMiB, antiAffinityGroup };
    this.#held.add(reservation);
    this.#fleet.hold(slot, cpus, memoryMiB);
    if (antiAffinityGroup !== undefined) this.#groups.join(antiAffinityGroup, host);
    return reservation;
  }

  /** Gives back what was held: the transaction failed. A second time does nothing and says false. */
  release(reservation: Reservation): boolean {
    if (!this.#held.delete(reservation)) return false;
    const { host, cpus, memoryMiB, antiAffinityGroup } = reservation;
    const slot = this.#fleet.slotOf(host);
    if (slot !== undefined) this.#fleet.hold(slot, -cpus, -memoryMiB);
    if (antiAffinityGroup !== undefined) this.#groups.leave(antiAffinityGroup, host);
    return true;
  }

  /**
   * The transaction committed: from now on this is part of the sums and members that come from
   * outside, and the next `upsert` and `setMembers` replace it. A second time does nothing.
   */
  confirm(reservation: Reservation): boolean {
    if (!this.#held.delete(reservation)) return false;
    const { host, cpus, memoryMiB, antiAffinityGroup } = reservation;
    const slot = this.#fleet.slotOf(host);
    if (slot !== undefined) this.#fleet.confirm(slot, cpus, memoryMiB);
    if (antiAffinityGroup !== undefined) this.#groups.confirm(antiAffinityGroup, host);
    return true;
  }

  /** The host with all that it has given out, held capacity included. */
  find(id: HostId): HostCapacity | undefined {
    const slot = this.#fleet.slotOf(id);
    return slot === undefined ? undefined : this.#fleet.nowAt(slot);
  }

  /** The host as it is known from outside, without what is held on it: what `upsert` would have to be told. */
  known(id: HostId): HostCapacity | undefined {
    const slot = this.#fleet.slotOf(id);
    return slot === undefined ? undefined : this.#fleet.knownAt(slot);
  }

  /** All hosts in name order, each as `find` gives it. */
  hosts(): readonly HostCapacity[] {
    this.#fleet.settle();
    const hosts: HostCapacity[] = [];
    for (const slot of this.#fleet.sorted) {
      const host = this.#fleet.nowAt(slot);
      if (host) hosts.push(host);
    }
    return hosts;
  }

  /** The zones that have hosts. */
  zones(): readonly string[] {
    return this.#fleet.places.zones.map(({ name }) => name);
  }

  /** How many pods of this zone have hosts. */
  podsIn(zone: string): number {
    return this.#fleet.places.podsIn(zone);
  }

  /** The hosts with a member of this group, as it is now. Undefined: nobody's group, nobody's hosts. */
  membersOf(group: string | undefined): ReadonlySet<HostId> {
    return this.#groups.hostsOf(group);
  }

  /** Where they are: zone, pod and state are right, the sums may be behind. */
  placesOf(hosts: ReadonlySet<HostId>): readonly HostCapacity[] {
    const found: HostCapacity[] = [];
    for (const id of hosts) {
      const slot = this.#fleet.slotOf(id);
      const host = slot === undefined ? undefined : this.#fleet.hostAt(slot);
      if (host) found.push(host);
    }
    return found;
  }

  /**
   * The first host in the planner's order that suits this kind of request, has this much room under
   * these factors, and is accepted. For `choose`, which knows the rules that are not in the kind. The
   * host that `accept` sees is as it came from outside, without what is held on it.
   */
  firstOf(
    wanted: Wanted,
    { cpus, memoryMiB }: Size,
    factors: Factors,
    accept?: (host: HostCapacity) => boolean,
  ): HostId | undefined {
    const slot = this.#views.find(
      wanted,
      cpus,
      memoryMiB,
      factors,
      accept &&
        ((candidate) => {
          const host = this.#fleet.hostAt(candidate);
          return host !== undefined && accept(host);
        }),
    );
    return this.#fleet.chosen(slot);
  }
}
