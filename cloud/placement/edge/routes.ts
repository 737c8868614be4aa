/** The answers to ../api.ts. */
import { findType } from "@holdfast/cloud/types/edge";
import { handle } from "@holdfast/kernel/route";
import type { Database } from "@holdfast/store/database";
import { explainPlacement } from "../api.ts";
import type { PicturePlacer } from "./picture-placer.ts";

export function placementRoutes(database: Database, placer: PicturePlacer) {
  return {
    explainPlacement: handle(explainPlacement, async ({ params, body, caller }) => {
      const { cpus, memoryMiB } = await findType(database, body.type);
      const { zone, hostTags: tags, antiAffinityGroup } = body;
      const explanation = await placer.explain(database, {
        cpus,
        memoryMiB,
        tags,
        avoidHosts: [],
        ...(zone ? { zone } : {}),
        ...(antiAffinityGroup
          ? { antiAffinityGroup: `${params.project}/${antiAffinityGroup}` }
          : {}),
      });
      const { planner, chosen, hosts, summary, nearestFixes } = explanation;
      // Who may not see the fleet gets the same rules without the names.
      const nameOf = (name: string, index: number) => (caller.project ? `host-${index + 1}` : name);
      return {
        planner,
        chosen: hosts.find(({ host }) => host === chosen)?.name ?? null,
        hosts: hosts.map((verdict, index) => ({
          ...verdict,
          name: nameOf(verdict.name, index),
          concerns: [...verdict.concerns],
          rejections: [...verdict.rejections],
        })),
        summary: [...summary],
        nearestFixes: nearestFixes.map((fix) => ({ ...fix, wouldAdmit: [...fix.wouldAdmit] })),
      };
    }),
  };
}
