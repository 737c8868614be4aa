/** Hosts, and the verdicts of placement about them, for people. */
import type { HostView } from "@holdfast/cloud/hosts/api";
import type { ExplanationView } from "@holdfast/cloud/placement/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, type Paint, table } from "./table.ts";
import { memory, relative } from "./words.ts";

/** The fleet, and below it what needs more words than a column has: acceleration and concerns. */
export function hostTable(hosts: readonly HostView[], now: Instant, paint: Paint): string {
  const rows = hosts.map((host): readonly Cell[] => [
    host.name,
    { text: host.state, tone: host.state === "up" ? "good" : "bad" },
    host.mode === "enabled" ? host.mode : { text: host.mode, tone: "busy" },
    `${host.zone}/${host.pod}/${host.cluster}`,
    `${host.reservedCpus}/${host.cpus}`,
    `${memory(host.reservedMemoryMiB)}/${memory(host.memoryMiB)}`,
    String(host.instances),
    host.acceleration?.kind ?? "?",
    host.tags.join(",") || "-",
    heard(host, now),
  ]);
  const head = [
    "NAME",
    "STATE",
    "MODE",
    "PLACE",
    "CPUS",
    "MEMORY",
    "INSTANCES",
    "ACCEL",
    "TAGS",
    "AGENT",
  ];
  const notes = hosts.flatMap((host) => notesOn(host).map((note) => `${host.name}: ${note}`));
  return [table(head, rows, paint), ...(notes.length > 0 ? ["", ...notes] : [])].join("\n");
}

function heard({ isConnected, heardAt }: HostView, now: Instant): Cell {
  if (isConnected) return { text: "connected", tone: "good" };
  return { text: heardAt ? `last heard ${relative(heardAt, now)}` : "never heard", tone: "bad" };
}

function notesOn({ acceleration, concerns, hasGuard, hypervisor }: HostView): readonly string[] {
  const by = hypervisor ? `${hypervisor}, ` : "";
  return [
    ...(acceleration ? [`${by}${acceleration.kind}: ${acceleration.reason}`] : []),
    ...(hasGuard === false ? ["its guard does not answer its agent"] : []),
    ...concerns.map((concern) => `avoided while others have room: ${concern}`),
  ];
}

type Verdicts = ExplanationView["hosts"];
type Fixes = ExplanationView["nearestFixes"];

export function explanation(view: ExplanationView, paint: Paint): string {
  const chosen = view.hosts.find(({ verdict }) => verdict === "chosen");
  const head = chosen
    ? `It would go to ${paint("good", chosen.name)} (${view.planner}).`
    : `${paint("bad", "No host can take it")} (${view.planner}).`;
  return [head, "", verdictTable(view.hosts, paint), ...fixLines(view.nearestFixes)].join("\n");
}

/** One line for each rule that a host breaks, so that have, need and short by can be read in columns. */
export function verdictTable(hosts: Verdicts, paint: Paint): string {
  const rows = hosts.flatMap(
    ({ name, verdict, merit, concerns, rejections }): readonly Cell[][] => {
      const shown: Cell = verdict === "chosen" ? { text: verdict, tone: "good" } : verdict;
      const worry = concerns.length > 0 ? `concern: ${concerns.join("; ")}` : "";
      const about = [merit ?? "", worry].filter(Boolean).join("; ");
      if (rejections.length === 0) return [[name, shown, "", "", "", "", about]];
      return rejections.map(({ rule, have, need, unit, shortBy }, index): Cell[] => [
        index === 0 ? name : "",
        index === 0 ? { text: verdict, tone: "bad" } : "",
        rule,
        quantity(have, unit),
        quantity(need, unit),
        shortBy === undefined ? "" : quantity(shortBy, unit),
        index === 0 ? about : "",
      ]);
    },
  );
  return table(["HOST", "VERDICT", "RULE", "HAVE", "NEED", "SHORT BY", "NOTE"], rows, paint);
}

export function fixLines(fixes: Fixes): readonly string[] {
  if (fixes.length === 0) return [];
  return ["", "What would help, nearest first:", ...fixes.map(({ change }) => `  ${change}`)];
}

const quantity = (value: string | number, unit: string | undefined) =>
  unit ? `${value} ${unit}` : String(value);
