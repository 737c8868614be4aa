/** The audit log, as people read it. */
import type { AuditView } from "@holdfast/cloud/audit/api";
import { type Cell, type Paint, type Tone, table } from "./table.ts";

const tones: Readonly<Record<AuditView["decision"], Tone>> = {
  allowed: "good",
  refused: "bad",
  failed: "busy",
};

export function auditTable(entries: readonly AuditView[], paint: Paint): string {
  const rows = entries.flatMap((one): readonly (readonly Cell[])[] => [
    [
      new Date(one.at).toISOString().replace("T", " ").slice(0, 19),
      one.actor ?? { text: "nobody", tone: "dim" },
      one.source ?? "",
      { text: one.decision, tone: tones[one.decision] },
      `${askedFor(one)}${one.count > 1 ? ` (${one.count} times)` : ""}`,
      one.code ?? String(one.status),
      one.requestId,
    ],
    ...one.changes.map((change): readonly Cell[] => [
      ...["", "", "", ""],
      { text: `  ${change.kind} ${change.subject}: ${change.event}${moved(change)}`, tone: "dim" },
    ]),
  ]);
  return table(["AT (UTC)", "WHO", "FROM", "", "ASKED FOR", "ANSWER", "REQUEST"], rows, paint);
}

/** All that EC2's clients ask for has the same address: what they want is the action. */
const askedFor = ({ api, method, path, route }: AuditView) =>
  api === "ec2" ? `EC2 ${route}` : api === "local" ? path : `${method} ${path}`;

const moved = ({ from, to }: AuditView["changes"][number]) =>
  from !== to && to !== null ? `, ${from ?? "new"} → ${to}` : "";
