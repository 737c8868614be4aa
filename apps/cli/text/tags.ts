/** Tags as people read them. */
import type { RequiredTagView } from "@holdfast/cloud/tags/api";
import { type Cell, type Paint, table } from "./table.ts";
import { plain } from "./words.ts";

type Tags = Readonly<Record<string, string>>;

/** A column of tags, for a list in which something has any. */
export function tagColumn<One extends { readonly tags: Tags }>(
  all: readonly One[],
): { readonly heads: readonly string[]; of(one: One): readonly Cell[] } {
  const isAny = all.some(({ tags }) => Object.keys(tags).length > 0);
  return isAny
    ? { heads: ["TAGS"], of: ({ tags }) => [tagWords(tags) || "-"] }
    : { heads: [], of: () => [] };
}

/** `owner=ada stage=live`. */
export const tagWords = (tags: Tags): string =>
  Object.entries(tags)
    .map(([key, value]) => plain(value === "" ? key : `${key}=${value}`))
    .join(" ");

export const tagTable = (tags: Tags, paint: Paint) =>
  Object.keys(tags).length === 0
    ? "It has no tags."
    : table(["TAG", "VALUE"], Object.entries(tags), paint);

export const requiredTagTable = (tags: readonly RequiredTagView[], paint: Paint) =>
  table(
    ["TAG", "VALUES"],
    tags.map(({ key, allowed }) => [key, allowed?.join(", ") ?? "any"]),
    paint,
  );
