/** Tags as rows: what users have written on their things. */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { refuse, shortened } from "../core/errors.ts";
import type { Tag } from "../core/filters.ts";
import type { TagSpecification } from "../core/words.ts";

/** What can carry tags, as EC2 calls it, and the table that it is a row of. */
export const taggable = {
  instance: "instance",
  volume: "volume",
  snapshot: "snapshot",
  image: "image",
  "security-group": "security_group",
  "key-pair": "ssh_key",
  "elastic-ip": "public_address",
} as const;
export type Kind = keyof typeof taggable;

const most = 50;
const longestKey = 128;
const longestValue = 256;

/** For queries: the tags of the thing of this column. */
export const tagsOf = (id: string) =>
  `coalesce((select json_agg(json_build_object('Key', t.key, 'Value', t.value) order by t.key)
     from tag t where t.resource = ${id}), '[]')`;

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
  if (tags.length > most) throw tooMany();
  return tags;
}

/** As the native API takes them: it looks whether those are there that must be. */
export const wordsOf = (tags: readonly Tag[]): Readonly<Record<string, string>> =>
  Object.fromEntries(tags.map(({ Key, Value }) => [Key, Value]));

/** Adds them, or changes their values. Rejects with a refusal if that makes too many of one. */
export async function writeTags(
  sql: Sql,
  project: ProjectId,
  kind: Kind,
  resources: readonly string[],
  tags: readonly Tag[],
): Promise<void> {
  if (resources.length === 0 || tags.length === 0) return;
  await sql.query(
    `insert into tag (resource, project_id, kind, key, value)
     select r, $2, $3, t.key, t.value from unnest($1::uuid[]) r
       cross join unnest($4::text[], $5::text[]) as t (key, value)
     on conflict (resource, key) do update set value = excluded.value`,
    [resources, project, kind, tags.map(({ Key }) => Key), tags.map(({ Value }) => Value)],
  );
  const [full] = await sql.query(
    "select resource from tag where resource = any($1) group by resource having count(*) > $2",
    [resources, most],
  );
  if (full) throw tooMany();
}

/** Without a value: whatever it is. Without any: all that it has. */
export async function removeTags(
  sql: Sql,
  resources: readonly string[],
  tags:
    | readonly { readonly Key?: string | undefined; readonly Value?: string | undefined }[]
    | undefined,
): Promise<void> {
  if (!tags || tags.length === 0) {
    await sql.query("delete from tag where resource = any($1)", [resources]);
    return;
  }
  await sql.query(
    `delete from tag using unnest($2::text[], $3::text[]) as gone (key, value)
     where resource = any($1) and tag.key = gone.key and (gone.value is null or gone.value = tag.value)`,
    [resources, tags.map(({ Key }) => Key ?? ""), tags.map(({ Value }) => Value ?? null)],
  );
}

const tooMany = () => refuse("TagLimitExceeded", `A resource has at most ${most} tags`);
