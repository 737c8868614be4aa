/** The plan for a host's death, and the papers that prove one, for people. */
import type { ReplyOf } from "@holdfast/client/client";
import type { CertificateView, planFailover } from "@holdfast/cloud/availability/api";
import type { HostView } from "@holdfast/cloud/hosts/api";
import { type Instant, iso, milliseconds } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { clockTime, counted, plain, relative, span } from "./words.ts";

export function planText(
  { host, proof, moves }: ReplyOf<typeof planFailover>,
  paint: Paint,
): string {
  const leaving = moves.filter(({ goes }) => goes !== null).length;
  const head = `If ${paint("strong", host)} died now`;
  const proven = `  proof  ${plain(proof)}`;
  if (moves.length === 0) return `${head}, no instance would be lost.\n${proven}`;
  const rows = moves.map(({ instance, project, priority, goes, why }): readonly Cell[] => [
    instance,
    project,
    String(priority),
    goes === null ? { text: "nowhere", tone: "bad" } : { text: goes, tone: "good" },
    plain(why),
  ]);
  return [
    `${head}, ${leaving} of ${counted(moves.length, "instance")} would be started elsewhere.`,
    proven,
    "",
    table(["INSTANCE", "PROJECT", "PRIORITY", "GOES TO", "WHY"], rows, paint),
  ].join("\n");
}

export function certificateTable(
  certificates: readonly CertificateView[],
  now: Instant,
  paint: Paint,
): string {
  return table(
    ["HOST", "EPOCH", "PROVEN", "AFTER", "PROOF", "COVERS", "ID"],
    certificates.map(({ id, name, epoch, proof, covers, provenAt, ...one }) => [
      name,
      String(epoch),
      relative(provenAt, now),
      silence(one.silentSince, provenAt),
      proof,
      covers,
      { text: id, tone: "dim" },
    ]),
    paint,
  );
}

const coverage: Readonly<Record<CertificateView["covers"], string>> = {
  everything: "every guest of that epoch",
  shared: "guests on shared pools; those on its own disks were left alone",
};

export function certificateText(one: CertificateView, now: Instant, paint: Paint): string {
  const { silentSince, provenAt } = one;
  const seen = Object.entries(one.evidence).map(
    ([name, value]) => [name, plain(String(value ?? "nothing"))] as const,
  );
  return [
    `${paint("strong", one.name)}, epoch ${one.epoch}: ${one.meaning}`,
    facts(
      [
        ["proof", one.proof],
        ["covers", coverage[one.covers]],
        ["silent since", `${iso(silentSince as Instant)}, ${relative(silentSince, now)}`], // A view's times are plain numbers.
        ["proven", `${clockTime(provenAt)}, ${silence(silentSince, provenAt)} later`],
        ["by", `manager ${one.manager}`],
        ["host", one.host],
        ["id", one.id],
        ["signature", one.signature],
      ],
      paint,
    ),
    "",
    paint("strong", "Evidence"),
    facts(seen, paint),
  ].join("\n");
}

/** What somebody should know before they swear. */
export function oathText({ name, state, heardAt, instances }: HostView, now: Instant): string {
  const heard = heardAt === null ? "was never heard" : `was last heard ${relative(heardAt, now)}`;
  return [
    `${name} is ${state} and ${heard}. ${counted(instances, "instance")} will be started elsewhere on your word.`,
    "If it is not off, two of each will write to the same volume and destroy it. Look at the machine, not at a list.",
  ].join("\n");
}

const silence = (from: number, to: number) => span(milliseconds(Math.max(0, to - from)));
