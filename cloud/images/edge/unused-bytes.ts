/**
 * The bytes of images that are gone, and those that no image was ever made of: removed when nothing consists of them.
 *
 * A deleted image keeps its manifest until its bytes have been seen to, so a manager that ends in between leaves word for
 * the next. While an image is being imported none are removed: those that are just coming in may be the same.
 */
import type { Blobs, Digest } from "@holdfast/drivers/images";
import type { ImageId } from "@holdfast/kernel/ids";
import { type Clock, type Duration, type Instant, since } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { blobsOf, type Manifest } from "../core/manifest.ts";

interface Deps {
  readonly database: Database;
  readonly blobs: Blobs;
}

/** Safe to repeat, and to call beside itself. Call when an image was deleted, and now and then. */
export async function removeUnusedBytes(deps: Deps): Promise<void> {
  const { database } = deps;
  const gone = await database.query<{ id: ImageId; manifest: Manifest }>(
    `select id, manifest from image i where state = 'deleted' and manifest is not null
       and not exists (select from instance n where n.image_id = i.id and not n.is_expunged)
       and not exists (select from image where state = 'importing')`,
  );
  for (const { id, manifest } of gone) {
    for (const digest of blobsOf(manifest)) await removeUnless(deps, digest, id);
    await database.query("update image set manifest = null where id = $1", [id]);
  }
}

/**
 * Removes what has been in the store for `keep` and belongs to no image, as whoever ended between bringing the bytes and
 * registering them has left it. Since when is remembered here, so a new manager counts from its beginning. Call now and then.
 */
export function strayBytes(
  { database, blobs, clock }: Deps & { readonly clock: Clock },
  keep: () => Duration,
): () => Promise<void> {
  const strays = new Map<Digest, Instant>();
  return async () => {
    const images = await database.query<{ state: string; manifest: Manifest | null }>(
      `select state, manifest from image i where state <> 'deleted'
         or exists (select from instance n where n.image_id = i.id and not n.is_expunged)`,
    );
    if (images.some(({ state }) => state === "importing")) return;
    const used = new Set(images.flatMap(({ manifest }) => (manifest ? blobsOf(manifest) : [])));
    const found = new Set((await blobs.list()).filter((digest) => !used.has(digest)));
    for (const digest of strays.keys()) if (!found.has(digest)) strays.delete(digest);
    for (const digest of found) {
      const from = strays.get(digest) ?? clock.now();
      strays.set(digest, from);
      if (since(from, clock.now()) >= keep()) await removeUnless({ database, blobs }, digest);
    }
  };
}

/** What came in and turned out to be nothing that could be used. */
export const removeRejected = (deps: Deps, digest: Digest): Promise<void> =>
  removeUnless(deps, digest);

/** Another image may consist of the same bytes, and one that is deleted may still have guests. */
async function removeUnless(
  { database, blobs }: Deps,
  digest: Digest,
  except?: ImageId,
): Promise<void> {
  const [user] = await database.query(
    `select from image i where manifest::text like '%' || $1 || '%' and id is distinct from $2
       and (state <> 'deleted' or exists (select from instance n where n.image_id = i.id and not n.is_expunged))
     limit 1`,
    [digest, except ?? null],
  );
  if (!user) await blobs.remove(digest);
}
