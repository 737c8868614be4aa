/**
 * Where a process of a simulated world may be made to end: each time that it does something to the world, or hears of
 * it. Nobody says so in most worlds, and then nothing of this is there.
 *
 * What a newcomer would get wrong: "before" is not only earlier. What is done before an end is undone or never comes;
 * what is done after it is done, and the one who did it never hears that.
 */

export type Moment = "before" | "after";
export const moments: readonly Moment[] = ["before", "after"];

export interface Points {
  /** The process is about to do this. Says when it is to end for it; `at` are the moments that make a difference. */
  reach(process: string, does: string, at?: readonly Moment[]): Moment | undefined;
  /** What it has done since has changed nothing: there was no point. */
  vain(process: string, does: string): void;
  /** It ends now, as SIGKILL would have it. */
  end(process: string): void;
}

/** What one process passes. */
export type Passing = <T>(does: string, act: () => T) => T;

const never = new Promise<never>(() => {});

/** Of that process; without points nothing ever ends here. */
export function passingOf(points: Points | undefined, process: string): Passing {
  if (!points) return (_, act) => act();
  return <T>(does: string, act: () => T): T => {
    const moment = points.reach(process, does);
    if (moment === undefined) return act();
    if (moment === "before") {
      points.end(process);
      return never as T; // Whoever asked is no more, and what it hears does not matter.
    }
    const result = act();
    if (!(result instanceof Promise)) {
      points.end(process);
      return result;
    }
    const ended = () => {
      points.end(process);
      return never;
    };
    return result.then(ended, ended) as T; // The same promise, without an end.
  };
}

/** What is heard: there is nothing after it that would not be something done. True: it has ended, and hears nothing. */
export function endsAtHearing(points: Points | undefined, process: string, hears: string): boolean {
  if (points?.reach(process, hears, ["before"]) === undefined) return false;
  points.end(process);
  return true;
}

/** What goes on all the time and is no part of anything. */
const beating = new Set(["heartbeat", "beat", "checkup"]);

/** The name of a message of the link; undefined for those that go on all the time. */
export function sayingOf(text: string): string | undefined {
  const [, say = ""] = /"say":"([a-z-]+)"/.exec(text) ?? [];
  return beating.has(say) ? undefined : say;
}
