/**
 * On which hosts the members of anti-affinity groups are.
 *
 * Known from two sides: as told from outside, which replaces what was told before; and those of open
 * reservations, of which a host may have several. A host is taken by either.
 */
import type { HostId } from "@holdfast/kernel/ids";

interface Group {
  told: Set<HostId>;
  /** How many open reservations, by host. */
  readonly joining: Map<HostId, number>;
  /** Both together: asked for each choice, and changed one by one. */
  hosts: Set<HostId>;
}

export class Groups {
  readonly #groups = new Map<string, Group>();

  /** The hosts with a member. It changes with the group: look, and do not keep it. */
  hostsOf(name: string | undefined): ReadonlySet<HostId> {
    return (name !== undefined && this.#groups.get(name)?.hosts) || nobody;
  }

  /** Where the members are, all of them but those of open reservations. */
  tell(name: string, hosts: Iterable<HostId>): void {
    const group = this.#ensure(name);
    group.told = new Set(hosts);
    group.hosts = new Set([...group.told, ...group.joining.keys()]);
    this.#dropEmpty(name, group);
  }

  join(name: string, host: HostId): void {
    const { joining, hosts } = this.#ensure(name);
    joining.set(host, (joining.get(host) ?? 0) + 1);
    hosts.add(host);
  }

  leave(name: string, host: HostId): void {
    const group = this.#groups.get(name);
    if (!group) return;
    const left = (group.joining.get(host) ?? 0) - 1;
    if (left > 0) group.joining.set(host, left);
    else group.joining.delete(host);
    if (left <= 0 && !group.told.has(host)) group.hosts.delete(host);
    this.#dropEmpty(name, group);
  }

  /** Who was about to join is a member now, until others are told. */
  confirm(name: string, host: HostId): void {
    const group = this.#ensure(name);
    group.told.add(host);
    this.leave(name, host);
  }

  #ensure(name: string): Group {
    const known = this.#groups.get(name);
    if (known) return known;
    const group: Group = { told: new Set(), joining: new Map(), hosts: new Set() };
    this.#groups.set(name, group);
    return group;
  }

  #dropEmpty(name: string, { hosts }: Group): void {
    if (hosts.size === 0) this.#groups.delete(name);
  }
}

const nobody: ReadonlySet<HostId> = new Set();
