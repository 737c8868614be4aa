/** The answers to ../api.ts. */

import { mayDo } from "@holdfast/cloud/access";
import { changeShares } from "@holdfast/cloud/access/edge";
import { mustFit } from "@holdfast/cloud/quotas/edge";
import type { Blobs, Digest } from "@holdfast/drivers/images";
import type { ImageId, MintId, ProjectId, VolumeKeyId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Caller, handle } from "@holdfast/kernel/route";
import { type Clock, type Instant, iso } from "@holdfast/kernel/time";
import { brokenConstraint, type Database, type Sql } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import {
  copyImage,
  deleteImage,
  getImage,
  type ImageView,
  importImage,
  listImages,
  registerImage,
  setImageWarmth,
  shareImage,
} from "../api.ts";
import { blobsOf, Manifest } from "../core/manifest.ts";
import { insertCopy } from "./copies.ts";
import { findImageView, pageOfImages, type Whose } from "./images.ts";
import { removeUnusedBytes } from "./unused-bytes.ts";

interface Deps {
  readonly database: Database;
  readonly blobs: Blobs;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly self: string;
  /** Of what is made of an image: written, and not used so far. */
  readonly newKey: (sql: Sql, now: Instant) => Promise<VolumeKeyId>;
  /** Whether what is made anew in a project is encrypted without being asked for. */
  readonly encryptsAll: (sql: Sql, project: ProjectId) => Promise<boolean>;
  /** There is something to fetch. */
  readonly onImport: () => void;
  /** Whether guests of one may start warm is otherwise now. */
  readonly onWarmth: () => void;
}

export function imageRoutes({
  database,
  blobs,
  clock,
  mintId,
  self,
  newKey,
  encryptsAll,
  onImport,
  onWarmth,
}: Deps) {
  return {
    listImages: handle(listImages, async ({ params, query }) => {
      const { items, next } = await pageOfImages(database, params.project, query);
      return { images: items, next };
    }),
    getImage: handle(getImage, async ({ params }) =>
      shown(await findImageView(database, params.project, params.image)),
    ),
    importImage: handle(importImage, async ({ params, body, caller, requestId }) => {
      const id = mintId<"Image">();
      const { checksum, smallestMemoryMiB, saysReady, bootSeconds, wantsSeed } = body;
      await insert(
        params.project,
        id,
        body.name,
        body.url ?? "upload",
        { checksum, smallestMemoryMiB, saysReady, bootSeconds, wantsSeed },
        undefined,
        {
          actor: caller.name,
          requestId,
        },
      );
      if (body.url) onImport();
      return shown(await findImageView(database, params.project, id));
    }),
    copyImage: handle(copyImage, async ({ params, body, caller, requestId }) => {
      const { project } = params;
      const from = await findImageView(database, project, params.image);
      const id = mintId<"Image">();
      const createdAt = clock.now();
      await unlessTaken(body.name, async (sql) => {
        const isWanted = body.encrypted || (await encryptsAll(sql, project));
        const key = isWanted && !from.encrypted ? await newKey(sql, createdAt) : undefined;
        await insertCopy(sql, { id, project, name: body.name, from, createdAt, key });
        const entry = { at: createdAt, kind: "image", subject: id, event: "created" } as const;
        const encrypted = from.encrypted || key !== undefined;
        const detail = { name: body.name, copyOf: from.id, encrypted };
        await appendJournal(sql, [
          { ...entry, to: "ready", actor: caller.name, requestId, detail },
        ]);
      });
      return shown(await findImageView(database, project, id));
    }),
    shareImage: handle(shareImage, async ({ params, body, caller, requestId }) => {
      const image = await findImageView(database, params.project, params.image);
      if (image.whose !== "own") throw notYours(image);
      await database.transaction(async (sql) => {
        await changeShares(sql, params.project, { noun: "image", id: image.id }, body);
        const entry = { at: clock.now(), kind: "image", subject: image.id } as const;
        const told = { actor: caller.name, requestId, detail: body };
        await appendJournal(sql, [{ ...entry, event: "sharesChanged", ...told }]);
      });
      return shown(await findImageView(database, params.project, image.id));
    }),
    deleteImage: handle(deleteImage, async ({ params, query, caller, requestId }) => {
      const image = await findImageView(database, params.project, params.image);
      mustBeTheirs(image, caller);
      await database.transaction(async (sql) => {
        const [user] = await sql.query<{ name: string; isTheirs: boolean }>(
          `select name, project_id = $2 as "isTheirs" from instance
           where image_id = $1 and not is_expunged order by 2 desc limit 1`,
          [image.id, params.project],
        );
        if (user && query.inUse === "refuse") throw inUse(image.name, user);
        await sql.query("delete from image_share where image_id = $1", [image.id]);
        await sql.query("update image set state = 'deleted' where id = $1", [image.id]);
        const entry = {
          at: clock.now(),
          kind: "image",
          subject: image.id,
          event: "deleted",
        } as const;
        await appendJournal(sql, [{ ...entry, actor: caller.name, requestId }]);
        await announce(sql, { from: self, images: true });
      });
      await removeUnusedBytes({ database, blobs });
      return { ...shown(image), state: "deleted" as const };
    }),
    setImageWarmth: handle(setImageWarmth, async ({ params, body, caller, requestId }) => {
      const image = await findImageView(database, params.project, params.image);
      mustBeTheirs(image, caller);
      const manifest = Manifest.safeParse(image.manifest).data; // Still importing: not known.
      if (body.warm && !manifest?.direct) throw cannotBeWarm(image.name);
      await database.transaction(async (sql) => {
        await sql.query("update image set warm = $2 where id = $1", [image.id, body.warm]);
        const entry = { at: clock.now(), kind: "image", subject: image.id } as const;
        const event = body.warm ? "made-warm" : "made-cold";
        await appendJournal(sql, [{ ...entry, event, actor: caller.name, requestId }]);
        await announce(sql, { from: self, images: true });
      });
      onWarmth();
      return shown({ ...image, warm: body.warm });
    }),
    registerImage: handle(registerImage, async ({ body, caller, requestId }) => {
      for (const digest of blobsOf(body.manifest)) await mustHave(digest);
      const told = { actor: caller.name, requestId };
      const [known] = await database.query<{ id: ImageId; manifest: Manifest }>(
        "select id, manifest from image where name = $1 and project_id is null and state = 'ready'",
        [body.name],
      );
      if (known && JSON.stringify(sorted(known.manifest)) === JSON.stringify(sorted(body.manifest)))
        return shown(await findImageView(database, nobody, known.id));
      const id = mintId<"Image">();
      await insert(undefined, id, body.name, body.source, {}, body.manifest, told, known?.id);
      return shown(await findImageView(database, nobody, id));
    }),
  };

  async function insert(
    project: ProjectId | undefined,
    id: ImageId,
    name: string,
    source: string,
    asked: object,
    manifest: Manifest | undefined,
    { actor, requestId }: { actor: string; requestId: string },
    replaced?: ImageId,
  ): Promise<void> {
    const state = manifest ? "ready" : "importing";
    await unlessTaken(name, async (sql) => {
      if (project) await mustFit(sql, project, { images: 1 });
      // A name is moved to the new content; instances keep the image that they were made from.
      if (replaced) await sql.query("update image set state = 'deleted' where id = $1", [replaced]);
      await sql.query(
        `insert into image (id, project_id, name, state, source, import, manifest, created_at)
           values ($1, $2, $3, $4, $5, $6, $7, $8)`,
        [
          id,
          project ?? null,
          name,
          state,
          source,
          JSON.stringify(asked),
          manifest ? JSON.stringify(manifest) : null,
          iso(clock.now()),
        ],
      );
      const entry = {
        at: clock.now(),
        kind: "image",
        subject: id,
        event: "created",
        to: state,
      } as const;
      await appendJournal(sql, [{ ...entry, actor, requestId, detail: { name, source } }]);
    });
  }

  /** In a transaction. Rejects with `image_name_taken`. */
  async function unlessTaken(name: string, write: (sql: Sql) => Promise<void>): Promise<void> {
    try {
      await database.transaction(write);
    } catch (error) {
      if (brokenConstraint(error) !== "image_by_name") throw error;
      throw problem("conflict", "image_name_taken", `There is an image ${name}.`, {
        fix: `Choose another name, or delete it: holdfast images delete ${name}`,
        faults: [{ field: "body.name", reason: "is taken" }],
      });
    }
  }

  async function mustHave(digest: Digest): Promise<void> {
    if (await blobs.find(digest)) return;
    throw problem("not_found", "blob_missing", `The store has no blob ${digest}.`, {
      fix: "Build the image on the manager's machine: holdfast up",
    });
  }
}

