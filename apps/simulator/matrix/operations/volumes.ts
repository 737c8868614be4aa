/** Volumes, snapshots, backups and images. */
import { Readable } from "node:stream";
import type { ImageId } from "@holdfast/kernel/ids";
import { diskOf } from "../../keep.ts";
import { sleepFor } from "../../time.ts";
import { at, idOf, make, type Operation, type Stage } from "../operation.ts";

const volume = async ({ must, rest }: Stage, more: object = {}) => {
  await must("POST", `${at}/volumes`, { name: "data", sizeGiB: 1, ...more });
  await rest();
};
const attached = async (stage: Stage) => {
  await make(stage);
  await volume(stage);
  await stage.must("POST", `${at}/volumes/data/attach`, { instance: "web" });
  await stage.rest();
};
const snapped = async (stage: Stage) => {
  await attached(stage);
  await stage.must("POST", `${at}/snapshots`, { volume: "data", name: "before" });
  await stage.rest();
};
const place = { "backups.place": "/srv/backups" };
const backedUp = async (stage: Stage) => {
  await attached(stage);
  await stage.must("POST", `${at}/backups`, { volume: "data" });
  await stage.rest();
};
const backup = async ({ world }: Stage) => idOf(world, "backup");
/** Of bytes that are there already; with `boot`, its guests may start warm. */
const image = async ({ world }: Stage, boot = false) => {
  const [row] = await world.sql.query<{ manifest: { disk: { digest: string } } }>(
    "select manifest from image where name = 'tiny'",
  );
  const digest = row?.manifest.disk.digest;
  const direct = { kernel: digest, initrd: digest, commandLine: "quiet" };
  return {
    ...{ name: "other", source: "test" },
    manifest: { ...row?.manifest, ...(boot ? { direct, warm: false } : {}) },
  };
};

