/**
 * The zones and pods of a fleet as small numbers, and how many hosts each pod has.
 *
 * Numbers are what an index can be kept by without asking a name each time. They are never given to
 * another place, so who remembers one may use it; a pod that comes back has its old one.
 */
export interface Zone {
  readonly name: string;
  readonly number: number;
  readonly pods: Map<string, number>;
  /** How many pods have hosts. */
  inUse: number;
}

export class Places {
  readonly #zones = new Map<string, Zone>();
  #inUse: readonly Zone[] = [];
  readonly #zoneOf: Zone[] = [];
  readonly #hostsIn: number[] = [];
  readonly #podNames: string[] = [];

  /** The zones that have hosts. */
  get zones(): readonly Zone[] {
    return this.#inUse;
  }

  /** How many pods of this zone have hosts. */
  podsIn(zone: string): number {
    return this.#zones.get(zone)?.inUse ?? 0;
  }

  /** Undefined for a zone that never had a host. */
  numberOf(zone: string): number | undefined {
    return this.#zones.get(zone)?.number;
  }

  /** The number of the zone in which a pod is. */
  zoneOf(pod: number): number {
    return this.#zoneOf[pod]?.number ?? 0;
  }

  /** By this pods with the same weight stand in order; zone and pod, since two zones may each have a `pod-1`. */
  nameOf(pod: number): string {
    return this.#podNames[pod] ?? "";
  }

  /** One more host in this pod. Returns its number. */
  enter(zone: string, pod: string): number {
    const known = this.#zones.get(zone);
    const its = known ?? {
      name: zone,
      number: this.#zones.size,
      pods: new Map<string, number>(),
      inUse: 0,
    };
    if (!known) this.#zones.set(zone, its);
    const number = its.pods.get(pod) ?? this.#newPod(its, zone, pod);
    const hosts = (this.#hostsIn[number] ?? 0) + 1;
    this.#hostsIn[number] = hosts;
    if (hosts === 1) this.#use(its, 1);
    return number;
  }

  /** One host fewer in this pod. */
  leave(pod: number): void {
    const hosts = (this.#hostsIn[pod] ?? 0) - 1;
    this.#hostsIn[pod] = hosts;
    const zone = this.#zoneOf[pod];
    if (zone && hosts === 0) this.#use(zone, -1);
  }

  #use(zone: Zone, by: 1 | -1): void {
    zone.inUse += by;
    this.#inUse = [...this.#zones.values()].filter(({ inUse }) => inUse > 0);
  }

  #newPod(its: Zone, zone: string, pod: string): number {
    const number = this.#podNames.push(`${zone}/${pod}`) - 1;
    this.#zoneOf.push(its);
    its.pods.set(pod, number);
    return number;
  }
}
