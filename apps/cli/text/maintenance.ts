/** Work on hosts for people: what is planned, what is under way, and what becomes of each instance. */
import type { FateView, MaintenanceDetail, MaintenanceView } from "@holdfast/cloud/events/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, type Tone, table } from "./table.ts";
import { counted, deadline, plain, relative } from "./words.ts";

const tones: Readonly<Record<MaintenanceView["state"], Tone>> = {
  planned: "dim",
  preparing: "busy",
  emptying: "busy",
  blocked: "bad",
  "in-maintenance": "good",
  ended: "dim",
};
const stateOf = (one: MaintenanceView): Cell => ({
  text: one.state.replace("-", " "),
  tone: tones[one.state],
});

export const maintenanceTable = (
  all: readonly MaintenanceView[],
  now: Instant,
  paint: Paint,
): string =>
  table(
    ["HOST", "WORK", "STATE", "SINCE", "BEGINS", "DEADLINE", "REASON"],
    all.map((one) => [
      one.host,
      one.work,
      stateOf(one),
      relative(one.since, now),
      relative(one.startsAt, now),
      one.deadline === null ? "-" : deadline(one.deadline, now),
      one.reason,
    ]),
    paint,
  );

const verbs: Readonly<Record<FateView["does"], Cell>> = {
  migrate: { text: "moves while it runs", tone: "good" },
  stop: { text: "stops, starts elsewhere", tone: "busy" },
  reboot: { text: "down with its host", tone: "busy" },
  wait: "waits",
  stay: "stays",
};

/** The preview: what happens to each instance, and why. */
export function fateTable(fates: readonly FateView[], now: Instant, paint: Paint): string {
  if (fates.length === 0) return "Nothing runs there.";
  const lost = fates.filter(({ losesEphemeral }) => losesEphemeral);
  const rows = table(
    ["INSTANCE", "PROJECT", "HAPPENS", "TO", "WHEN", "WHY"],
    fates.map((one) => [
      one.name,
      one.project,
      one.obstacle === null ? verbs[one.does] : { text: `not now`, tone: "bad" as const },
      one.to ?? "-",
      one.notBefore === null ? "-" : relative(one.notBefore, now),
      one.says,
    ]),
    paint,
  );
  if (lost.length === 0) return rows;
  const names = lost.map(({ name }) => name).join(", ");
  return `${rows}\n\n${paint("bad", `What is on the ephemeral disks of ${plain(names)} is lost.`)}`;
}

export function maintenanceText(one: MaintenanceDetail, now: Instant, paint: Paint): string {
  const head = `${paint("strong", one.host)}  ${one.work}, ${one.state.replace("-", " ")}`;
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["since", relative(one.since, now)],
    ["begins", one.state === "planned" ? relative(one.startsAt, now) : undefined],
    ["notice", counted(one.noticeSeconds, "second")],
    ["deadline", one.deadline === null ? "none" : deadline(one.deadline, now)],
    ["ends", one.endsAt === null ? undefined : relative(one.endsAt, now)],
    ["reason", one.reason],
    ["by", one.createdBy],
  ];
  const obstacles = one.obstacles.map(
    ({ name, says, fix }) =>
      `${paint("bad", plain(name))}: ${plain(says)}\n  next: ${plain(fix.replaceAll("HOST", one.host))}`,
  );
  const parts = [`${head}\n${facts(pairs, paint)}`, fateTable(one.instances, now, paint)];
  return [...parts, ...(obstacles.length > 0 ? [obstacles.join("\n")] : [])].join("\n\n");
}
