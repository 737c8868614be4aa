/**
 * The hosts of one view where pods do not matter: those of each zone in one row. First-fit and best-fit.
 */
import type { Arrangement } from "./arrangement.ts";
import type { Fleet } from "./fleet.ts";
import { grown } from "./grown.ts";
import { Nodes, nothing } from "./nodes.ts";
import { type Accept, type Content, type Leaves, Shelf } from "./shelf.ts";

export class Zones implements Arrangement {
  readonly #fleet: Fleet;
  readonly #content: Content;
  /** Shared by the shelves of all zones. */
  readonly #nodes = new Nodes();
  readonly #leaves: Leaves = { at: new Int32Array(0) };
  readonly #shelves: (Shelf | undefined)[] = [];
  /** By slot: the zone in which it stands, which may no longer be the one where the host is. */
  #zones = new Int32Array(0);

  constructor(fleet: Fleet, content: Content) {
    this.#fleet = fleet;
    this.#content = content;
  }

  makeRoomFor(slots: number): void {
    this.#leaves.at = grown(this.#leaves.at, new Int32Array(slots).fill(nothing));
    this.#zones = grown(this.#zones, new Int32Array(slots));
  }

  fill(slots: readonly number[]): void {
    const byZone: number[][] = [];
    for (const slot of slots) {
      const zone = this.#zoneOf(slot);
      this.#zones[slot] = zone;
      byZone[zone] ??= [];
      byZone[zone].push(slot);
    }
    for (const [zone, those] of byZone.entries()) if (those) this.#shelf(zone).fill(those);
  }

  add(slot: number): void {
    const zone = this.#zoneOf(slot);
    this.#zones[slot] = zone;
    this.#shelf(zone).add(slot);
  }

  remove(slot: number): void {
    this.#shelf(this.#zones[slot] ?? 0).remove(slot);
  }

  /** It may give more than before, and stands where it did: with an order that does not depend on it, this is enough. */
  raise(slot: number): void {
    this.#shelf(this.#zones[slot] ?? 0).raise(slot);
  }

  settle(): void {}

  remeasure(): void {
    for (const shelf of this.#shelves) shelf?.remeasure();
  }

  first(zone: number, column: number, least: number, accept?: Accept): number {
    return this.#shelves[zone]?.first(column, least, accept) ?? nothing;
  }

  isBefore(a: number, b: number): boolean {
    const { key, before } = this.#content;
    const [ours, theirs] = [key(a), key(b)];
    return ours === theirs ? before(a, b) : ours < theirs;
  }

  #zoneOf(slot: number): number {
    return this.#fleet.places.zoneOf(this.#fleet.podAt(slot));
  }

  #shelf(zone: number): Shelf {
    let shelf = this.#shelves[zone];
    if (!shelf) {
      shelf = new Shelf(this.#content, this.#nodes, this.#leaves);
      this.#shelves[zone] = shelf;
    }
    return shelf;
  }
}
