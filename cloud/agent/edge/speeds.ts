/**
 * Whether pools can give what is promised of their disks: measured before a guest with a promise is booted, and
 * not again for hours, because to measure is to write as fast as one can.
 *
 * What comes of it is said and nothing is refused. A pool that others keep busy just now measures slow, and a
 * guest that is slower than promised is better than none.
 */
import type { WishedDisk } from "@holdfast/cloud/hosts";
import type { PoolSpeed } from "@holdfast/drivers/volumes";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { type Clock, type Instant, minutes, seconds, since } from "@holdfast/kernel/time";
import type { Storage } from "./storage.ts";

export interface SpeedsDeps {
  readonly storage: Pick<Storage, "pool">;
  readonly clock: Clock;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Speeds {
  /** Measures the pools of those with limits, if nobody has for long. Resolves in any case, after a few seconds. */
  measure(disks: readonly WishedDisk[]): Promise<void>;
  /** What its pool cannot keep of its promise, as far as is known. */
  lacking(disk: WishedDisk): Problem | undefined;
}

interface Measured {
  readonly at: Instant;
  readonly speed: PoolSpeed;
}

const lasting = minutes(6 * 60);
/** It takes a second. A boot does not wait for longer, and a pool that is this slow has been found out anyway. */
const patience = seconds(5);

export function poolSpeeds({ storage, clock, log }: SpeedsDeps): Speeds {
  const known = new Map<string, Measured>();
  const asking = new Map<string, Promise<void>>();

  return {
    async measure(disks) {
      const pools = new Set(disks.filter(({ limits }) => limits !== null).map(({ pool }) => pool));
      await Promise.race([
        Promise.all([...pools].map((pool) => ensure(pool))),
        ...(pools.size > 0 ? [clock.sleep(patience)] : []),
      ]);
    },

    lacking({ pool, limits }) {
      const speed = known.get(pool)?.speed;
      if (!speed || !limits) return undefined;
      const { iops = 0, bytesPerSecond = 0 } = limits;
      if (iops <= speed.iops && bytesPerSecond <= speed.bytesPerSecond) return undefined;
      return tooSlow(pool, limits, speed);
    },
  };

  function ensure(pool: string): Promise<void> {
    const last = known.get(pool);
    if (last && since(last.at, clock.now()) < lasting) return Promise.resolve();
    const under = asking.get(pool);
    if (under) return under;
    const mine = ask(pool)
      .catch((error: unknown) => log("could not measure a pool", { pool, error }))
      .finally(() => asking.delete(pool));
    asking.set(pool, mine);
    return mine;
  }

  async function ask(pool: string): Promise<void> {
    const speed = await (await storage.pool(pool)).measureSpeed();
    known.set(pool, { at: clock.now(), speed });
    log("a pool was measured", { pool, ...speed });
  }
}

function tooSlow(
  pool: string,
  { iops, bytesPerSecond }: NonNullable<WishedDisk["limits"]>,
  speed: PoolSpeed,
): Problem {
  const promised = [
    ...(iops === undefined ? [] : [`${iops} operations`]),
    ...(bytesPerSecond === undefined ? [] : [`${inMiB(bytesPerSecond)} MiB`]),
  ].join(" and ");
  return problem(
    "unavailable",
    "pool_too_slow",
    `It may ask for ${promised} each second, and the pool ${pool} gave ${speed.iops} operations and ${inMiB(speed.bytesPerSecond)} MiB when its host last measured it.`,
    { fix: "Use a faster pool or a smaller type, or lower the limits of the volume." },
  );
}

const inMiB = (bytes: number) => Math.round(bytes / 2 ** 20);
