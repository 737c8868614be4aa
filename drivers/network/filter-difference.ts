/**
 * From the filters that are in force to others, as one text with no more than what differs: a port more is a
 * few elements, however many rules there are.
 *
 * The text is right only for the very filters that it was made from. It says so itself: the chain that is their mark
 * is removed in it, and where somebody has done that already, nft refuses all of the text.
 */
import type { Piece, Table } from "./nft.ts";

type Chain = Extract<Piece, { is: "chain" }>;
type Listing = Extract<Piece, { is: "set" | "map" }>;

/** A line for each order. Undefined where only the whole text leads from one to the other. */
export function differenceOf(
  before: readonly Table[],
  wanted: readonly Table[],
): string | undefined {
  if (wanted.length === 0 || before.length !== wanted.length) return undefined;
  const all: string[] = [];
  for (const [index, table] of wanted.entries()) {
    const old = before[index];
    if (old?.family !== table.family || old.name !== table.name) return undefined;
    const orders = ordersFor(old, table);
    if (!orders) return undefined;
    all.push(...orders);
  }
  return all.map((line) => `${line}\n`).join("");
}

/** What is referred to comes before who refers to it, and goes after it. */
function ordersFor(before: Table, { family, name, pieces }: Table): readonly string[] | undefined {
  const known = byName(before.pieces);
  const wanted = byName(pieces);
  const fresh = pieces.filter((piece) => !known.has(keyOf(piece)));
  const gone = before.pieces.filter((piece) => !wanted.has(keyOf(piece)));
  const changedChains: Chain[] = [];
  const listings: (readonly [Listing, readonly string[]])[] = [];
  for (const piece of pieces) {
    const old = known.get(keyOf(piece));
    if (piece.is === "chain") {
      const rules = old?.is === "chain" ? old.rules : [];
      if (hookOf(rules) !== hookOf(piece.rules)) return undefined;
      if (!isSame(rules, piece.rules)) changedChains.push(piece);
    } else if (piece.is !== "counter") {
      if (old && old.is !== "counter" && old.is !== "chain" && old.type !== piece.type)
        return undefined;
      listings.push([piece, old && "elements" in old ? old.elements : []]);
    }
  }
  const at = `${family} ${name}`;
  const elements = (verb: "add" | "delete", set: string, all: readonly string[]) =>
    all.length > 0 ? [`${verb} element ${at} ${set} { ${all.join(", ")} }`] : [];
  const isHooked = (piece: Piece) => piece.is === "chain" && hookOf(piece.rules) !== undefined;
  if (gone.some(isHooked)) return undefined;
  const leaving = removalOrder.flatMap((is) => gone.filter((piece) => piece.is === is));
  return [
    ...fresh.map((piece) => `add ${piece.is} ${at} ${piece.name}${bodyOf(piece)}`),
    ...changedChains.map((chain) => `flush chain ${at} ${chain.name}`),
    ...listings.flatMap(([{ name: set, elements: now }, old]) =>
      elements("delete", set, without(old, now).map(indexOf)),
    ),
    ...changedChains.flatMap((chain) =>
      rulesOf(chain).map((rule) => `add rule ${at} ${chain.name} ${rule}`),
    ),
    ...listings.flatMap(([{ name: set, elements: now }, old]) =>
      elements("add", set, without(now, old)),
    ),
    ...leaving.flatMap((piece) =>
      piece.is === "chain" && piece.rules.length > 0 ? [`flush chain ${at} ${piece.name}`] : [],
    ),
    ...leaving.map(({ is, name }) => `delete ${is} ${at} ${name}`),
  ];
}

const removalOrder = ["chain", "map", "set", "counter"] as const;

const keyOf = ({ is, name }: Piece) => `${is} ${name}`;
const byName = (pieces: readonly Piece[]) => new Map(pieces.map((piece) => [keyOf(piece), piece]));
const isSame = (one: readonly string[], other: readonly string[]) =>
  one.length === other.length && one.every((rule, index) => rule === other[index]);

/** Where the kernel calls a chain by itself: the first of its lines. */
const hookOf = ([first]: readonly string[]) =>
  first !== undefined && / hook /.test(first) ? first : undefined;
const rulesOf = ({ rules }: Chain) => (hookOf(rules) === undefined ? rules : rules.slice(1));

/** Of an element of a map: what it is found by. */
const indexOf = (element: string) => element.split(" : ")[0] ?? element;

function without(all: readonly string[], some: readonly string[]): readonly string[] {
  const known = new Set(some);
  return all.filter((element) => !known.has(element));
}

function bodyOf(piece: Piece): string {
  return piece.is === "set" || piece.is === "map" ? ` { ${piece.type.replace(/;?$/, ";")} }` : "";
}
