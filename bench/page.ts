/**
 * docs/benchmarks.md and its charts, out of what the benches have found and kept.
 *
 * Each finding carries the machine and the load that it was made under, because benches are run again one by one:
 * two figures of this page are comparable only if they stand in the same row.
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem } from "node:os";
import { join } from "node:path";
import { drawCurve, exponentOf } from "./charts.ts";
import {
  type BenchResult,
  type Curve,
  type Figure,
  goalText,
  quantity,
  ratioText,
  sideText,
  standing,
} from "./figures.ts";

export interface Finding {
  readonly name: string;
  readonly result: BenchResult;
  /** How long the bench took. */
  readonly seconds: number;
  readonly machine: string;
  /** One, five and fifteen minutes. */
  readonly load: { readonly before: string; readonly after: string };
  /** UTC. */
  readonly at: string;
}

const docs = join(import.meta.dirname, "..", "docs");
const kept = join(docs, "benchmarks");

export function machineNow(): string {
  const [cpu] = cpus();
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`;
  return `${cpus().length} cores of ${cpu?.model ?? "an unknown processor"}, ${memory}, Linux ${release()}, Node ${process.versions.node}`;
}

export function keep(finding: Finding): void {
  mkdirSync(kept, { recursive: true });
  writeFileSync(join(kept, `${finding.name}.json`), `${JSON.stringify(finding, null, 2)}\n`);
}

export function findings(): readonly Finding[] {
  return readdirSync(kept)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => JSON.parse(readFileSync(join(kept, file), "utf8")) as Finding); // `keep` wrote it.
}

/** Returns how many benches are on it. */
export function writePage(all: readonly Finding[]): number {
  for (const file of readdirSync(kept)) if (file.endsWith(".svg")) rmSync(join(kept, file));
  for (const curve of all.flatMap(({ result }) => result.curves ?? []))
    writeFileSync(join(kept, `${curve.name}.svg`), drawCurve(curve));
  writeFileSync(join(docs, "benchmarks.md"), pageOf(all));
  return all.length;
}

export function pageOf(all: readonly Finding[]): string {
  const goals = all.flatMap(({ result }) => result.figures).flatMap((one) => standing(one) ?? []);
  const missed = goals.filter((one) => one === "not met").length;
  return `# Benchmarks

<!-- Made by \`npm run bench\` out of docs/benchmarks/*.json. Run that, do not change this. -->

Each figure stands beside a floor or a peer that was measured in the same run, in turns. Machines are shared and noisy:
read the ratios first, and the load that each bench was run under. \`npm run bench\` runs all of it in some minutes,
\`npm run bench -- NAME\` one. How each is measured, and longer ways to run it: [bench/README.md](../bench/README.md).

${goals.length} goals are set here; ${missed === 0 ? "all are met" : `${missed} of them ${missed === 1 ? "is" : "are"} not met`}.

${all.map(section).join("\n\n")}
`;
}

function section({ name, result, machine, load, at, seconds }: Finding): string {
  const { what, figures, curves = [], notes = [], cannot } = result;
  const where = `${at} UTC, ${seconds} s; load ${load.before} before and ${load.after} after. ${machine}.`;
  if (cannot) return `## ${name}\n\nIt could not run here: ${escaped(cannot)}.\n\n${where}`;
  return [
    `## ${name}`,
    `${what.charAt(0).toUpperCase()}${what.slice(1)}.`,
    [
      "| | | ours | against | ratio | goal | |",
      "|---|---|---:|---|---:|---|---|",
      ...figures.map(row),
    ].join("\n"),
    ...curves.map(picture),
    ...(notes.length > 0 ? [notes.map((note) => `- ${note}`).join("\n")] : []),
    where,
  ].join("\n\n");
}

function row(figure: Figure): string {
  const [ours, ...others] = figure.sides;
  const against = others.map((side) => `${sideText(side)} ${side.name}`).join(", ");
  const cells = [
    `**${figure.name}**`,
    figure.what,
    sideText(ours),
    against,
    ratioText(figure),
    goalText(figure.goal),
    standing(figure) ?? "",
  ];
  return `| ${cells.map(escaped).join(" | ")} |`;
}

function picture({ name, title, lines }: Curve): string {
  const slopes = lines.map(
    (line) =>
      `${line.name} n^${exponentOf(line.points).toFixed(2)}, ${quantity(line.points.at(-1)?.y ?? 0)} at last`,
  );
  return `![${title}: ${slopes.join("; ")}](benchmarks/${name}.svg)`;
}

const escaped = (text: string) => text.replaceAll("|", "\\|").replaceAll("\n", " ");
