/** Tags as rows: what users have written on their things. */
import { longestKey, longestValue, mostTags, type TagRowKind } from "@holdfast/cloud/tags";
import { putTags } from "@holdfast/cloud/tags/edge";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { refuse, shortened } from "../core/errors.ts";
import type { Tag } from "../core/filters.ts";
import type { TagSpecification } from "../core/words.ts";

/** What can carry tags, as EC2 calls it. */
export type Kind = TagRowKind;

/** For queries: the tags of the thing of this column. */
export const tagsOf = (id: string) => `coalesce(${tagsOrNull(id)}, '[]')`;

/** The same for long lists: most things have none. */
export const tagsOrNull = (id: string) =>
  `(select json_agg(json_build_object('Key', t.key, 'Value', t.value) order by t.key) from tag t where t.resource = ${id})`;

/** For queries: whether the thing of this column has the tag whose key and values are these parameters; always without one. */
export const hasTag = (id: string, key: string, values: string) =>
  `(${key}::text is null or exists (select from tag t where t.resource = ${id} and t.key = ${key} and t.value = any(${values}::text[])))`;

/** Those of one kind that a request gives to what it makes. Refuses what could not be kept. */
export function tagsFor(
  kind: Kind,
  specifications: readonly TagSpecification[] | undefined,
  others: readonly string[] = [],
): readonly Tag[] {
  const all = specifications ?? [];
  for (const { ResourceType: type = "" } of all)
    if (type !== kind && !others.includes(type))
      throw refuse(
        "InvalidParameterValue",
        `'${shortened(type)}' is not a valid taggable resource type for this operation.`,
      );
  return checkTags(
    all.flatMap(({ ResourceType, Tags = [] }) => (ResourceType === kind ? Tags : [])),
  );
}

export function checkTags(
  given: readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[],
): readonly Tag[] {
  const tags = given.map(({ Key = "", Value = "" }) => ({ Key, Value }));
  for (const { Key: key, Value: value } of tags) {
    if (key === "") throw refuse("InvalidParameterValue", "A tag has no key");
    if (key.length > longestKey)
      throw refuse(
        "InvalidParameterValue",
        `Tag key exceeds the maximum length of ${longestKey} characters`,
      );
    if (value.length > longestValue)
      throw refuse(
        "InvalidParameterValue",
        `Tag value exceeds the maximum length of ${longestValue} characters`,
      );
    if (/^aws:/i.test(key))
      throw refuse(
        "InvalidParameterValue",
        "Tag keys starting with 'aws:' are reserved for internal use",
      );
  }
  if (new Set(tags.map(({ Key }) => Key)).size < tags.length)
    throw refuse("InvalidParameterValue", "Duplicate tag keys in the request");
  if (tags.length > mostTags) throw tooMany();
  return tags;
}

/** As the native API takes them: it looks whether those are there that must be. */
export const wordsOf = (tags: readonly Tag[]): Readonly<Record<string, string>> =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

/** Those of what is new, or beside those that it has. */
export const writeTags = (
  sql: Sql,
  project: ProjectId,
  kind: Kind,
  resources: readonly string[],
  tags: readonly Tag[],
): Promise<void> =>
  putTags(
    sql,
    resources.map((resource) => ({ resource, project, kind, tags: wordsOf(tags) })),
  );

const tooMany = () => refuse("TagLimitExceeded", `A resource has at most ${mostTags} tags`);
