/**
 * What is done to a world and when, drawn from the seed before it begins: faults, and what its users want.
 *
 * A plan is a list, and every item stands for itself: it names hosts, managers and instances by number and looks at
 * the world only when its moment has come. So items can be taken out, and what is left still means the same.
 */
import type { Random } from "@holdfast/kernel/random";
import { stream } from "./chance.ts";

export interface Item {
  /** Milliseconds after the world has come up. */
  readonly at: number;
  readonly do: Deed;
  /** Which one: a number that is taken modulo of how many there are. */
  readonly on: number;
  readonly other: number;
  /** How long, in milliseconds. */
  readonly lasts: number;
  readonly how: string;
}

export const kindsOfFault = [
  "managers",
  "database",
  "network",
  "hosts",
  "agents",
  "guards",
  "power",
  "storage",
  "guests",
] as const;
export type KindOfFault = (typeof kindsOfFault)[number];

interface Drawing {
  readonly kind: KindOfFault | "work";
  /** How often it is drawn, against the others. */
  readonly weight: number;
  readonly lasts?: readonly [least: number, most: number];
  readonly how?: readonly [string, ...string[]];
}

/** Everything that can be done, and how often it is. */
export const deeds = {
  "manager-dies": {
    kind: "managers",
    weight: 6,
    lasts: [200, 8_000],
    how: ["killed", "killed", "vanished"],
  },
  "manager-freezes": { kind: "managers", weight: 3, lasts: [200, 20_000] },
  "manager-slow": { kind: "managers", weight: 3, lasts: [1_000, 20_000], how: ["5", "30", "100"] },
  "connections-break": { kind: "managers", weight: 3 },
  "database-dies": { kind: "database", weight: 3, lasts: [50, 12_000] },
  "database-slow": { kind: "database", weight: 2, lasts: [1_000, 15_000], how: ["10", "50"] },
  "cable-cut": {
    kind: "network",
    weight: 8,
    lasts: [300, 40_000],
    how: ["both", "both", "up", "down"],
  },
  "cable-flaps": { kind: "network", weight: 2, lasts: [5_000, 20_000] },
  "cable-loses": { kind: "network", weight: 2, lasts: [2_000, 30_000], how: ["50", "200"] },
  "cable-slow": { kind: "network", weight: 2, lasts: [2_000, 20_000], how: ["50", "300"] },
  "room-cut": { kind: "network", weight: 1, lasts: [500, 20_000] },
  "ways-cut": { kind: "network", weight: 1, lasts: [500, 15_000] },
  "host-loses-power": { kind: "hosts", weight: 5, lasts: [500, 40_000] },
  "host-reboots": { kind: "hosts", weight: 4 },
  "host-freezes": { kind: "hosts", weight: 4, lasts: [500, 30_000] },
  "agent-dies": { kind: "agents", weight: 5 },
  "agent-freezes": { kind: "agents", weight: 4, lasts: [500, 30_000] },
  "guard-dies": { kind: "guards", weight: 3 },
  "power-ill": {
    kind: "power",
    weight: 4,
    lasts: [5_000, 60_000],
    how: ["dead", "refuses", "lies", "slow"],
  },
  "storage-hangs": { kind: "storage", weight: 3, lasts: [500, 30_000] },
  "pool-full": { kind: "storage", weight: 1, lasts: [1_000, 20_000] },
  "guest-suffers": {
    kind: "guests",
    weight: 8,
    how: [
      "power-off",
      "panic",
      "reset",
      "hang",
      "killed",
      "crashed",
      "aborted",
      "terminated",
      "frozen",
      "starved",
      "vanished",
      "disk-error",
    ],
  },
  create: {
    kind: "work",
    weight: 10,
    how: ["shared", "shared", "shared", "local", "apart", "three", "volume"],
  },
  start: { kind: "work", weight: 6 },
  stop: { kind: "work", weight: 5, how: ["gently", "force"] },
  reboot: { kind: "work", weight: 4, how: ["gently", "force"] },
  destroy: { kind: "work", weight: 3 },
  recover: { kind: "work", weight: 2 },
  expunge: { kind: "work", weight: 2 },
  migrate: { kind: "work", weight: 6 },
  cancel: { kind: "work", weight: 2 },
  snapshot: { kind: "work", weight: 2 },
  "make-volume": { kind: "work", weight: 2, how: ["shared", "local"] },
  attach: { kind: "work", weight: 3 },
  detach: { kind: "work", weight: 2 },
  "make-network": { kind: "work", weight: 1 },
  maintain: { kind: "work", weight: 2, lasts: [5_000, 30_000] },
  set: { kind: "work", weight: 1, how: ["first-fit", "best-fit", "spread"] },
} as const satisfies Record<string, Drawing>;
export type Deed = keyof typeof deeds;

export interface PlanOptions {
  readonly seed: number;
  readonly faults: readonly KindOfFault[];
  /** How many instances there are about. */
  readonly instances: number;
  /** Milliseconds in which all of it happens. */
  readonly length: number;
  /** How many milliseconds there are between two faults, and between two wishes of users. */
  readonly faultEvery: number;
  readonly wishEvery: number;
}

/** In the order of time. It begins with the instances that there are. */
export function drawPlan(options: PlanOptions): readonly Item[] {
  const faults = stream(options.seed, "faults");
  const wishes = stream(options.seed, "wishes");
  const items: Item[] = [];
  for (let index = 0; index < options.instances; index++)
    items.push(draw(wishes, "create", Math.floor(index * 20)));
  const isWanted = ({ kind }: Drawing) => kind !== "work" && options.faults.includes(kind);
  if (options.faults.length > 0)
    items.push(...drawn(faults, isWanted, options.faultEvery, options.length));
  items.push(...drawn(wishes, ({ kind }) => kind === "work", options.wishEvery, options.length));
  return items.sort((a, b) => a.at - b.at);
}

function drawn(
  random: Random,
  isWanted: (drawing: Drawing) => boolean,
  every: number,
  length: number,
): readonly Item[] {
  const bag = Object.entries<Drawing>(deeds).flatMap(([name, drawing]) =>
    isWanted(drawing) ? Array.from({ length: drawing.weight }, () => name as Deed) : [],
  );
  const items: Item[] = [];
  for (let at = 1_000 + random.below(every); at < length; at += 1 + random.below(2 * every))
    items.push(draw(random, bag[random.below(bag.length)] ?? "create", at));
  return items;
}

function draw(random: Random, name: Deed, at: number): Item {
  const { lasts = [0, 0], how = [""] }: Drawing = deeds[name];
  const [least, most] = lasts;
  // As many short ones as long ones.
  const length = least > 0 ? least * (most / least) ** (random.below(1_000) / 1_000) : 0;
  return {
    at,
    do: name,
    on: random.below(1_000),
    other: random.below(1_000),
    lasts: Math.round(length),
    how: how[random.below(how.length)] ?? "",
  };
}
