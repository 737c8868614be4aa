/**
 * What the journal of an instance adds up to. If it is not what the row says, one of them lies.
 *
 * Only rows with states tell of the life; evidence, protection and disks change neither state nor wish. The
 * generation of a row is the one at the end of the pass that wrote it: what a pass does before it starts a
 * process already bears the number of that process.
 */
import { homed, lifecycle, proofs } from "@holdfast/cloud/instances";
import type { Line } from "./model.ts";

export interface Folded {
  readonly state: string;
  readonly desired: string;
  readonly generation: number;
  /** The class of its cause; undefined: what was, is forgotten. */
  readonly cause: string | undefined;
  /** Of the process that was last started or moved to. */
  readonly launched: number;
  /** Whether an end of that one has been proven, or none was ever started. */
  readonly isOver: boolean;
  readonly faults: readonly Fault[];
}

/** A row that cannot have come after those before it. */
export interface Fault {
  readonly about: "chain" | "home" | "start" | "cause" | "wish";
  readonly says: string;
}

const born: Folded = {
  state: "provisioning",
  desired: "running",
  generation: 0,
  cause: undefined,
  launched: 0,
  isOver: true,
  faults: [],
};

const wishes: Readonly<Record<string, string>> = {
  "command-start": "running",
  "command-stop": "stopped",
  "command-destroy": "destroyed",
  "command-recover": "stopped",
  "command-expunge": "expunged",
  "want-stopped": "stopped",
  "want-running": "running",
};

/** After these nothing has to be explained any more. */
const forgiving: ReadonlySet<string> = new Set([
  "bootConfirmed",
  "reattached",
  "reattachedMigrating",
  "switched",
  "migrationAborted",
  "recover",
  "retry",
]);

const tables: Readonly<Record<string, Readonly<Record<string, string>>>> = lifecycle.table;
const events: ReadonlySet<string> = new Set<string>(lifecycle.events);
const atHome: ReadonlySet<string> = homed;
const isProof: ReadonlySet<string> = proofs;
const inNeedOfCause: ReadonlySet<string> = new Set(["stopped", "failed", "lost"]);
const ending: ReadonlySet<string> = new Set(["destroyed", "expunged"]);

/** Oldest first. */
export function foldJournal(lines: Iterable<Line>): Folded {
  let sum = born;
  for (const line of lines) sum = add(sum, line);
  return sum;
}

function add(sum: Folded, { seq, event, from, to, generation: given, cause: told }: Line): Folded {
  if (from === null || to === null) return sum;
  const generation = given ?? 0;
  const faults: Fault[] = [];
  const say = (about: Fault["about"], says: string) =>
    faults.push({ about, says: `row ${seq} (${event}): ${says}` });

  if (from !== sum.state)
    say("chain", `begins in ${from}, and the row before ended in ${sum.state}`);
  if (generation < sum.generation)
    say("chain", `is of generation ${generation}, and the row before of ${sum.generation}`);
  const next = events.has(event) ? tables[from]?.[event] : from;
  if (next !== to) say("chain", `leads from ${from} to ${to}, which the life cycle does not have`);

  const isStart = to === "starting" && from !== "starting";
  if (isStart && generation <= sum.launched)
    say("start", `starts generation ${generation} after ${sum.launched}`);
  if (isStart && !sum.isOver)
    say(
      "start",
      `starts generation ${generation}, and nothing proves that ${sum.launched} has ended`,
    );
  const isLeaving = atHome.has(from) && !atHome.has(to);
  if (isLeaving && !isProof.has(event)) say("home", `ends a home without a proof`);

  // Of what was thrown away, a stop asks for what already is.
  const isMoot = ending.has(sum.desired) && event === "command-stop";
  const desired = isMoot ? sum.desired : (wishes[event] ?? sum.desired);
  const isUndone = ending.has(sum.desired) && !ending.has(desired);
  if (isUndone && event !== "command-recover")
    say("wish", `takes back that it should be ${sum.desired}`);

  const isForgiven = forgiving.has(event) || (event === "command-start" && !atHome.has(from));
  const cause = isForgiven ? undefined : (told ?? sum.cause);
  const isEnd = from !== to && inNeedOfCause.has(to) && (isLeaving || to !== "stopped");
  if (isEnd && cause === undefined) say("cause", `does not say why`);

  return {
    state: to,
    desired,
    generation,
    cause,
    launched: isStart || event === "switched" ? generation : sum.launched,
    isOver: isStart || event === "switched" ? false : sum.isOver || isProof.has(event),
    faults: [...sum.faults, ...faults],
  };
}
