/**
 * From vitals to what somebody should worry about. Pure, and without a memory: what can only be told by
 * comparison is compared with an older reading that the caller kept.
 *
 * Every threshold says where it comes from. The maker's own limit, where there is one, beats ours.
 */
import type { Vitals } from "./driver.ts";

export interface Concern {
  readonly code:
    | "hot"
    | "clock-skewed"
    | "clock-unsynchronized"
    | "disk-failing"
    | "power-degraded"
    | "memory-errors";
  /** `critical`: it may fail at any time, so what runs there should move. */
  readonly severity: "warning" | "critical";
  /** Which sensor, disk, supply or controller. */
  readonly about: string;
  /** One sentence with the figures. */
  readonly detail: string;
}

const thresholds = {
  /** Server processors slow themselves down at 95 to 100 °C (Intel's and AMD's data sheets). */
  processorCelsius: 90,
  /** A tenth of the shortest lease, 5 s: what is ordered by time across hosts stays in order. */
  clockWarning: 500,
  /** A whole lease. Certificates and tokens begin to be refused soon after. */
  clockCritical: 5_000,
  /** Corrected errors of one memory controller in a day; mcelog's default trigger for a DIMM. */
  correctedPerDay: 10,
  /** NVMe 1.4, "Percentage Used": 100 is what the maker promised. */
  wornWarning: 90,
  wornCritical: 100,
} as const;

const day = 24 * 60 * 60 * 1_000;

/** In the order of the vitals. `before` is any older reading of the same host, best of a day ago. */
export function concernsOf(now: Vitals, before?: Vitals): readonly Concern[] {
  return [
    ...heat(now),
    ...power(now),
    ...disks(now, before),
    ...memory(now, before),
    ...clock(now),
  ];
}

function heat({ temperatures }: Vitals): readonly Concern[] {
  return temperatures.flatMap(({ sensor, celsius, high, critical }) => {
    const limit = high ?? critical ?? thresholds.processorCelsius;
    const concern = (severity: Concern["severity"], most: number): readonly Concern[] => [
      {
        code: "hot",
        severity,
        about: sensor,
        detail: `${sensor} is at ${celsius} °C, its limit is ${most} °C.`,
      },
    ];
    if (critical !== undefined && celsius >= critical) return concern("critical", critical);
    return celsius >= limit ? concern("warning", limit) : [];
  });
}

/** A battery that stands by is no concern, and neither is one that is all a laptop has. */
function power({ powerSupplies }: Vitals): readonly Concern[] {
  const mains = powerSupplies.filter(({ kind }) => kind === "mains");
  const isDark = mains.length > 0 && mains.every(({ isOnline }) => !isOnline);
  return powerSupplies.flatMap(({ name, kind, isOnline, ailment }): readonly Concern[] => {
    const base = { code: "power-degraded", about: name } as const;
    if (ailment)
      return [{ ...base, severity: "warning", detail: `${name} says of itself: ${ailment}.` }];
    if (kind !== "mains" || isOnline) return [];
    const rest = isDark ? "no other gives power either" : "the host runs on what is left";
    const severity = isDark ? "critical" : "warning";
    return [{ ...base, severity, detail: `${name} gives no power; ${rest}.` }];
  });
}

/**
 * Pending and uncorrectable sectors at all, and reallocated ones that grow in number, go before most
 * failures of spinning disks (Backblaze's published figures for SMART 5, 197 and 198).
 */
function disks({ disks }: Vitals, before?: Vitals): readonly Concern[] {
  return disks.flatMap((disk): readonly Concern[] => {
    const { name, pendingSectors = 0, uncorrectableSectors = 0, wornPercent = 0 } = disk;
    const older = before?.disks.find((other) => other.name === name)?.reallocatedSectors;
    const grown = older === undefined ? 0 : (disk.reallocatedSectors ?? 0) - older;
    const signs: readonly (readonly [boolean, Concern["severity"], string])[] = [
      [!disk.isReachable, "critical", "the kernel has given it up"],
      [disk.hasPassed === false, "critical", "it says of itself that it is failing"],
      [pendingSectors > 0, "critical", `${pendingSectors} sectors cannot be read`],
      [uncorrectableSectors > 0, "critical", `${uncorrectableSectors} sectors are lost`],
      [wornPercent >= thresholds.wornCritical, "critical", `it is worn to ${wornPercent} %`],
      [wornPercent >= thresholds.wornWarning, "warning", `it is worn to ${wornPercent} %`],
      [grown > 0, "warning", `${grown} more sectors were replaced`],
    ];
    const found = signs.find(([isSo]) => isSo);
    if (!found) return [];
    const [, severity, why] = found;
    return [{ code: "disk-failing", severity, about: name, detail: `${name}: ${why}.` }];
  });
}

function memory({ memory, at }: Vitals, before?: Vitals): readonly Concern[] {
  return memory.flatMap(({ controller, corrected, uncorrected }): readonly Concern[] => {
    const base = { code: "memory-errors", about: controller } as const;
    if (uncorrected > 0) {
      const detail = `${controller}: ${uncorrected} errors could not be corrected since the host booted.`;
      return [{ ...base, severity: "critical", detail }];
    }
    const older = before?.memory.find((other) => other.controller === controller);
    if (!before || !older) return [];
    const grown = corrected - older.corrected; // Negative after a reboot.
    const days = Math.max(1, (at - before.at) / day); // A burst within a day counts as one day's.
    if (grown / days < thresholds.correctedPerDay) return [];
    const detail = `${controller}: ${grown} errors were corrected since the reading before.`;
    return [{ ...base, severity: "warning", detail }];
  });
}

function clock({ clock }: Vitals): readonly Concern[] {
  if (!clock) return [];
  const off = Math.abs(clock.offset);
  const side = clock.offset > 0 ? "ahead" : "behind";
  const base = { about: "clock" } as const;
  if (off >= thresholds.clockWarning) {
    const severity = off >= thresholds.clockCritical ? "critical" : "warning";
    const detail = `The clock is ${Math.round(off)} ms ${side} (${clock.source}).`;
    return [{ ...base, code: "clock-skewed", severity, detail }];
  }
  if (clock.isSynchronized) return [];
  const detail = "Nothing keeps the clock right: it may be wrong by any amount.";
  return [{ ...base, code: "clock-unsynchronized", severity: "warning", detail }];
}
