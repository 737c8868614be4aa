/**
 * Reads how this host's hardware is, now and then, and keeps what somebody should worry about in sentences.
 *
 * A sentence stays as it was first said while its worry lasts, and a worry lasts until it has been absent
 * for a few readings. Otherwise a host at the limit of its temperature would say something new every minute,
 * and each time a row of the fleet would be written and every manager would look at the host again.
 */
import type { VitalSigns, Vitals } from "@holdfast/drivers/vitals";
import { type Concern, concernsOf } from "@holdfast/drivers/vitals/concerns";
import type { Clock, Duration } from "@holdfast/kernel/time";

export interface VitalWatchOptions {
  readonly signs: VitalSigns;
  readonly clock: Clock;
  /** Between two readings. */
  readonly every: Duration;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface VitalWatch {
  /** What is worrying, the latest last. Null before the first reading: an agent that has just begun knows nothing. */
  concerns(): readonly string[] | null;
  close(): void;
}

/** A worry that is known, and how many readings in a row have been without it. */
export interface Known {
  readonly key: string;
  readonly says: string;
  readonly missed: number;
}

/** Readings without it until a worry is over. */
const calm = 3;
/** A host with more to say of its hardware than this is avoided just as well. */
const most = 32;
/** What wears on is seen by comparison with a reading of a day ago, of which there is one each hour. */
const hour = 60 * 60 * 1_000;
const readings = 24;

export function vitalWatch({ signs, clock, every, log }: VitalWatchOptions): VitalWatch {
  const past: Vitals[] = [];
  let known: readonly Known[] | undefined;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  void read();
  return {
    concerns: () => known?.map(({ says }) => says) ?? null,
    close() {
      isOpen = false;
      clearTimeout(timer);
    },
  };

  async function read(): Promise<void> {
    try {
      const vitals = await signs.read();
      known = stillWorrying(known ?? [], concernsOf(vitals, past[0]).filter(isAboutTheHost));
      remember(vitals);
    } catch (error) {
      log("could not read how this host is", { error });
    }
    if (isOpen) timer = setTimeout(() => void read(), every);
  }

  function remember(vitals: Vitals): void {
    const last = past.at(-1);
    if (last && clock.now() - last.at < hour) return;
    past.push(vitals);
    if (past.length > readings) past.shift();
  }
}

/** What is still worrying after a reading that found these. */
export function stillWorrying(
  known: readonly Known[],
  found: readonly Concern[],
): readonly Known[] {
  const keys = new Set(found.map(keyOf));
  const old = known
    .map((one) => ({ ...one, missed: keys.has(one.key) ? 0 : one.missed + 1 }))
    .filter(({ missed }) => missed < calm);
  const fresh = found
    .filter((concern) => !old.some(({ key }) => key === keyOf(concern)))
    .map((concern) => ({ key: keyOf(concern), says: sentence(concern), missed: 0 }));
  return [...old, ...fresh].slice(0, most);
}

/** One that becomes worse is a new one: its sentence should say so. */
const keyOf = ({ code, about, severity }: Concern) => `${code} ${severity} ${about}`;

/** Concerns are listed after one another, as parts of a sentence. */
const sentence = ({ detail }: Concern) => detail.replace(/\.$/, "");

/**
 * A clock that nobody keeps is how an installation was made and no sign of a host that fails: where there
 * is one, all hosts are so, and a concern that all have tells placement nothing. One that is wrong counts.
 */
const isAboutTheHost = ({ code }: Concern) => code !== "clock-unsynchronized";