/** What is everybody's is the operators', and what is shared is its own project's alone. */
function mustBeTheirs(image: Found, caller: Caller): void {
  if (image.whose === "own") return;
  if (image.whose === "everybody" && mayDo(caller, "platform:operate")) return;
  throw notYours(image);
}

const notYours = ({ name, whose, project }: Found) =>
  whose === "another"
    ? problem("forbidden", "image_shared", `${name} belongs to ${project}, and is only shared.`, {
        fix: "Copy it: holdfast images copy IMAGE NAME. The copy is yours.",
      })
    : problem("forbidden", "image_shared", `${name} is for everybody.`, {
        fix: "Only an operator may change it. Copy it: holdfast images copy IMAGE NAME",
      });

/** Of another project not even the name of an instance is said. */
const inUse = (image: string, user: { readonly name: string; readonly isTheirs: boolean }) =>
  user.isTheirs
    ? problem("conflict", "image_in_use", `${user.name} stands on ${image}.`, {
        fix: `Expunge it first: holdfast destroy ${user.name}, then holdfast expunge ${user.name}. Or let it keep the content: --keep`,
      })
    : problem("conflict", "image_in_use", `Instances of other projects stand on ${image}.`, {
        fix: "Let them keep its content: holdfast images delete IMAGE --keep",
      });

const cannotBeWarm = (name: string) =>
  problem("conflict", "image_cannot_be_warm", `The guests of ${name} boot from their disk.`, {
    fix: "Only images that boot a kernel directly can start warm; this one boots.",
  });

/** Shared images belong to no project. */
const nobody = "00000000-0000-0000-0000-000000000000" as ProjectId;

/** PostgreSQL's jsonb does not keep the order of keys. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item)]),
  );
}

type Found = ImageView & { readonly whose: Whose };

/** What is not part of the view stays here. */
const shown = ({ whose: _, ...view }: Found): ImageView => view;
