/**
 * Taking images in: bytes to the store, a look at what they are, and only then `ready`.
 *
 * An import is carried on by whichever manager holds its lease. One that dies lets the lease run out, and
 * another begins again from the address; an upload has to be sent again by whoever sent it.
 */

import type { Readable } from "node:stream";
import type { Blobs, Digest, Disks } from "@holdfast/drivers/images";
import type { ImageId, InstanceId } from "@holdfast/kernel/ids";
import { Problem, problem, viewOf } from "@holdfast/kernel/problem";
import {
  type Clock,
  type Duration,
  type Instant,
  minutes,
  seconds,
  since,
} from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { dropLease, holdLease } from "@holdfast/store/leases";
import { announce } from "@holdfast/store/news";
import type { Manifest } from "../core/manifest.ts";
import { removeRejected, removeUnusedBytes, strayBytes } from "./unused-bytes.ts";

export interface ImportDeps {
  readonly database: Database;
  readonly blobs: Blobs;
  readonly disks: Disks;
  readonly clock: Clock;
  readonly self: string;
  /** How long bytes may lie in the store that belong to no image. */
  readonly keepStrays: () => Duration;
  /** Opens an http(s) address. Rejects with `image_download_failed`. */
  readonly download: (url: string) => Promise<Readable>;
  /** These instances waited for the image. */
  readonly onReady: (instances: readonly InstanceId[]) => void;
  readonly onError: (error: unknown) => void;
}

interface Pending {
  readonly id: ImageId;
  readonly name: string;
  readonly source: string;
  readonly checksum: Digest | null;
  readonly smallestMemoryMiB: number;
  readonly saysReady: boolean;
  readonly bootSeconds: number | null;
  readonly wantsSeed: boolean;
  readonly createdAt: Instant;
}

const leaseLength = seconds(30);
/** How long an image may wait for the bytes that its owner wanted to send. */
const uploadPatience = minutes(15);

export function imageImports(deps: ImportDeps) {
  const { database, blobs, disks, clock, self, download, onReady, onError } = deps;
  const mine = new Set<ImageId>();
  const removeStrays = strayBytes(deps, deps.keepStrays);
  return { take, sweep };

  /** Bytes for an image that waits for them. Rejects with what is wrong with them; the image is `failed` then. */
  async function take(id: ImageId, content: Readable): Promise<void> {
    const [image] = await pending(id);
    if (!image)
      throw problem(
        "conflict",
        "image_not_importing",
        "This image does not wait for any content.",
        {
          fix: "Import it under a new name: holdfast images import FILE --name NAME",
        },
      );
    if (await underLease(image, () => Promise.resolve(content))) return;
    throw problem("conflict", "image_not_importing", "Its content is being sent already.", {
      fix: `Wait for that to end, then look: holdfast images show ${image.name}`,
    });
  }

  /** Carry on whatever nobody carries on. Call now and then. */
  async function sweep(): Promise<void> {
    await removeUnusedBytes(deps);
    await removeStrays();
    for (const image of await pending()) {
      if (mine.has(image.id)) continue;
      if (/^https?:/.test(image.source))
        await underLease(image, () => download(image.source)).catch(onError);
      else if (since(image.createdAt, clock.now()) > uploadPatience)
        await fail(image, neverCame(image.name)).catch(onError);
    }
  }

  /** False if somebody else has it in hand. */
  async function underLease(image: Pending, open: () => Promise<Readable>): Promise<boolean> {
    const lease = `image-import/${image.id}`;
    // A manager's own lease would be renewed, so what it has in hand itself is asked first.
    if (mine.has(image.id) || !(await holdLease(database, lease, self, leaseLength))) return false;
    mine.add(image.id);
    const renewal = setInterval(
      () => void holdLease(database, lease, self, leaseLength).catch(onError),
      leaseLength / 3,
    );
    try {
      await finish(image, await bring(image, await open()));
      return true;
    } catch (error) {
      if (error instanceof Problem && error.code !== "database_unavailable")
        await fail(image, error);
      throw error;
    } finally {
      clearInterval(renewal);
      mine.delete(image.id);
      await dropLease(database, lease, self).catch(onError);
    }
  }

  async function bring(image: Pending, content: Readable): Promise<Manifest> {
    const { digest } = await blobs.put(content, image.checksum ?? undefined);
    const file = await blobs.find(digest);
    if (!file) throw new Error(`blob ${digest} is gone as soon as it came`);
    try {
      const { format, virtualBytes } = await disks.inspect(file);
      const { smallestMemoryMiB, saysReady, wantsSeed } = image;
      const bootSeconds = image.bootSeconds ?? undefined;
      const disk = { digest, format, virtualBytes };
      return { disk, saysReady, bootSeconds, wantsSeed, smallestMemoryMiB };
    } catch (error) {
      await removeRejected(deps, digest);
      throw error;
    }
  }

  async function finish(image: Pending, manifest: Manifest): Promise<void> {
    const waiting = await database.transaction(async (sql) => {
      await sql.query(
        "update image set state = 'ready', manifest = $2 where id = $1 and state = 'importing'",
        [image.id, JSON.stringify(manifest)],
      );
      const entry = {
        at: clock.now(),
        kind: "image",
        subject: image.id,
        event: "imported",
      } as const;
      await appendJournal(sql, [
        { ...entry, actor: "holdfast", from: "importing", to: "ready", detail: manifest },
      ]);
      await announce(sql, { from: self, images: true });
      return waitingFor(sql, image.id);
    });
    onReady(waiting);
  }

  async function fail(image: Pending, reason: Problem): Promise<void> {
    const waiting = await database.transaction(async (sql) => {
      await sql.query(
        "update image set state = 'failed', problem = $2 where id = $1 and state = 'importing'",
        [image.id, JSON.stringify(viewOf(reason))],
      );
      const entry = {
        at: clock.now(),
        kind: "image",
        subject: image.id,
        event: "importFailed",
      } as const;
      await appendJournal(sql, [
        { ...entry, actor: "holdfast", from: "importing", to: "failed", detail: viewOf(reason) },
      ]);
      return waitingFor(sql, image.id);
    });
    onReady(waiting);
  }

  async function waitingFor(sql: Pick<Database, "query">, id: ImageId): Promise<InstanceId[]> {
    const rows = await sql.query<{ id: InstanceId }>(
      "select id from instance where image_id = $1 and not is_expunged and state = 'provisioning'",
      [id],
    );
    return rows.map((row) => row.id);
  }

  function pending(id?: ImageId): Promise<readonly Pending[]> {
    return database.query<Pending>(
      `select id, name, source, import->>'checksum' as checksum,
         (import->>'smallestMemoryMiB')::int as "smallestMemoryMiB",
         coalesce((import->>'saysReady')::boolean, false) as "saysReady",
         (import->>'bootSeconds')::int as "bootSeconds",
         coalesce((import->>'wantsSeed')::boolean, false) as "wantsSeed", created_at as "createdAt"
       from image where state = 'importing' and import->>'captured' is null and ($1::uuid is null or id = $1)`,
      [id ?? null],
    );
  }
}

const neverCame = (name: string) =>
  problem("invalid", "image_upload_missing", `The content of ${name} was never sent.`, {
    fix: "Delete it and import it again: holdfast images import FILE --name NAME",
  });
