/** `snapshots`: volumes as they were at a moment. */
import { everyPage } from "@holdfast/client/pages";
import {
  copySnapshot,
  createImageFromSnapshot,
  createSnapshot,
  createVolumeFromSnapshot,
  deleteSnapshot,
  getSnapshot,
  listSnapshots,
  restoreSnapshot,
  type SnapshotView,
  shareSnapshot,
} from "@holdfast/cloud/volumes/api";
import { follow } from "../follow.ts";
import { type Group, listing } from "../group.ts";
import { tag, whole } from "../options.ts";
import type { Session } from "../session.ts";
import { snapshotTable, volumeDetails } from "../text/volumes.ts";
import { conclude, untilReady } from "./images.ts";
import { tagIn, tagOption, untilRestored, volumeIn, volumeOption } from "./volumes.ts";

interface Waiting {
  readonly wait?: true;
}

interface CopyOptions extends Waiting {
  readonly size?: number;
  readonly encrypted?: true;
}

export const snapshotsGroup: Group = (program, open) => {
  const snapshots = tagOption(
    volumeOption(
      listing(
        program,
        "snapshots",
        "list snapshots, or make, restore and delete them",
        "Lists the snapshots of the project and those that are shared with it, oldest first.",
        async (command) => {
          const session = open(command);
          const volume = volumeIn(command);
          const params = { project: session.options.project };
          const query = { volume, tag: tagIn(command) };
          const snapshots = await everyPage(
            (after) => session.call(listSnapshots, { params, query: { ...query, after } }),
            (page) => page.snapshots,
          );
          const reply = { snapshots, next: null };
          session.show(reply, () =>
            reply.snapshots.length > 0
              ? snapshotTable(reply.snapshots, session.now(), session.paint)
              : `No snapshots. Make one: holdfast snapshots create ${volume ?? "VOLUME"} NAME`,
          );
        },
      ),
    ),
  );

  snapshots
    .command("create")
    .summary("keep a volume as it is now")
    .description(createSnapshot.summary)
    .argument("<volume>", "its name or id; INSTANCE.root")
    .argument("<name>", "a new name, of the project's snapshots")
    .option("--tag <key=value>", "a tag on it; may be repeated; some may be required", tag)
    .option("--no-freeze", "do not ask the guest to write out its file systems")
    .option("--wait", "wait until it is made")
    .addHelpText("after", "\nExample:\n  holdfast snapshots create web.root before-upgrade --wait")
    .action(
      async (
        volume: string,
        name: string,
        options: Waiting & { freeze: boolean; tag?: Readonly<Record<string, string>> },
        command,
      ) => {
        const session = open(command);
        const { freeze, wait, tag: tags } = options;
        const params = { project: session.options.project };
        const body = { volume, name, freeze, tags };
        const asked = session.call(createSnapshot, { params, body });
        const reply = await session.named("volume", volume, asked);
        show(session, wait ? await untilMade(session, reply) : reply);
      },
    );

  snapshots
    .command("restore")
    .summary("make a volume what it was at a snapshot")
    .description(restoreSnapshot.summary)
    .argument("<snapshot>", "its name or id")
    .option("--wait", "wait until it is restored")
    .action(async (snapshot: string, { wait }: Waiting, command) => {
      const session = open(command);
      const params = { project: session.options.project, snapshot };
      const asked = session.call(restoreSnapshot, { params, body: {} });
      const reply = await session.named("snapshot", snapshot, asked);
      const end = wait ? await untilRestored(session, reply) : reply;
      session.show(end, () => volumeDetails(end, session.now(), session.paint));
    });

  snapshots
    .command("copy")
    .summary("copy a snapshot into a volume of its own")
    .description(copySnapshot.summary)
    .argument("<snapshot>", "its name or id")
    .argument("<name>", "what to call the copy")
    .option("--encrypted", "encrypt the copy, also if the snapshot is not")
    .option("--wait", "wait until it is made")
    .addHelpText("after", "\nExample:\n  holdfast snapshots copy before-upgrade kept --wait")
    .action(async (snapshot: string, name: string, { wait, encrypted }: CopyOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project, snapshot };
      const asked = session.call(copySnapshot, { params, body: { name, encrypted } });
      const reply = await session.named("snapshot", snapshot, asked);
      show(session, wait ? await untilMade(session, reply) : reply);
    });

  snapshots
    .command("to-volume")
    .summary("make a new volume of a snapshot")
    .description(createVolumeFromSnapshot.summary)
    .argument("<snapshot>", "its name or id")
    .argument("<name>", "what to call the volume")
    .option("--size <GiB>", "how big; as big as the snapshot if not said", whole)
    .option("--encrypted", "encrypt the volume, also if the snapshot is not")
    .option("--wait", "wait until it is made")
    .addHelpText("after", "\nExample:\n  holdfast snapshots to-volume before-upgrade copy --wait")
    .action(async (snapshot: string, name: string, options: CopyOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project, snapshot };
      const { size, wait, encrypted } = options;
      const body = { name, encrypted, ...(size === undefined ? {} : { sizeGiB: size }) };
      const asked = session.call(createVolumeFromSnapshot, { params, body });
      const reply = await session.named("snapshot", snapshot, asked);
      const end = wait ? await untilRestored(session, reply) : reply;
      session.show(end, () => volumeDetails(end, session.now(), session.paint));
    });

  snapshots
    .command("to-image")
    .summary("make an image of a snapshot")
    .description(createImageFromSnapshot.summary)
    .argument("<snapshot>", "its name or id")
    .argument("<name>", "what to call the image")
    .option("--wait", "wait until it is ready")
    .addHelpText("after", "\nExample:\n  holdfast snapshots to-image before-upgrade golden --wait")
    .action(async (snapshot: string, name: string, { wait }: Waiting, command) => {
      const session = open(command);
      const params = { project: session.options.project, snapshot };
      const asked = session.call(createImageFromSnapshot, { params, body: { name } });
      const image = await session.named("snapshot", snapshot, asked);
      conclude(session, wait ? await untilReady(session, image) : image);
    });

  snapshots
    .command("share")
    .summary("let another project copy a snapshot")
    .description(shareSnapshot.summary)
    .argument("<snapshot>", "its name or id")
    .argument("<projects...>", "their names")
    .option("--off", "they may no longer")
    .addHelpText("after", "\nExample:\n  holdfast snapshots share before-upgrade blue green")
    .action(async (snapshot: string, projects: string[], options: { off?: boolean }, command) => {
      const session = open(command);
      const params = { project: session.options.project, snapshot };
      const body = options.off ? { remove: projects } : { add: projects };
      const asked = session.call(shareSnapshot, { params, body });
      show(session, await session.named("snapshot", snapshot, asked));
    });

  snapshots
    .command("delete")
    .summary("delete a snapshot")
    .description(deleteSnapshot.summary)
    .argument("<snapshot>", "its name or id")
    .option("--force", "forget one that could not be removed; its bytes stay in the volume")
    .action(async (snapshot: string, { force }: { force?: true }, command) => {
      const session = open(command);
      const params = { project: session.options.project, snapshot };
      const query = force ? { force: "true" as const } : {};
      const asked = session.call(deleteSnapshot, { params, query });
      const reply = await session.named("snapshot", snapshot, asked);
      const what = `${reply.name} of ${reply.volume ?? reply.project}`;
      session.show(reply, () =>
        reply.isForgotten
          ? `${what} is forgotten; its bytes stay in the volume.`
          : `${what} is being deleted.`,
      );
    });
};

function show(session: Session, view: SnapshotView): void {
  session.show(view, () => snapshotTable([view], session.now(), session.paint));
}

const untilMade = (session: Session, first: SnapshotView) =>
  follow(session, first, {
    says: ({ name, volume }) => `${name}: keeping ${volume ?? "a volume"}`,
    read: () => {
      const params = { project: session.options.project, snapshot: first.id };
      return session.call(getSnapshot, { params });
    },
    end: ({ state }) => (state === "making" ? undefined : state === "failed" ? "failed" : "done"),
    problem: ({ problem }) => problem,
  });
