/**
 * The generations that ended in a pass, as the coroner wants them: with what their hosts reported and who
 * had wanted them ended before the pass began.
 */
import type { End } from "@holdfast/cloud/deaths/edge";
import type { InstanceId } from "@holdfast/kernel/ids";
import { intentionsFor } from "../core/causes.ts";
import { proofs } from "../core/lifecycle.ts";
import type { Case } from "./case.ts";
import type { HostReport } from "./pass.ts";

const ends: ReadonlySet<string> = proofs;
/** Whether this row of the journal tells of the end of a generation. */
export const isEnd = (event: string) => ends.has(event);

export function endsOf(cases: Iterable<Case>): readonly End[] {
  return [...cases].flatMap(({ before, settled, evidence: report }): End[] => {
    const { instance, incarnation } = before.world;
    if (!instance.home || !settled.entries.some(({ event }) => isEnd(event))) return [];
    const host = incarnation?.host ?? instance.home;
    const evidence = {
      instance: instance.id,
      generation: instance.generation,
      host,
      at: settled.world.now,
      ...(report ? { report } : {}),
      ...intentionsFor(instance),
    };
    return [{ epoch: before.hostEpoch, evidence }];
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
