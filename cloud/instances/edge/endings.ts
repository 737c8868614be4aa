/**
 * The generations that ended in a pass, as the coroner wants them: with what their hosts reported and who
 * had wanted them ended before the pass began.
 */
import type { End } from "@holdfast/cloud/deaths/edge";
import type { InstanceId } from "@holdfast/kernel/ids";
import { endingOf, intentionsFor } from "../core/causes.ts";
import { proofs } from "../core/lifecycle.ts";
import type { Case } from "./case.ts";
import type { Departed } from "./migration-rows.ts";
import type { HostReport } from "./work.ts";

const ends: ReadonlySet<string> = proofs;
/** Whether this row of the journal tells of the end of a generation. */
export const isEnd = (event: string) => ends.has(event);

export function endsOf(cases: Iterable<Case>): readonly End[] {
  return [...cases].flatMap(({ before, settled, epoch, written }): End[] => {
    const { instance } = before.world;
    if (!instance.home || !settled.entries.some(({ event }) => isEnd(event))) return [];
    // The last one that was home: it may have moved within this pass, and ended there.
    const { incarnation, now, instance: last } = settled.world;
    const { generation } = last;
    const host = incarnation?.host ?? instance.home;
    const report = written.get(generation)?.evidence;
    const evidence = {
      instance: instance.id,
      generation,
      host,
      at: now,
      ...(report ? { report } : {}),
      ...(incarnation?.ending?.how === "migrated"
        ? {
            migration: {
              at: now,
              from: host,
              to: "another host",
              says: incarnation.ending.cause.says,
            },
          }
        : {}),
      ...intentionsFor(instance, before.world.errand, now),
    };
    return [{ epoch, evidence }];
  });
}

/** Ends of processes that were moved away from, and are not home any more. */
export function departuresOf(
  reports: readonly HostReport[],
  cases: ReadonlyMap<InstanceId, Case>,
): readonly Departed[] {
  return reports.flatMap(({ host, report }) => {
    const item = cases.get(report.instance);
    const { exit, generation } = report;
    if (!item || !exit || item.written.has(generation)) return [];
    const { instance } = item.settled.world;
    if (generation >= instance.generation) return [];
    const known = { generation, host, phase: "running", guest: "up", reboots: 0 } as const;
    const ending = endingOf(instance, { ...known, ending: undefined }, exit);
    return [{ instance: report.instance, generation, host, ending, evidence: exit }];
  });
}

/** Reports of an end that may have been certified without them: the host was given up, and is back. */
export function lateOf(
  reports: readonly HostReport[],
  cases: ReadonlyMap<InstanceId, Case>,
): readonly HostReport[] {
  return reports.filter(({ report }) => {
    const { instance, incarnation } = cases.get(report.instance)?.before.world ?? {};
    if (!report.exit || !instance) return false;
    const isOver = !instance.home || incarnation?.phase === "exited";
    return isOver || instance.generation !== report.generation;
  });
}
