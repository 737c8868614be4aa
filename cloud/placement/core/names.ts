/**
 * Name order as numbers: each slot of the fleet has a label, and a smaller label is an earlier name.
 *
 * Comparing numbers is what makes ties cheap, and on a new fleet nearly every comparison is a tie. A
 * newcomer gets a label between its neighbours, so nobody else's changes; when there is no number left
 * between two neighbours, all get new ones and whoever kept an order by the old ones must start again.
 */
export class NameOrder {
  #labels = new Float64Array(64);
  #sorted: readonly number[] = [];
  readonly #newcomers = new Set<number>();
  readonly #leavers = new Set<number>();

  join(slot: number): void {
    this.#newcomers.add(slot);
  }

  leave(slot: number): void {
    if (!this.#newcomers.delete(slot)) this.#leavers.add(slot);
  }

  /** Nobody came or went since the last time. */
  get isSettled(): boolean {
    return this.#newcomers.size + this.#leavers.size === 0;
  }

  /** By slot. Valid after `settle`, until the next. */
  get labels(): Float64Array {
    return this.#labels;
  }

  /** Slots in name order. Valid after `settle`. */
  get sorted(): readonly number[] {
    return this.#sorted;
  }

  /**
   * Gives the newcomers their labels. Linear in the fleet when somebody came or went, free otherwise.
   * Returns false if everybody's label changed.
   */
  settle(compare: (a: number, b: number) => number): boolean {
    if (this.isSettled) return true;
    const stayed = this.#sorted.filter((slot) => !this.#leavers.has(slot));
    const arrived = [...this.#newcomers].sort(compare);
    this.#newcomers.clear();
    this.#leavers.clear();
    for (const slot of arrived) this.#makeRoomFor(slot);

    const merged: number[] = [];
    let next = 0;
    let fits = true;
    for (const right of [...stayed, undefined]) {
      const left = merged.at(-1);
      const run: number[] = [];
      for (let slot = arrived[next]; slot !== undefined; slot = arrived[++next]) {
        if (right !== undefined && compare(slot, right) > 0) break;
        run.push(slot);
      }
      if (run.length > 0) fits = this.#spaceOut(left, run, right) && fits;
      for (const slot of run) merged.push(slot);
      if (right !== undefined) merged.push(right);
    }
    this.#sorted = merged;
    if (!fits) for (const [index, slot] of merged.entries()) this.#labels[slot] = index;
    return fits;
  }

  /** Labels at equal distances between two neighbours; false if floating point has no room for them. */
  #spaceOut(left: number | undefined, run: readonly number[], right: number | undefined): boolean {
    const low = left === undefined ? undefined : (this.#labels[left] ?? 0);
    const high = right === undefined ? undefined : (this.#labels[right] ?? 0);
    const from = low ?? (high ?? 0) - run.length - 1;
    const to = high ?? from + run.length + 1;
    let last = from;
    for (const [index, slot] of run.entries()) {
      const label = from + ((to - from) * (index + 1)) / (run.length + 1);
      if (!(label > last && label < to)) return false;
      this.#labels[slot] = label;
      last = label;
    }
    return true;
  }

  #makeRoomFor(slot: number): void {
    if (slot < this.#labels.length) return;
    const labels = new Float64Array(Math.max(slot + 1, this.#labels.length * 2));
    labels.set(this.#labels);
    this.#labels = labels;
  }
}
