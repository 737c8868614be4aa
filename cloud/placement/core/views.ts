/**
 * The views that are in use, by kind of request and by setting of the factors.
 *
 * A view is made when a kind of request first comes, and dropped when it is the one that was used
 * least recently and there are too many. Either changes how long a choice takes, never which it is.
 */
import type { Fleet } from "./fleet.ts";
import type { Factors } from "./model.ts";
import { nothing } from "./nodes.ts";
import { Outlook } from "./outlook.ts";
import { type Kind, View } from "./view.ts";

/**
 * All views together cover no more than this many slots, about 200 MB. At 100,000 hosts that is 80
 * kinds of request. With more kinds in constant use each choice would rebuild a view: slow, so raise it.
 */
const defaultMostSlots = 8_000_000;
const fewestViews = 16;
/** Settings change rarely; two at a time (before and after, while an explanation asks) is already odd. */
const mostSettings = 4;

/** A kind of request, before it is known in which zone to look. */
export type Wanted = Omit<Kind, "zone"> & {
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

/** One setting of the factors, and the views under it: by everything but the zone, then by zone. */
interface Setting extends Used {
  readonly outlook: Outlook;
  readonly families: Map<string, Map<string, KeptView>>;
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
    const family = familyOf(setting, wanted);
    const { zone, isInZone } = wanted;
    if (zone !== undefined) {
      if (isInZone?.(zone) === false) return nothing;
      return this.#viewOf(setting, family, wanted, zone).find(cpus, memoryMiB, accept);
    }
    let best: View | undefined;
    let found = nothing;
    for (const each of this.#fleet.zones) {
      if (isInZone?.(each) === false) continue;
      const view = this.#viewOf(setting, family, wanted, each);
      const slot = view.find(cpus, memoryMiB, accept);
      if (slot === nothing || (best && !view.prefers(slot, best, found))) continue;
      best = view;
      found = slot;
    }
    return found;
  }

  #viewOf(
    setting: Setting,
    family: Map<string, KeptView>,
    { planner, tags, isHealthy }: Wanted,
    zone: string,
  ): View {
    let kept = family.get(zone);
    if (!kept) {
      this.#makeRoomFor(family);
      const kind = { planner, tags: [...tags], isHealthy, zone };
      const view = new View(this.#fleet, setting.outlook, kind);
      kept = { view, drop: () => family.delete(zone), lastUse: 0 };
      family.set(zone, kept);
    }
    kept.lastUse = ++this.#uses;
    return kept.view;
  }

  #makeRoomFor(family: Map<string, KeptView>): void {
    const most = Math.max(fewestViews, this.#mostSlots / Math.max(1, this.#fleet.slots));
    if (++this.#counted < most) return; // Counting them all for each new one would be quadratic.
    const all = this.#all();
    this.#counted = all.length;
    if (all.length < most) return;
    leastUsed(all)?.drop();
    for (const { families } of this.#settings)
      for (const [key, other] of families)
        if (other.size === 0 && other !== family) families.delete(key);
  }

  #all(): readonly KeptView[] {
    return this.#settings.flatMap(({ families }) =>
      [...families.values()].flatMap((family) => [...family.values()]),
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
    const setting = { outlook: new Outlook(this.#fleet, factors), families: new Map(), lastUse: 0 };
    this.#settings.push(setting);
    return setting;
  }
}

function familyOf({ families }: Setting, { planner, isHealthy, tags }: Wanted) {
  const all = tags.length > 1 ? [...tags].sort().join("\n") : (tags[0] ?? "");
  const key = `${planner} ${isHealthy} ${all}`;
  const known = families.get(key);
  if (known) return known;
  const family = new Map<string, KeptView>();
  families.set(key, family);
  return family;
}

function leastUsed<T extends Used>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>(
    (oldest, one) => (oldest && oldest.lastUse <= one.lastUse ? oldest : one),
    undefined,
  );
}
