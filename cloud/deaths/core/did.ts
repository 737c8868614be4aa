/**
 * What Holdfast did about a death: told from the journal and from what was launched since.
 *
 * Derived whenever somebody reads it, and never stored: there is no second account of it that could
 * disagree with the first.
 */
import type { Instant } from "@holdfast/kernel/time";
import type { DeathCertificate } from "./certificate.ts";

/** A row of the journal of the instance, from the end of the generation on. */
export interface Step {
  readonly at: Instant;
  readonly event: string;
  readonly actor: string;
  readonly generation: number;
  /** The cause that it carries, if it does. */
  readonly cause?: { readonly class: string; readonly says: string };
}

/** A later generation. */
export interface Launch {
  readonly generation: number;
  readonly host: string;
  readonly askedAt: Instant;
  /** Null while it does not run yet, as in its row. */
  readonly runningAt: Instant | null;
  readonly upAt: Instant | null;
}

export interface Deed {
  readonly at: Instant;
  readonly says: string;
}

type Dead = Pick<DeathCertificate, "at" | "generation">;

export function deeds(
  dead: Dead,
  steps: readonly Step[],
  launches: readonly Launch[],
): readonly Deed[] {
  const mine = steps.filter(({ generation }) => generation >= dead.generation);
  // What was done about the next death is told with that one.
  const end = mine.findIndex(
    ({ event, generation }) => endings.has(event) && generation > dead.generation,
  );
  const told = (end < 0 ? mine : mine.slice(0, end)).flatMap((step) => tell(dead, step));
  const next = launches.find(({ generation }) => generation > dead.generation);
  return [...told, ...(next ? launched(dead, next) : [])].sort((a, b) => a.at - b.at);
}

const endings: ReadonlySet<string> = new Set([
  ...["exitObserved", "exitObservedForDestroy", "fenceProven", "operatorAttested"],
  ...["neverLaunched", "startFailed"],
]);

function tell(dead: Dead, { at, event, actor, generation, cause }: Step): readonly Deed[] {
  const say = (says: string): readonly Deed[] => [{ at, says }];
  if (endings.has(event) && generation === dead.generation)
    return event === "fenceProven" || event === "operatorAttested"
      ? say(`Took the proof of its host's death, ${later(dead, at)}.`)
      : say(`Knew of it and its cause ${later(dead, at)}.`);
  if (event.startsWith("command-"))
    return say(`${actor} asked to ${event.slice("command-".length)} it.`);
  switch (event) {
    case "want-stopped":
      return say(
        cause?.class === "guest-shutdown"
          ? "Left it off, as its guest wanted."
          : "Left it stopped: its owner wants no restart.",
      );
    case "budgetSpent":
      return say("Gave it up: it has used up its restarts for now. `holdfast start` begins anew.");
    case "placementRefused":
      return say(`Found no host for it: ${cause?.says ?? "none has room."}`);
    case "deathAmended":
      return say("Held the inquest again, because its host told more.");
    default:
      return [];
  }
}

function launched(
  dead: Dead,
  { generation, host, askedAt, runningAt, upAt }: Launch,
): readonly Deed[] {
  const as = `generation ${generation} on ${host}`;
  return [
    { at: askedAt, says: `Started it again as ${as}, ${later(dead, askedAt)}.` },
    ...(runningAt === null
      ? []
      : [{ at: runningAt, says: `It runs again, ${later(dead, runningAt)}.` }]),
    ...(upAt === null ? [] : [{ at: upAt, says: `Its guest is up again, ${later(dead, upAt)}.` }]),
  ];
}

/** The clock of a host and that of the managers differ by a little: nothing was done before the end. */
function later({ at: end }: Dead, at: Instant): string {
  const seconds = Math.max(0, at - end) / 1_000;
  return seconds < 120
    ? `${seconds.toFixed(1)} s after its end`
    : `${Math.round(seconds / 60)} min after its end`;
}
