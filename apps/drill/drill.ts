/**
 * One drill from beginning to end: look, strike, watch, mend, report. `holdfast drill` and bench/recovery.ts both
 * use this.
 *
 * Nothing is struck before everything was looked at that the drill needs, and whatever was struck is mended
 * also when watching fails or somebody does not want to wait for the end.
 */
import { blows, type Scene } from "./blows.ts";
import { die, stall } from "./deaths.ts";
import { depart } from "./departures.ts";
import { type DrillName, drillOf } from "./drills.ts";
import { mendingOf } from "./mending.ts";
import type { Plot } from "./plot.ts";
import { guestsOn, mayBeRestarted, readyHost, readyInstance } from "./readiness.ts";
import type { How, Report, Stage } from "./report.ts";
import { survive } from "./survival.ts";

/** More than two leases. Milliseconds. */
const usualLength = 12_000;

/**
 * Rejects with `drill_not_possible` or `drill_not_ready` before anything is touched; with `drill_failed`; or with
 * the reason of an interruption, when everything is put right.
 */
export async function perform(
  stage: Stage,
  name: DrillName,
  subject: string,
  { lasting = usualLength, power, isBmcDead = false }: How = {},
): Promise<Report> {
  const { on, expects } = drillOf(name);
  const instance = on === "instance" ? await readyInstance(stage, subject) : undefined;
  if (instance && expects.guest === "dies") await mayBeRestarted(stage, instance);
  const host = on === "host" ? await readyHost(stage, subject) : undefined;
  const interrupted = stage.interrupted ?? new AbortController().signal;
  const mending = mendingOf(interrupted);
  const scene: Scene = {
    ...{ ...stage, mending, lasting, power, isBmcDead },
    instance: () => instance ?? missing("instance"),
    host: () => host ?? missing("host"),
  };
  const plot: Plot = {
    ...{ name, expects, lasting, mending, host },
    subject: subject || "the platform",
    guests: instance ? [instance] : await guestsOn(stage, host?.name),
    strike: async () => {
      const at = await blows[name](scene);
      stage.say(`struck ${plot.subject}`);
      return at;
    },
  };
  const play = { lives: survive, stalls: stall, dies: die, leaves: depart }[expects.guest];
  const over = new AbortController();
  try {
    return await Promise.race([play(stage, plot), until(interrupted, over.signal)]);
  } finally {
    over.abort();
    await mending.all();
  }
}

/** Never resolves; nobody listens any more once it is over. */
function until(interrupted: AbortSignal, over: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(interrupted.reason);
    if (interrupted.aborted) stop();
    else interrupted.addEventListener("abort", stop, { once: true, signal: over });
  });
}

function missing(what: string): never {
  throw new Error(`this drill has no ${what}`);
}
