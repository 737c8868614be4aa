/**
 * Aligned tables for people.
 *
 * Cells know their tone and not their colour, because a colour has no width: what is padded is the
 * text, and the paint goes on afterwards. Where there is no terminal, paint does nothing.
 */
import type { InstanceState } from "@holdfast/cloud/instances";
import { plain } from "./words.ts";

export type Tone = "good" | "busy" | "bad" | "dim" | "strong";
export type Paint = (tone: Tone, text: string) => string;
export type Cell = string | { readonly text: string; readonly tone: Tone };

export const noPaint: Paint = (_, text) => text;

const codes: Readonly<Record<Tone, number>> = { good: 32, busy: 33, bad: 31, dim: 2, strong: 1 };
export const ansiPaint: Paint = (tone, text) =>
  text ? `\u001b[${codes[tone]}m${text}\u001b[0m` : "";

/** Columns two spaces apart, headings first; ends without a line break. Numbers stand to the right. */
export function table(
  headings: readonly string[],
  rows: readonly (readonly Cell[])[],
  paint: Paint,
): string {
  const widths = headings.map((heading, column) =>
    Math.max(widthOf(heading), ...rows.map((row) => widthOf(textOf(row[column])))),
  );
  const isNumeric = headings.map((_, column) => {
    const texts = rows.map((row) => textOf(row[column]));
    return (
      texts.every((text) => /^-?[\d.,]+$|^$|^-$/.test(text)) &&
      texts.some((text) => /\d/.test(text))
    );
  });
  const line = (cells: readonly Cell[]) =>
    headings
      .map((_, column) => {
        const cell = cells[column] ?? "";
        const text = textOf(cell);
        const gap = " ".repeat((widths[column] ?? 0) - widthOf(text));
        const painted = typeof cell === "string" ? text : paint(cell.tone, text);
        const isLast = column === headings.length - 1;
        return isNumeric[column] ? gap + painted : isLast ? painted : painted + gap;
      })
      .join("  ")
      .trimEnd();
  return [line(headings.map((text) => ({ text, tone: "dim" }))), ...rows.map(line)].join("\n");
}

/** Pairs of a name and what it is, one a line; those without a text are left out. */
export function facts(
  pairs: readonly (readonly [name: string, cell: Cell | undefined])[],
  paint: Paint,
): string {
  const told = pairs.filter(([, cell]) => cell !== undefined && textOf(cell) !== "");
  const width = Math.max(0, ...told.map(([name]) => name.length));
  return told
    .map(([name, cell = ""]) => {
      const text = typeof cell === "string" ? plain(cell) : paint(cell.tone, textOf(cell));
      return `  ${paint("dim", name.padEnd(width))}  ${text}`;
    })
    .join("\n");
}

const textOf = (cell: Cell | undefined) =>
  plain(cell === undefined ? "" : typeof cell === "string" ? cell : cell.text);

/** Code points are close enough: names here are ASCII, and messages stand last. */
const widthOf = (text: string) => [...text].length;

const tones: Readonly<Record<InstanceState, Tone | undefined>> = {
  provisioning: "busy",
  starting: "busy",
  stopping: "busy",
  migrating: "busy",
  expunging: "busy",
  running: "good",
  stopped: undefined,
  lost: "bad",
  failed: "bad",
  destroyed: "dim",
  expunged: "dim",
};

/** The state of an instance in its colour. */
export function stateCell(state: InstanceState): Cell {
  const tone = tones[state];
  return tone ? { text: state, tone } : state;
}
