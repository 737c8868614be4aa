/**
 * Pieces of nft's language: chains, sets and counters, as lines.
 *
 * nft refuses a block on one line, and an empty list of elements: both are taken care of here.
 */
import { createHash } from "node:crypto";
import type { Port } from "./driver.ts";
import { shortOf } from "./names.ts";

export const own = (family: string, name: string, lines: readonly string[]) =>
  `table ${family} ${name} {\n${lines.map((line) => ` ${line}\n`).join("")}}\n`;

export const chain = (name: string, lines: readonly string[]) => [
  `chain ${name} {`,
  ...lines.map((line) => ` ${line}`),
  "}",
];

export const set = (
  kind: "set" | "map",
  name: string,
  type: string,
  elements: readonly string[],
) => [
  `${kind} ${name} {`,
  ` ${type}`,
  ...(elements.length > 0 ? [` elements = { ${elements.join(",\n  ")} }`] : []),
  "}",
];

export const hook = (name: string, priority: string | number, type = "filter") =>
  `type ${type} hook ${name} priority ${priority}; policy accept;`;

/** Of a chain without rules, whose name says which text is in force: that is cheap to look up. */
export const markOf = (text: string) =>
  `is_${createHash("sha256").update(text).digest("hex").slice(0, 16)}`;

/** Packets that were dropped before: counters go on from there. By name, see `counterOf`. */
export type Counts = ReadonlyMap<string, number>;
export const counterOf = (what: "spoofed" | "ingress" | "egress", { nic }: Pick<Port, "nic">) =>
  `${what}_${shortOf(nic)}`;

export const counter = (name: string, counts: Counts) => [
  `counter ${name} {`,
  ` packets ${counts.get(name) ?? 0} bytes 0`,
  "}",
];
