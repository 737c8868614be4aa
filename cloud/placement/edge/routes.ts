/** The answers to ../api.ts. */
import { seesPlatform } from "@holdfast/cloud/access";
import { findType } from "@holdfast/cloud/types/edge";
import type { HostId } from "@holdfast/kernel/ids";
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
      const isStranger = !seesPlatform(caller);
      // Who may not see the fleet gets the same rules without the names.
      const aliases = new Map(hosts.map(({ host }, index) => [host, `host-${index + 1}`]));
      const shown = (host: HostId, open: string) =>
        isStranger ? (aliases.get(host) ?? "a host") : open;
      /** People know a group by its name in their project. */
      const plain = <T>(words: T) =>
        typeof words === "string" ? words.replaceAll(`${params.project}/`, "") : words;
      const winner = hosts.find(({ host }) => host === chosen);
      return {
        planner,
        chosen: winner ? shown(winner.host, winner.name) : null,
        hosts: hosts.map((verdict) => ({
          ...verdict,
          host: shown(verdict.host, verdict.host),
          name: shown(verdict.host, verdict.name),
          concerns: isStranger ? [] : [...verdict.concerns],
          ...(verdict.merit ? { merit: plain(verdict.merit) } : {}),
          rejections: verdict.rejections.map((rejection) => ({
            ...rejection,
            have: plain(rejection.have),
            need: plain(rejection.need),
          })),
        })),
        summary: [...summary],
        nearestFixes: nearestFixes
          .filter(({ change }) => !isStranger || !hosts.some(({ name }) => change.includes(name)))
          .map((fix) => ({
            ...fix,
            change: plain(fix.change),
            wouldAdmit: fix.wouldAdmit.map((host) => shown(host, host)),
          })),
      };
    }),
  };
}
