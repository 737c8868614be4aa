/** How much a project has and may have, as people read it. */
import type { QuotaView } from "@holdfast/cloud/quotas/api";
import { type Cell, type Paint, table } from "./table.ts";

export const quotaTable = (quotas: readonly QuotaView[], paint: Paint) =>
  table(
    ["RESOURCE", "USED", "MOST", "WHAT"],
    quotas.map(({ resource, used, most, says }): readonly Cell[] => [
      resource,
      most !== null && used >= most ? { text: String(used), tone: "bad" } : String(used),
      most === null ? "no limit" : String(most),
      says,
    ]),
    paint,
  );
