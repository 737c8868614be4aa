/**
 * What `smartctl -j` says about a disk, in the few words that concerns.ts judges by.
 *
 * Disks of different kinds fill in different parts of it, and many leave most of it out: what is not
 * there is not known. A disk that sleeps, or cannot be asked, says nothing at all.
 */
import { parsed } from "@holdfast/kernel/parsed";
import type { DiskHealth } from "./driver.ts";

type Known = Omit<DiskHealth, "name" | "isReachable">;

/** SMART attributes by number, the same for all makers. */
const attributes = {
  5: "reallocatedSectors",
  197: "pendingSectors",
  198: "uncorrectableSectors",
} as const;

export function diskFromSmart(said: string): Known {
  const report = parsed(said);
  const nvme = field(report, "nvme_smart_health_information_log");
  const table = field(field(report, "ata_smart_attributes"), "table");
  const known: { -readonly [Key in keyof Known]: Known[Key] } = {};
  const passed = field(field(report, "smart_status"), "passed");
  if (typeof passed === "boolean") known.hasPassed = passed;
  const warning = field(nvme, "critical_warning");
  if (typeof warning === "number" && warning !== 0) known.hasPassed = false;
  const worn = field(nvme, "percentage_used");
  if (typeof worn === "number") known.wornPercent = worn;
  const lost = field(nvme, "media_errors");
  if (typeof lost === "number") known.uncorrectableSectors = lost;
  for (const row of Array.isArray(table) ? table : []) {
    const name = nameOf(field(row, "id"));
    const value = field(field(row, "raw"), "value");
    if (name && typeof value === "number") known[name] = value;
  }
  return known;
}

const nameOf = (id: unknown) => (id === 5 || id === 197 || id === 198 ? attributes[id] : undefined);

function field(value: unknown, name: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return new Map(Object.entries(value)).get(name);
}
