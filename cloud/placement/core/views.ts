/**
 * The views that are in use, by kind of request and by setting of the factors.
 *
 * A view is made when a kind of request first comes, and dropped when it is the one that was used
 * least recently and there are too many. Either changes how long a choice takes, never which it is.
 */
import type { Fleet } from "./fleet.ts";
import type { Factors, Planner } from "./model.ts";
import { nothing } from "./nodes.ts";
import { Outlook } from "./outlook.ts";
import { type Kind, View } from "./view.ts";

/**
 * All views together cover no more than this many slots, about 200 MB. At 100,000 hosts that is 40
 * kinds of request. With more kinds in constant use each choice would rebuild a view: slow, so raise it.
 */
const defaultMostSlots = 4_000_000;
const fewestViews = 16;
/** Settings change rarely; two at a time (before and after, while an explanation asks) is already odd. */
const mostSettings = 4;

/** A kind of request, and where to look. */
export type Wanted = Kind & {
  readonly zone: string | undefined;
  /** Which zones to look in, of those that the request allows. Undefined: in all of them. */
  readonly isInZone?: ((zone: string) => boolean) | undefined;
};

interface Used {
  lastUse: number;
}

interface KeptView extends Used {
  readonly view: View;
  readonly drop: () => void;
}

/** Some views by their tags: one by the tag itself, because text that is put together anew is slow to find. */
type Family = Map<string, KeptView>;

/** One setting of the factors, and the views under it. */
interface Setting extends Used {
  readonly outlook: Outlook;
  readonly healthy: Readonly<Record<Planner, Family>>;
  readonly worrying: Readonly<Record<Planner, Family>>;
}

export class Views {
  readonly #fleet: Fleet;
  readonly #mostSlots: number;
  #settings: Setting[] = [];
  /** No fewer than there are. */
  #counted = 0;
  /** Counts up, to know what was used least recently. */
  #uses = 0;

  constructor(fleet: Fleet, mostSlots = defaultMostSlots) {
    this.#fleet = fleet;
    this.#mostSlots = mostSlots;
  }

  /** How many there are. */
  get size(): number {
    return this.#all().length;
  }

  /** The slot of the first host with room for this that is accepted, in one zone or in any, or -1. */
  find(
    wanted: Wanted,
    cpus: number,
    memoryMiB: number,
    factors: Factors,
    accept: ((slot: number) => boolean) | undefined,
  ): number {
    this.#fleet.settle();
    const setting = this.#settingOf(factors);
    setting.outlook.catchUp();
    const view = this.#viewOf(setting, wanted);
    const { places } = this.#fleet;
    const { zone, isInZone } = wanted;
    if (zone !== undefined) {
      const number = isInZone?.(zone) === false ? undefined : places.numberOf(zone);
      return number === undefined ? nothing : view.find(number, cpus, memoryMiB, accept);
    }
    let best = nothing;
    for (const { name, number } of places.zones) {
      if (isInZone?.(name) === false) continue;
      const found = view.find(number, cpus, memoryMiB, accept);
      if (found !== nothing && (best === nothing || view.prefers(found, best))) best = found;
    }
    return best;
  }

  #viewOf(setting: Setting, wanted: Wanted): View {
    const { planner, tags, isHealthy } = wanted;
    const family = (isHealthy ? setting.healthy : setting.worrying)[planner];
    const key = tags.length > 1 ? [...tags].sort().join("\n") : (tags[0] ?? "");
    const kept = family.get(key) ?? this.#make(setting, wanted, family, key);
    kept.lastUse = ++this.#uses;
    return kept.view;
  }

  #make({ outlook }: Setting, { planner, tags, isHealthy }: Wanted, family: Family, key: string) {
    this.#makeRoom();
    const view = new View(this.#fleet, outlook, { planner, tags: [...tags], isHealthy });
    const kept: KeptView = { view, drop: () => family.delete(key), lastUse: 0 };
    family.set(key, kept);
    return kept;
  }

  #makeRoom(): void {
    const most = Math.max(fewestViews, this.#mostSlots / Math.max(1, this.#fleet.slots));
    if (++this.#counted < most) return; // Counting them all for each new one would be quadratic.
    const all = this.#all();
    this.#counted = all.length;
    if (all.length >= most) leastUsed(all)?.drop();
  }

  #all(): readonly KeptView[] {
    return this.#settings.flatMap(({ healthy, worrying }) =>
      [...Object.values(healthy), ...Object.values(worrying)].flatMap((family) => [
        ...family.values(),
      ]),
    );
  }

  #settingOf(factors: Factors): Setting {
    const known = this.#settings.find(({ outlook }) => outlook.isUnder(factors));
    const setting = known ?? this.#newSetting(factors);
    setting.lastUse = ++this.#uses;
    return setting;
  }

  #newSetting(factors: Factors): Setting {
    const oldest = leastUsed(this.#settings);
    if (this.#settings.length >= mostSettings)
      this.#settings = this.#settings.filter((setting) => setting !== oldest);
    const setting: Setting = {
      outlook: new Outlook(this.#fleet, factors),
      healthy: families(),
      worrying: families(),
      lastUse: 0,
    };
    this.#settings.push(setting);
    return setting;
  }
}

const families = (): Record<Planner, Family> => ({
  "first-fit": new Map(),
  "best-fit": new Map(),
  spread: new Map(),
});

function leastUsed<T extends Used>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>(
    (oldest, one) => (oldest && oldest.lastUse <= one.lastUse ? oldest : one),
    undefined,
  );
}
