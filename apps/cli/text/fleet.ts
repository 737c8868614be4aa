/** Hosts, and the verdicts of placement about them, for people. */
import type { HostView } from "@holdfast/cloud/hosts/api";
import type { ExplanationView } from "@holdfast/cloud/placement/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, type Paint, table } from "./table.ts";
import { memory, relative } from "./words.ts";

/**
 * The fleet, and below it what needs more words than a column has: acceleration, guard, power and concerns. Tags
 * and pools have a column where there are any; with all of them a row is wider than most terminals.
 */
export function hostTable(hosts: readonly HostView[], now: Instant, paint: Paint): string {
  const columns: readonly (readonly [string, (host: HostView) => Cell])[] = [
    ["NAME", ({ name }) => name],
    ["STATE", ({ state }) => ({ text: state, tone: state === "up" ? "good" : "bad" })],
    ["MODE", ({ mode }) => (mode === "enabled" ? mode : { text: mode, tone: "busy" })],
    ["PLACE", ({ zone, pod, cluster }) => `${zone}/${pod}/${cluster}`],
    ["CPUS", ({ reservedCpus, cpus }) => `${reservedCpus}/${cpus}`],
    ["MEMORY", (host) => `${memory(host.reservedMemoryMiB)}/${memory(host.memoryMiB)}`],
    ["INSTANCES", ({ instances }) => String(instances)],
    ...listed("TAGS", hosts, ({ tags }) => tags),
    ...listed("POOLS", hosts, ({ pools }) => pools),
    ["WATCHDOG", ({ watchdog }) => watchdog ?? "?"],
    ["POWER", powerOf],
    ["AGENT", (host) => heard(host, now)],
  ];
  const rows = hosts.map((host) => columns.map(([, cell]) => cell(host)));
  const heads = columns.map(([name]) => name);
  const notes = together(hosts);
  return [table(heads, rows, paint), ...(notes.length > 0 ? ["", ...notes] : [])].join("\n");
}

function listed(
  name: string,
  hosts: readonly HostView[],
  of: (host: HostView) => readonly string[],
): readonly (readonly [string, (host: HostView) => Cell])[] {
  const isAny = hosts.some((host) => of(host).length > 0);
  return isAny ? [[name, (host) => of(host).join(",") || "-"]] : [];
}

/** What is to be said of several hosts alike is said once. */
function together(hosts: readonly HostView[]): readonly string[] {
  const known = new Map<string, string[]>();
  for (const host of hosts)
    for (const note of notesOn(host)) known.set(note, [...(known.get(note) ?? []), host.name]);
  return [...known].map(([note, names]) => {
    const more = names.length - mostNames;
    return `${names.slice(0, mostNames).join(", ")}${more > 0 ? ` and ${more} more` : ""}: ${note}`;
  });
}

const mostNames = 5;

function heard({ isConnected, heardAt }: HostView, now: Instant): Cell {
  if (isConnected) return { text: "connected", tone: "good" };
  return { text: heardAt ? `last heard ${relative(heardAt, now)}` : "never heard", tone: "bad" };
}

const states: readonly string[] = ["on", "off"];

function powerOf({ power }: HostView): Cell {
  if (power === null) return "-";
  return states.includes(power) ? power : { text: "?", tone: "busy" };
}

function notesOn(host: HostView): readonly string[] {
  const { acceleration, concerns, hasGuard, hypervisor, power } = host;
  const by = hypervisor ? `${hypervisor}, ` : "";
  return [
    ...(acceleration ? [`${by}${acceleration.kind}: ${acceleration.reason}`] : []),
    ...(hasGuard === false ? ["its guard does not answer its agent"] : []),
    ...(power === null || states.includes(power) ? [] : [`its power controller: ${power}`]),
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
