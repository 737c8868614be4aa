/**
 * The disks that new instances ask for besides their roots: found or thought up, not yet written.
 *
 * What was found may be somebody else's when the instances are born; the row of the attachment is what decides.
 */
import type { MintId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { fit } from "../core/attach.ts";
import type { VolumeState } from "../core/lifecycle.ts";
import { type Disk, localPool } from "../core/model.ts";
import type { NewDisk } from "./attachments.ts";
import { keyOf, type NewKey, sealedText, type VolumeKeys } from "./keys.ts";
import { findVolume } from "./lookup.ts";
import { tooManyDisks, volumeInUse } from "./refusals.ts";

export interface NewDisksRequest {
  readonly volumes: readonly (
    | { readonly volume: string; readonly deleteWithInstance: boolean }
    | {
        readonly sizeGiB: number;
        readonly deleteWithInstance: boolean;
        readonly encrypted: boolean;
      }
  )[];
  readonly ephemeralGiB: number | undefined;
  /** Every new one is. */
  readonly areEncrypted: boolean;
  readonly isEphemeralEncrypted: boolean;
  /** Of the instances, in order. */
  readonly names: readonly string[];
  /** Where new ones are made. */
  readonly pool: string;
}

const gib = 2 ** 30;

/**
 * One list for each instance. Rejects with `volume_not_found`, `volume_in_use`, `volume_not_attachable`,
 * `volume_elsewhere` and `too_many_disks`.
 */
export async function planDisks(
  sql: Sql,
  project: ProjectId,
  { volumes, ephemeralGiB, areEncrypted, isEphemeralEncrypted, names, pool }: NewDisksRequest,
  keys: VolumeKeys,
  mintId: MintId,
  mostDisks: number,
): Promise<readonly (readonly NewDisk[])[]> {
  const [first = "it"] = names;
  if (volumes.length + (ephemeralGiB === undefined ? 0 : 1) + 1 > mostDisks)
    throw tooManyDisks(first, mostDisks);
  const known = new Map<string, NewDisk>();
  for (const one of volumes) {
    if (!("volume" in one)) continue;
    if (names.length > 1 || known.has(one.volume)) throw volumeInUse(one.volume, first);
    known.set(one.volume, await findFree(sql, project, one.volume, one.deleteWithInstance));
  }
  apart(
    [...known.values()].map(({ disk }) => disk),
    first,
  );
  return names.map((instance) => {
    let fresh = 0;
    const data = volumes.map((one, index) => {
      const found = "volume" in one ? known.get(one.volume) : undefined;
      if (found) return { ...found, slot: index + 1 };
      const { sizeGiB = 1 } = "sizeGiB" in one ? one : {};
      const name = `${instance}-data${fresh++ === 0 ? "" : `-${fresh}`}`;
      return blank(
        mintId<"Volume">(),
        "data",
        pool,
        sizeGiB * gib,
        index + 1,
        name,
        one.deleteWithInstance,
        areEncrypted || ("sizeGiB" in one && one.encrypted) ? keys.make() : undefined,
      );
    });
    if (ephemeralGiB === undefined) return data;
    const id = mintId<"Volume">();
    return [
      ...data,
      blank(
        ...([id, "ephemeral", localPool, ephemeralGiB * gib, data.length + 1] as const),
        ...([
          undefined,
          true,
          areEncrypted || isEphemeralEncrypted ? keys.make() : undefined,
        ] as const),
      ),
    ];
  });
}

function blank(
  volume: VolumeId,
  kind: "data" | "ephemeral",
  pool: string,
  bytes: number,
  slot: number,
  name: string | undefined,
  deleteWithInstance: boolean,
  key: NewKey | undefined,
): NewDisk {
  return {
    disk: { volume, pool, kind, state: "allocated", host: null, workedOnBy: null },
    wished: {
      ...{ volume, pool, bytes, kind, origin: "blank", limits: null },
      ...(key ? { key: sealedText(key) } : {}),
    },
    key,
    ...{ slot, deleteWithInstance, name },
    isKnown: false,
    isThere: kind === "ephemeral", // A data volume is made first.
  };
}

async function findFree(
  sql: Sql,
  project: ProjectId,
  asked: string,
  deleteWithInstance: boolean,
): Promise<NewDisk> {
  const id = await findVolume(sql, project, asked);
  const [row] = await sql.query<
    Pick<Disk, "pool" | "kind" | "host"> & {
      state: VolumeState;
      bytes: number;
      iops: number | null;
      bytesPerSecond: number | null;
      owner: string | null;
      key: string | null;
    }
  >(
    `select v.pool, v.kind, v.host_id as host, v.state, v.size_bytes as bytes, v.iops, v.bytes_per_second as "bytesPerSecond", ${keyOf("v")} as key,
       (select i.name from attachment a join instance i on i.id = a.instance_id where a.volume_id = v.id) as owner
     from volume v where v.id = $1`,
    [id],
  );
  if (!row) throw new Error(`the volume ${id} that was found is gone`);
  const { pool, kind, host, state, bytes, iops, bytesPerSecond, owner, key } = row;
  if (owner) throw volumeInUse(asked, owner);
  if (kind !== "data" || !["allocated", "creating", "ready"].includes(state))
    throw problem(
      "conflict",
      "volume_not_attachable",
      kind === "data" ? `${asked} is ${state}.` : `${asked} belongs to one instance for ever.`,
      { fix: "Make a volume: holdfast volumes create NAME --size GIB" },
    );
  const limits =
    iops === null && bytesPerSecond === null
      ? null
      : {
          ...(iops === null ? {} : { iops }),
          ...(bytesPerSecond === null ? {} : { bytesPerSecond }),
        };
  return {
    disk: { volume: id, pool, kind, state, host, workedOnBy: null },
    wished: {
      ...{ volume: id, pool, bytes, kind, origin: "blank", limits },
      ...(key === null ? {} : { key }),
    },
    key: undefined,
    ...{ slot: 1, deleteWithInstance, name: undefined },
    isKnown: true,
    isThere: state === "ready",
  };
}

/** Disks on the own storage of two hosts cannot come together. */
function apart(disks: readonly Disk[], instance: string): void {
  for (const disk of disks) {
    const found = fit(disk, { home: null, pools: [], disks });
    if (found.is === "elsewhere")
      throw problem(
        "conflict",
        "volume_elsewhere",
        `The volumes that ${instance} should have are on the disks of two hosts: neither can go to the other.`,
        { fix: "See where they are: holdfast volumes" },
      );
  }
}
