/**
 * A death certificate for people: the cause first, then what it rests on, then what became of it.
 *
 * Whoever reads it is not calm. So the first line says what happened, everything else has its place, and
 * the last line says what to do.
 */
import type { DeathView, WhyView } from "@holdfast/cloud/deaths/api";
import type { Instant } from "@holdfast/kernel/time";
import { facts, type Paint, table } from "./table.ts";
import { clockTime, plain, relative } from "./words.ts";

/** Columns at which longer texts are broken. Times and witnesses take thirty of them. */
const width = 96;

export function whyText(why: WhyView, now: Instant, paint: Paint): string {
  const { name, state, death, order, says } = why;
  if (!death) return order ? plain(says) : `${plain(says)} It is ${state}.`;
  const certificate = certificateText(death, now, paint);
  return order ? `${plain(says)} Before that it had died:\n\n${certificate}` : certificate;

  function certificateText(one: DeathView, moment: Instant, ink: Paint): string {
    const sections = [
      `${ink("strong", `${name}, generation ${one.generation}`)}: ${ink("bad", plain(one.cause))}\n${wrap(one.says)}`,
      facts(headOf(one, moment), ink),
      section(
        "Evidence",
        one.evidence.map((found) => lineOf(found.at, found.says, found.source)),
        ink,
      ),
      section(
        "Last words on its console",
        one.console.map((line) => `  | ${plain(line)}`),
        ink,
      ),
      section(
        "Sought and not found",
        one.sought.map(({ what, why: reason }) => wrap(`- ${what}: ${reason}`, "  ", "    ")),
        ink,
      ),
      section(
        "What Holdfast did",
        one.did.map(({ at, says: deed }) => lineOf(at, deed)),
        ink,
      ),
      section("Next", [wrap(one.next, "  ")], ink),
    ];
    return sections.filter(Boolean).join("\n\n");
  }

  function lineOf(at: number, text: string, source = ""): string {
    const head = `  ${clockTime(at)}  ${source ? `${source.padEnd(13)}  ` : ""}`;
    const indent = " ".repeat(head.length);
    return `  ${paint("dim", head.slice(2))}${wrap(text, indent).slice(indent.length)}`;
  }
}

export function deathTable(deaths: readonly DeathView[], now: Instant, paint: Paint): string {
  const rows = deaths.map((one) => [
    one.name,
    String(one.generation),
    { text: one.cause, tone: "bad" } as const,
    one.layer,
    one.host.name,
    relative(one.at, now),
    one.says,
  ]);
  return table(["NAME", "GEN", "CAUSE", "LAYER", "HOST", "WHEN", "WHAT HAPPENED"], rows, paint);
}

function headOf(one: DeathView, now: Instant): readonly (readonly [string, string | undefined])[] {
  const { panic, fence, amended } = one;
  const at =
    panic && [panic.function, panic.module && `in ${panic.module}`].filter(Boolean).join(" ");
  return [
    ["when", `${clockTime(one.at)}, ${relative(one.at, now)}`],
    ["where", one.host.name],
    ["layer", one.layer],
    ["certainty", certainty[one.confidence]],
    ["fault", panic ? `${panic.class}${at ? `, ${at}` : ""}` : undefined],
    ["verdict", panic?.because],
    ["proof", fence ? `${fence.proof}, certificate ${fence.certificate}` : undefined],
    [
      "amended",
      amended === null
        ? undefined
        : `${relative(amended.at, now)}, when its host told more${amended.was === one.cause ? "" : `; it was first taken for ${amended.was}`}`,
    ],
  ];
}

const certainty: Readonly<Record<DeathView["confidence"], string>> = {
  certain: "certain: the evidence leaves no other cause",
  likely: "likely: it rests on one witness, or something speaks against it",
  none: "none: the evidence does not say",
};

function section(title: string, lines: readonly string[], paint: Paint): string {
  return lines.length > 0 ? `${paint("strong", title)}\n${lines.join("\n")}` : "";
}

/** Words in lines of at most `width`, the first with one indent and the others with another. */
function wrap(text: string, first = "", others = first): string {
  const lines: string[] = [];
  let line = first;
  for (const word of plain(text).split(/\s+/)) {
    const isEmpty = line.trim() === "";
    if (!isEmpty && line.length + 1 + word.length > width) {
      lines.push(line);
      line = others + word;
    } else line = isEmpty ? line + word : `${line} ${word}`;
  }
  return [...lines, line].join("\n");
}
