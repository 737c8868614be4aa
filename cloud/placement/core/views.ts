/**
 * The views that are in use, by kind of request and by setting of the factors.
 *
 * A view is made when a kind of request first comes, and dropped when it is the one that was used
 * least recently and there are too many. Either changes how long a choice takes, never which it is.
 */
import type { Fleet } from "./fleet.ts";
import type { Factors } from "./model.ts";
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

interface Used {
  lastUse: number;
}

interface KeptView extends Used {
  readonly key: string;
  readonly view: View;
}

/** One setting of the factors, and the views under it. */
interface Setting extends Used {
  readonly outlook: Outlook;
  readonly views: Map<string, KeptView>;
}

export class Views {
  readonly #fleet: Fleet;
  readonly #mostSlots: number;
  #settings: Setting[] = [];
  /** Counts up, to know what was used least recently. */
  #uses = 0;

  constructor(fleet: Fleet, mostSlots = defaultMostSlots) {
    this.#fleet = fleet;
    this.#mostSlots = mostSlots;
  }

  get count(): number {
    return this.#settings.reduce((sum, { views }) => sum + views.size, 0);
  }

  /** The view for this kind of request under these factors; it and its outlook see the fleet as it is. */
  viewOf(kind: Kind, factors: Factors): View {
    this.#fleet.settle();
    const setting = this.#settingOf(factors);
    setting.outlook.catchUp();
    const key = keyOf(kind);
    const kept = setting.views.get(key) ?? this.#newView(setting, key, kind);
    kept.lastUse = ++this.#uses;
    return kept.view;
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
    const setting = { outlook: new Outlook(this.#fleet, factors), views: new Map(), lastUse: 0 };
    this.#settings.push(setting);
    return setting;
  }

  #newView(setting: Setting, key: string, kind: Kind): KeptView {
    const kept = this.#settings.flatMap(({ views }) => [...views.values()]);
    const most = Math.max(fewestViews, this.#mostSlots / Math.max(1, this.#fleet.slots));
    const oldest = leastUsed(kept);
    if (oldest && kept.length >= most)
      for (const { views } of this.#settings)
        if (views.get(oldest.key) === oldest) views.delete(oldest.key);
    const ours = { ...kind, tags: [...kind.tags] };
    const view = { key, view: new View(this.#fleet, setting.outlook, ours), lastUse: 0 };
    setting.views.set(key, view);
    return view;
  }
}

/** Newlines and `=` keep apart what is wanted and what is not; no name of a zone or tag has a newline. */
function keyOf({ planner, isHealthy, zone, tags }: Kind): string {
  const wanted = tags.length > 1 ? [...tags].sort().join("\n") : (tags[0] ?? "");
  return `${planner}\n${isHealthy}\n${zone === undefined ? "" : `=${zone}`}\n${wanted}`;
}

function leastUsed<T extends Used>(all: readonly T[]): T | undefined {
  return all.reduce<T | undefined>(
    (oldest, one) => (oldest && oldest.lastUse <= one.lastUse ? oldest : one),
    undefined,
  );
}
