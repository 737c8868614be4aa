/**
 * What one piece of work on a host needs next. Pure and level-triggered: it is asked every second with all
 * that is known, remembers nothing, and answers what to change. `[]`: everything is as far as it can be.
 */
import type { HostMode } from "@holdfast/cloud/hosts";
import type { InstanceId } from "@holdfast/kernel/ids";
import { after, type Duration, type Instant } from "@holdfast/kernel/time";
import { type MaintenanceState, maintenanceLife } from "./life.ts";
import { type Fate, fateOf, type Resident, type Work } from "./maintenance.ts";
import { type EventCode, meanings } from "./model.ts";
import { nextIn, type WeekRange } from "./windows.ts";

export interface Maintenance {
  readonly work: Work;
  readonly state: MaintenanceState;
  readonly startsAt: Instant;
  readonly notice: Duration;
  readonly deadline: Instant | undefined;
  readonly endsAt: Instant | undefined;
  readonly obstacles: readonly Obstacle[];
}

export interface Obstacle {
  readonly instance: InstanceId | null;
  readonly name: string;
  readonly says: string;
  readonly fix: string;
}

/** A resident, with what has been done about it so far. */
export interface Lodger extends Resident {
  /** Its event of this work. */
  readonly event: { readonly code: EventCode; readonly hasBegun: boolean } | undefined;
  /** When its owner would rather have it. */
  readonly window: readonly WeekRange[];
  /** A move of it was ordered, and may be tried again from then on. */
  readonly moveAgainAt: Instant | undefined;
}

export interface Worksite {
  readonly maintenance: Maintenance;
  readonly mode: HostMode;
  readonly lodgers: readonly Lodger[];
  /** Names of the networks whose routers are still there. */
  readonly routers: readonly string[];
  readonly now: Instant;
}

export type Step =
  | { readonly do: "become"; readonly state: MaintenanceState }
  | { readonly do: "set-mode"; readonly mode: HostMode }
  | {
      readonly do: "schedule";
      readonly instance: InstanceId;
      readonly code: EventCode;
      readonly says: string;
      readonly notBefore: Instant;
    }
  /** What it said does not happen: it can be moved after all, or becomes another. */
  | { readonly do: "withdraw"; readonly instance: InstanceId; readonly says: string }
  | { readonly do: "move"; readonly instance: InstanceId; readonly to: string | undefined }
  | { readonly do: "obstacles"; readonly obstacles: readonly Obstacle[] };

/** What would be done, or is: the preview. */
export function fatesOf({ maintenance, lodgers, now }: Worksite): readonly Fate[] {
  const { work, deadline } = maintenance;
  const isOverdue = deadline !== undefined && now >= deadline;
  return lodgers.map((lodger) => fateOf(lodger, { work, isOverdue }));
}

export function advance(site: Worksite): readonly Step[] {
  const { maintenance, mode, lodgers, now } = site;
  const { state, work, startsAt, endsAt } = maintenance;
  if (state === "ended") return [];
  const isUnderWay = state !== "planned";
  // Somebody has enabled the host by hand: that is what they want of it now.
  if (isUnderWay && mode === "enabled") return [{ do: "become", state: "ended" }];
  if (work === "interrupt" && endsAt !== undefined && now >= endsAt)
    return [
      { do: "become", state: "ended" },
      ...(isUnderWay ? [{ do: "set-mode", mode: "enabled" } as const] : []),
    ];
  const fates = fatesOf(site);
  const told = lodgers.flatMap((lodger, index) => tell(lodger, fates[index], site));
  if (!isUnderWay) {
    if (now < startsAt) return told;
    const draining = { do: "set-mode", mode: "draining" } as const;
    const begins = { do: "become", state: nextState(state, "due") } as const;
    return [...told, begins, ...(mode === "enabled" ? [draining] : [])];
  }
  if (state === "preparing") {
    const isStarting = lodgers.some((one) => one.state === "starting");
    if (isStarting && !isPastDeadline(maintenance, now)) return told;
    return [...told, { do: "become", state: nextState(state, "ready") }];
  }
  return [...told, ...empty(site, fates)];
}

