/**
 * Pieces of nft's language: chains, sets and counters, and the text that they make.
 *
 * nft refuses a block on one line, and an empty list of elements: both are taken care of here.
 */
import { createHash } from "node:crypto";
import type { Port } from "./driver.ts";
import { shortOf } from "./names.ts";

/** What a table is made of. */
export type Piece =
  | { readonly is: "chain"; readonly name: string; readonly rules: readonly string[] }
  | {
      readonly is: "set" | "map";
      readonly name: string;
      /** With its flags. */
      readonly type: string;
      readonly elements: readonly string[];
    }
  | { readonly is: "counter"; readonly name: string };

export interface Table {
  readonly family: string;
  readonly name: string;
  readonly pieces: readonly Piece[];
}

export const chain = (name: string, rules: readonly string[]): readonly Piece[] => [
  { is: "chain", name, rules },
];

export const set = (
  is: "set" | "map",
  name: string,
  type: string,
  elements: readonly string[],
): readonly Piece[] => [{ is, name, type, elements }];

export const counter = (name: string): Piece => ({ is: "counter", name });

/** A table with all that is in it. */
export const tableText = ({ family, name, pieces }: Table, counts: Counts = new Map()): string =>
  `table ${family} ${name} {\n${linesOf(pieces, counts)
    .map((line) => ` ${line}\n`)
    .join("")}}\n`;

export const linesOf = (pieces: readonly Piece[], counts: Counts = new Map()): readonly string[] =>
  pieces.flatMap((piece) => [
    `${piece.is} ${piece.name} {`,
    ...within(piece, counts).map((line) => ` ${line}`),
    "}",
  ]);

function within(piece: Piece, counts: Counts): readonly string[] {
  if (piece.is === "chain") return piece.rules;
  if (piece.is === "counter") return [`packets ${counts.get(piece.name) ?? 0} bytes 0`];
  const { type, elements } = piece;
  return [type, ...(elements.length > 0 ? [`elements = { ${elements.join(",\n  ")} }`] : [])];
}

export const hook = (name: string, priority: string | number, type = "filter") =>
  `type ${type} hook ${name} priority ${priority}; policy accept;`;

/** Of a chain without rules, whose name says which text is in force: that is cheap to look up. */
export const markOf = (text: string) =>
  `is_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;
/** Whether a chain is the mark of some text, or begins as one. */
export const isMark = (chain: string) => chain.startsWith("is_");

/** Packets that were dropped before: counters go on from there. By name, see `counterOf`. */
export type Counts = ReadonlyMap<string, number>;
export const counterOf = (what: "spoofed" | "ingress" | "egress", { nic }: Pick<Port, "nic">) =>
  `${what}_${shortOf(nic)}`;
