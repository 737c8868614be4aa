/**
 * The keys of encrypted volumes: thought up here, sealed in the database, and opened only when a host is told one.
 *
 * In between a key travels sealed, in wishes and tasks as in rows, so whatever is logged or kept of those on the way
 * holds none. The host that must open a disk is told the key itself, over the link that only it and the managers read.
 */
import type { Seal } from "@holdfast/cloud/access/edge";
import { sealedMark } from "@holdfast/cloud/hosts";
import type { MintId, ProjectId, VolumeId, VolumeKeyId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";

/** One that has no row yet. */
export interface NewKey {
  readonly id: VolumeKeyId;
  /** As it is in rows. */
  readonly sealed: string;
}

export interface VolumeKeys {
  make(): NewKey;
  /** What a sealed key, as `keyOf` tells it, is to the host that needs it. Throws if it was sealed with another platform key. */
  open(sealed: string): string;
}

export function volumeKeys(
  seal: Seal,
  mintId: MintId,
  /** 192 random bits, as text. */
  mintSecret: () => string,
): VolumeKeys {
  const opened = new Map<string, string>();
  return {
    make() {
      const id = mintId<"VolumeKey">();
      // Two, since one is shorter than the key that it locks.
      const sealed = seal.close(mintSecret() + mintSecret(), about(id)).toString("base64");
      return { id, sealed };
    },
    open(text) {
      const known = opened.get(text);
      if (known !== undefined) return known;
      const [, id = "", sealed = ""] = text.split(":");
      const key = seal.open(Buffer.from(sealed, "base64"), about(id));
      if (opened.size >= mostOpened) opened.clear();
      opened.set(text, key);
      return key;
    },
  };
}

/** Hosts are told the same ones again and again. */
const mostOpened = 10_000;
const about = (id: string) => `volume-key ${id}`;

/** For queries: the sealed key of what has a `key_id`; null: it is not encrypted. */
export const keyOf = (locked: string) =>
  `case when ${locked}.key_id is not null then
     (select '${sealedMark}' || k.id || ':' || k.sealed from volume_key k where k.id = ${locked}.key_id) end`;

/** The same of one that has no row yet. */
export const sealedText = ({ id, sealed }: NewKey) => `${sealedMark}${id}:${sealed}`;

/** Those that are there already are left alone. */
export async function insertKeys(sql: Sql, keys: readonly NewKey[], now: Instant): Promise<void> {
  if (keys.length === 0) return;
  await sql.query(
    `insert into volume_key (id, sealed, created_at) select *, $3::timestamptz from unnest($1::uuid[], $2::text[])
     on conflict do nothing`,
    [keys.map(({ id }) => id), keys.map(({ sealed }) => sealed), iso(now)],
  );
}

/** Whether a host can be told what opens this volume: so it is where it is plain. */
export async function canOpen(sql: Sql, keys: VolumeKeys, volume: VolumeId): Promise<boolean> {
  return (await whyLocked(sql, keys, volume)) === undefined;
}

/** Before something is begun that reads or writes what is in it. Rejects with `volume_key_missing`. */
export async function mustOpen(
  sql: Sql,
  keys: VolumeKeys,
  volume: VolumeId,
  /** What else can be done. */
  fixOf: (fix: string) => string = (fix) => fix,
): Promise<void> {
  const cause = await whyLocked(sql, keys, volume);
  if (cause === undefined) return;
  throw problem(
    "conflict",
    "volume_key_missing",
    "No manager can open the key of this encrypted volume.",
    {
      fix: fixOf("Put back platform.key of this installation from your backup: docs/encryption.md"),
    },
    cause,
  );
}

async function whyLocked(sql: Sql, keys: VolumeKeys, volume: VolumeId): Promise<unknown> {
  const [row] = await sql.query<{ key: string | null }>(
    `select ${keyOf("v")} as key from volume v where v.id = $1`,
    [volume],
  );
  try {
    if (row?.key) keys.open(row.key);
    return undefined;
  } catch (cause) {
    return cause;
  }
}

/** Whether what is made anew in it is encrypted without being asked for. */
export async function encryptsAll(sql: Sql, project: ProjectId): Promise<boolean> {
  const [row] = await sql.query<{ encrypts: boolean }>(
    "select encrypts_volumes as encrypts from project where id = $1",
    [project],
  );
  return row?.encrypts ?? false;
}

export async function encryptAll(sql: Sql, project: ProjectId, wantAll: boolean): Promise<void> {
  await sql.query("update project set encrypts_volumes = $2 where id = $1", [project, wantAll]);
}
