/** What can carry tags, and how many. */

/** On one thing. */
export const mostTags = 50;
/** In characters. */
export const longestKey = 128;
export const longestValue = 256;

/**
 * By our word for it: how the rows of tags call it, which is EC2's word; the table that it is a row of; what it is
 * called by there besides its id, where `x` is the row; and what its journal is of.
 */
export const taggable = {
  instance: {
    row: "instance",
    table: "instance",
    journal: "instance",
    called: "x.name = $2 and not x.is_expunged",
  },
  volume: {
    row: "volume",
    table: "volume",
    journal: "volume",
    called: `x.state <> 'expunged' and x.successor_id is null and (x.name = $2
      or exists (select from instance i left join attachment a on a.instance_id = i.id
        where i.project_id = $1 and not i.is_expunged and i.name || '.' || x.kind = $2
          and x.kind <> 'data' and x.id in (i.volume_id, a.volume_id)))`,
  },
  snapshot: { row: "snapshot", table: "snapshot", journal: "volume", called: "x.name = $2" },
  image: {
    row: "image",
    table: "image",
    journal: "image",
    called: "x.name = $2 and x.state <> 'deleted'",
  },
  group: {
    row: "security-group",
    table: "security_group",
    journal: "network",
    called: "x.name = $2",
  },
  key: { row: "key-pair", table: "ssh_key", journal: "key", called: "x.name = $2" },
  address: {
    row: "elastic-ip",
    table: "public_address",
    journal: "network",
    called: "(host(x.address) = $2 or x.name = $2)",
  },
} as const;

export type Taggable = keyof typeof taggable;
/** A row of `tag` says what it is on in these words. */
export type TagRowKind = (typeof taggable)[Taggable]["row"];
export const taggableKinds = Object.keys(taggable) as readonly Taggable[] as [
  Taggable,
  ...Taggable[],
]; // As written above.
