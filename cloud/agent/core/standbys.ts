/**
 * Which templates processes are to be on standby with. Room is short, so the template that was used last comes first: it gets
 * what room there is, and where there is none it gets one place, of the template that was used longest ago.
 */
import type { Instant } from "@holdfast/kernel/time";

export interface Use {
  readonly template: string;
  /** Of a process on standby with it. */
  readonly memoryMiB: number;
  readonly usedAt: Instant;
}

export type Step = { readonly do: "add" | "drop"; readonly template: string };

/** What comes next; undefined if all is as it should be. `waiting` has the template of each that is on standby. */
export function nextStandby(
  uses: readonly Use[],
  waiting: readonly string[],
  roomMiB: number,
): Step | undefined {
  const useOf = (template: string) => uses.find((use) => use.template === template);
  const stranger = waiting.find((template) => useOf(template) === undefined);
  if (stranger !== undefined) return { do: "drop", template: stranger };
  const [latest, ...earlier] = [...uses]
    .filter(({ memoryMiB }) => memoryMiB <= roomMiB)
    .sort((a, b) => b.usedAt - a.usedAt);
  if (!latest) return undefined;
  const { template, memoryMiB } = latest;
  const taken = waiting.reduce((sum, each) => sum + (useOf(each)?.memoryMiB ?? 0), 0);
  if (taken + memoryMiB <= roomMiB) return { do: "add", template };
  if (waiting.includes(template)) return undefined;
  const oldest = earlier.reverse().find((use) => waiting.includes(use.template));
  return oldest && { do: "drop", template: oldest.template };
}