function empty(site: Worksite, fates: readonly Fate[]): readonly Step[] {
  const { maintenance, mode, lodgers, routers, now } = site;
  const { state, work } = maintenance;
  const moves = lodgers.flatMap((lodger, index): Step[] => {
    const fate = fates[index];
    const isDue = lodger.moveAgainAt === undefined || now >= lodger.moveAgainAt;
    return fate?.does === "migrate" && isDue
      ? [{ do: "move", instance: lodger.id, to: fate.to }]
      : [];
  });
  const left = fates.filter(({ does }) => work !== "interrupt" || does !== "stay");
  const obstacles = obstaclesOf(left, routers, mode);
  const told: Step[] = isSame(obstacles, maintenance.obstacles)
    ? []
    : [{ do: "obstacles", obstacles }];
  if (left.length > 0) return [...moves, ...told, ...become(state, obstacles.length > 0)];
  if (work !== "interrupt" && mode === "draining")
    return [...told, { do: "set-mode", mode: "maintenance" }];
  const isEmpty = work === "interrupt" || routers.length === 0;
  if (isEmpty && state === "in-maintenance") return told;
  if (isEmpty) return [...told, { do: "become", state: nextState(state, "emptied") }];
  return [...told, ...become(state, obstacles.length > 0)];
}

function become(state: MaintenanceState, isObstructed: boolean): readonly Step[] {
  if (state === "in-maintenance") return [{ do: "become", state: nextState(state, "occupied") }];
  if (isObstructed && state === "emptying")
    return [{ do: "become", state: nextState(state, "obstructed") }];
  if (!isObstructed && state === "blocked")
    return [{ do: "become", state: nextState(state, "cleared") }];
  return [];
}

/** Routers leave by themselves once nothing else is there, if another host can have them. */
function obstaclesOf(
  fates: readonly Fate[],
  routers: readonly string[],
  mode: HostMode,
): readonly Obstacle[] {
  const ofInstances = fates.flatMap(({ instance, name, obstacle }) =>
    obstacle ? [{ instance, name, ...obstacle }] : [],
  );
  if (fates.length > 0 || mode !== "maintenance") return ofInstances;
  return routers.map((name) => ({
    instance: null,
    name: `network ${name}`,
    says: "Its router is here, and has not moved yet.",
    fix: "It moves within seconds if another host of its network is up: holdfast networks",
  }));
}

/** An event as its fate has it: none too many, none too few. */
function tell(lodger: Lodger, fate: Fate | undefined, site: Worksite): readonly Step[] {
  const { event, id } = lodger;
  if (!fate || fate.does === "wait" || event?.hasBegun || event?.code === fate.code) return [];
  const withdraw: Step[] = event
    ? [
        {
          do: "withdraw",
          instance: id,
          says: fate.code ? "Another is due instead." : "It can be moved while it runs.",
        },
      ]
    : [];
  if (!fate.code) return withdraw;
  const notBefore = momentFor(lodger, site);
  return [
    ...withdraw,
    { do: "schedule", instance: id, code: fate.code, says: wordsFor(fate.code, fate), notBefore },
  ];
}

/** For its owner, who need not know which hosts there are. */
const wordsFor = (code: EventCode, { losesEphemeral }: Fate) =>
  losesEphemeral
    ? `${meanings[code].says} What is on its ephemeral disks is lost.`
    : meanings[code].says;

/** With notice; in its owner's window if the deadline allows. */
function momentFor({ window }: Lodger, { maintenance, now }: Worksite): Instant {
  const { startsAt, notice, deadline, work } = maintenance;
  if (work === "interrupt") return later(startsAt, now);
  const earliest = later(startsAt, after(now, notice));
  if (deadline === undefined) return earliest;
  const wished = nextIn(window, earliest);
  if (wished < deadline) return wished;
  return Math.min(earliest, deadline) as Instant; // The earlier of two instants is one.
}

const later = (a: Instant, b: Instant) => Math.max(a, b) as Instant; // The same.

const isPastDeadline = ({ deadline }: Maintenance, now: Instant) =>
  deadline !== undefined && now >= deadline;

function nextState(
  state: MaintenanceState,
  event: (typeof maintenanceLife.events)[number],
): MaintenanceState {
  const next = maintenanceLife.next(state, event);
  if (!next) throw new Error(`decided on ${event} in ${state}, which the table does not have`);
  return next;
}

const isSame = (a: readonly Obstacle[], b: readonly Obstacle[]) =>
  a.length === b.length &&
  a.every(
    ({ instance, name, says }, index) =>
      instance === b[index]?.instance && name === b[index]?.name && says === b[index]?.says,
  );
