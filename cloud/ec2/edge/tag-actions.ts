/** Tags: put on things and taken from them, and listed as things of their own. */
import { type Taggable, taggable } from "@holdfast/cloud/tags";
import { changeTags, type TagChange, type Thing } from "@holdfast/cloud/tags/edge";
import { refuse, shortened } from "../core/errors.ts";
import { filtering } from "../core/filters.ts";
import { idOf, type Noun, readId } from "../core/ids.ts";
import type { TagDescription } from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { digits } from "./instance-rows.ts";
import { pageOf } from "./pages.ts";
import { checkTags, type Kind, wordsOf } from "./tags.ts";

/** What EC2 calls it, by the prefix of its id. */
const nouns: Readonly<Record<string, readonly [Noun & Taggable, notFound: string]>> = {
  i: ["instance", "InvalidInstanceID.NotFound"],
  vol: ["volume", "InvalidVolume.NotFound"],
  snap: ["snapshot", "InvalidSnapshot.NotFound"],
  ami: ["image", "InvalidAMIID.NotFound"],
  sg: ["group", "InvalidGroup.NotFound"],
  key: ["key", "InvalidKeyPair.NotFound"],
  eipalloc: ["address", "InvalidAllocationID.NotFound"],
};
const nounOf = new Map<Kind, Noun>(
  Object.values(nouns).map(([noun]) => [taggable[noun].row, noun]),
);

/** Rejects with the refusal of the first that is not there, or cannot carry tags. */
async function findTaggable(
  { database, project }: Call,
  ids: readonly string[],
): Promise<readonly Thing[]> {
  const wanted = [...new Set(ids)].map((id) => {
    const known = nouns[id.slice(0, Math.max(0, id.indexOf("-")))];
    if (!known)
      throw refuse("InvalidID", `The ID '${shortened(id)}' is not of anything that can carry tags`);
    const [kind, notFound] = known;
    return { id, kind, notFound, last: readId(kind, id) };
  });
  const kinds = [...new Set(wanted.map(({ kind }) => kind))];
  const rows = await Promise.all(
    kinds.map((kind) =>
      database.query<Thing & { readonly last: string }>(
        `select id, $3::text as kind, ${digits("id")} as last from ${taggable[kind].table}
         where project_id = $1 and ${digits("id")} = any($2)`,
        [project, wanted.flatMap((one) => (one.kind === kind ? [one.last] : [])), kind],
      ),
    ),
  );
  const found = new Map(rows.flat().map(({ kind, id, last }) => [`${kind} ${last}`, { kind, id }]));
  return wanted.map(({ id, kind, last, notFound }) => {
    const one = found.get(`${kind} ${last}`);
    if (!one) throw refuse(notFound, `The ID '${shortened(id)}' does not exist`);
    return one;
  });
}

function change(
  { database, project, clock, caller, requestId }: Call<"CreateTags" | "DeleteTags">,
  things: readonly Thing[],
  wanted: TagChange,
): Promise<void> {
  const told = { at: clock.now(), actor: caller.name, requestId };
  return database.transaction((sql) => changeTags(sql, project, things, wanted, told));
}

const mostResources = 1_000;

function checkCount(ids: readonly string[] | undefined): readonly string[] {
  if (!ids || ids.length === 0)
    throw refuse("MissingParameter", "The request must contain the parameter resourceIdSet");
  if (ids.length > mostResources)
    throw refuse("InvalidParameterValue", `A request has at most ${mostResources} resources`);
  return ids;
}

export const tagAnswers: Answers = {
  async CreateTags(call) {
    const tags = checkTags(call.input.Tags ?? []);
    if (tags.length === 0)
      throw refuse("MissingParameter", "The request must contain the parameter tagSet");
    const found = await findTaggable(call, checkCount(call.input.Resources));
    await change(call, found, { set: wordsOf(tags) });
    return {};
  },

  async DeleteTags(call) {
    const found = await findTaggable(call, checkCount(call.input.Resources));
    const gone = (call.input.Tags ?? []).map(({ Key = "", Value }) => ({ key: Key, value: Value }));
    await change(call, found, gone.length > 0 ? { remove: gone } : { removeAll: true });
    return {};
  },

  async DescribeTags({ database, project, input }) {
    // What is gone carries none, whoever has removed it.
    const rows = await database.query<{ resource: string; kind: Kind; key: string; value: string }>(
      `select t.resource, t.kind, t.key, t.value from tag t where t.project_id = $1 and case t.kind
         ${Object.values(taggable)
           .map(
             ({ row, table }) =>
               `when '${row}' then exists (select from ${table} x where x.id = t.resource)`,
           )
           .join(" ")} end`,
      [project],
    );
    const passes = filtering<TagDescription>(
      input.Filters,
      {
        key: ({ Key }) => Key,
        "resource-id": ({ ResourceId }) => ResourceId,
        "resource-type": ({ ResourceType }) => ResourceType,
        value: ({ Value }) => Value,
      },
      ({ Key = "", Value = "" }) => [{ Key, Value }],
    );
    const all = rows
      .map(
        ({ resource, kind, key, value }): TagDescription => ({
          Key: key,
          ResourceId: idOf(nounOf.get(kind) ?? "instance", resource),
          ResourceType: kind,
          Value: value,
        }),
      )
      .filter(passes);
    const { page, next } = pageOf(all, (one) => `${one.ResourceId} ${one.Key}`, input, "tag");
    return { Tags: page, ...next };
  },
};