export const volumeOperations: readonly Operation[] = [
  {
    name: "volume-create",
    act: ({ ask }) => ask("POST", `${at}/volumes`, { name: "data", sizeGiB: 1 }),
  },
  {
    name: "volume-encryption",
    act: ({ ask }) => ask("PUT", `${at}/volume-encryption`, { everything: true }),
  },
  { name: "volume-delete", prepare: attachedOnce, act: remove("/volumes/data") },
  {
    name: "volume-attach",
    async prepare(stage) {
      await make(stage);
      await volume(stage);
    },
    act: post("/volumes/data/attach", { instance: "web" }),
  },
  { name: "volume-detach", prepare: attached, act: post("/volumes/data/detach") },
  { name: "volume-resize", prepare: attached, act: post("/volumes/data/resize", { sizeGiB: 2 }) },
  {
    name: "volume-limit",
    prepare: attached,
    act: ({ ask }) => ask("PUT", `${at}/volumes/data/limits`, { iops: 1_000 }),
  },
  { name: "volume-check", prepare: attachedOnce, act: post("/volumes/data/check") },
  {
    name: "snapshot-create",
    prepare: attached,
    act: post("/snapshots", { volume: "data", name: "before" }),
  },
  {
    name: "snapshot-restore",
    async prepare(stage) {
      await snapped(stage);
      await stage.must("POST", `${at}/instances/web/stop`, { force: true });
      await stage.rest();
    },
    act: post("/snapshots/before/restore"),
  },
  { name: "snapshot-delete", prepare: snapped, act: remove("/snapshots/before") },
  {
    name: "volume-from-snapshot",
    prepare: snapped,
    act: post("/snapshots/before/volume", { name: "copy", sizeGiB: 2 }),
  },
  {
    name: "snapshot-copy",
    prepare: snapped,
    act: post("/snapshots/before/copy", { name: "copy" }),
  },
  {
    name: "snapshot-share",
    async prepare(stage) {
      await snapped(stage);
      await stage.must("POST", "/v1/projects", { name: "blue" });
    },
    act: ({ ask }) => ask("PATCH", `${at}/snapshots/before/shares`, { add: ["blue"] }),
  },
  {
    name: "image-from-snapshot",
    settings: { "images.keep_strays": 60 },
    prepare: snapped,
    act: post("/snapshots/before/image", { name: "golden" }),
  },
  {
    name: "image-from-volume",
    settings: { "images.keep_strays": 60 },
    prepare: (stage) => make(stage),
    act: post("/volumes/web.root/image", { name: "golden" }),
  },
  {
    name: "backup-create",
    settings: place,
    prepare: attached,
    act: post("/backups", { volume: "data" }),
    also: [
      {
        // It has no name, and no key is taken for it: nothing says that it was the same request.
        is: "asked again, and made a second one",
        when: (more, less, isKept) =>
          isKept && more.join() === "backup of data is ready,backups: 2" && less.length === 1,
      },
    ],
  },
  {
    name: "backup-restore",
    settings: place,
    prepare: backedUp,
    act: async (stage) =>
      stage.ask("POST", `${at}/backups/${await backup(stage)}/restore`, { name: "copy" }),
  },
  {
    name: "backup-delete",
    settings: place,
    prepare: backedUp,
    act: async (stage) => stage.ask("DELETE", `${at}/backups/${await backup(stage)}`),
  },
  {
    name: "backup-schedule",
    settings: place,
    prepare: attached,
    act: ({ ask }) => ask("PUT", `${at}/volumes/data/backup-schedule`, { everyMinutes: 5 }),
  },
  {
    name: "backup-schedule-stop",
    settings: place,
    async prepare(stage) {
      await attached(stage);
      await stage.must("PUT", `${at}/volumes/data/backup-schedule`, { everyMinutes: 60 });
    },
    act: remove("/volumes/data/backup-schedule"),
  },
  {
    name: "image-register",
    act: async (stage) => stage.ask("POST", "/v1/images", await image(stage)),
  },
  {
    name: "image-import",
    act: post("/images", { name: "other", url: "https://images.example/other" }),
  },
  {
    name: "image-upload",
    prepare: ({ must }) => must("POST", `${at}/images`, { name: "other" }),
    async act({ world, user }) {
      const id = (await idOf(world, "image where name = 'other'")) as ImageId; // As the table has them.
      await user.visit(
        "PUT the content",
        () =>
          world.managers[0]?.visit((core) => core.take(id, Readable.from([diskOf("other")]))) ??
          Promise.reject(new Error("there is no manager")),
      );
    },
  },
  { name: "image-delete", prepare: imported, act: remove("/images/other") },
  {
    name: "image-copy",
    prepare: imported,
    act: post("/images/other/copy", { name: "another" }),
  },
  {
    name: "image-share",
    async prepare(stage) {
      await imported(stage);
      await stage.must("POST", "/v1/projects", { name: "blue" });
    },
    act: ({ ask }) => ask("PATCH", `${at}/images/other/shares`, { add: ["blue"] }),
  },
  {
    name: "image-warmth",
    prepare: async (stage) => stage.must("POST", "/v1/images", await image(stage, true)),
    act: ({ ask }) => ask("PUT", `${at}/images/other/warm`, { warm: true }),
  },
  {
    name: "template-made",
    async prepare(stage) {
      await stage.must("POST", "/v1/images", await image(stage, true));
      await stage.must("PUT", `${at}/images/other/warm`, { warm: true });
    },
    // One is made beside, after the first start. Where that was cut off, the next start begins it again.
    async act({ ask }) {
      await ask("POST", `${at}/instances`, { name: "web", image: "other" });
      await sleepFor(10_000);
    },
  },
];

/** An image of the project's own, and ready. */
async function imported({ must, rest }: Stage): Promise<void> {
  await must("POST", `${at}/images`, { name: "other", url: "https://images.example/other" });
  await rest();
}

/** It has been made on a disk, and is nobody's any more. */
async function attachedOnce(stage: Stage): Promise<void> {
  await attached(stage);
  await stage.must("POST", `${at}/volumes/data/detach`, {});
  await stage.rest();
}

function post(path: string, body: unknown = {}) {
  return ({ ask }: Stage) => ask("POST", at + path, body);
}

function remove(path: string) {
  return ({ ask }: Stage) => ask("DELETE", at + path);
}
