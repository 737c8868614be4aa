/** `backups`: copies of volumes that outlive them, by request and by schedule. */

import { everyPage } from "@holdfast/client/pages";
import {
  type BackupView,
  createBackup,
  deleteBackup,
  getBackup,
  listBackups,
  listSchedules,
  restoreBackup,
  scheduleBackups,
  stopSchedule,
} from "@holdfast/cloud/volumes/api";
import { onePage } from "@holdfast/kernel/pages";
import { follow } from "../follow.ts";
import { type Group, listing } from "../group.ts";
import { byLauncher } from "../launcher.ts";
import { tag, whole } from "../options.ts";
import type { Session } from "../session.ts";
import { backupTable, scheduleTable, volumeDetails } from "../text/volumes.ts";
import { untilRestored, volumeIn, volumeOption } from "./volumes.ts";

interface Waiting {
  readonly wait?: true;
}
interface RestoreOptions extends Waiting {
  readonly name?: string;
  readonly pool?: string;
  readonly encrypted?: true;
  readonly tag?: Readonly<Record<string, string>>;
}
interface ScheduleOptions {
  readonly every?: number;
  readonly hourly?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly stop?: true;
}

export const backupsGroup: Group = (program, open) => {
  const backups = volumeOption(
    listing(
      program,
      "backups",
      "list backups, or make, restore, schedule and delete them",
      "Lists the backups of the project, oldest first, also those of volumes that are gone.",
      async (command) => {
        const session = open(command);
        const volume = volumeIn(command);
        const params = { project: session.options.project };
        const query = volume === undefined ? {} : { volume };
        const backups = await everyPage(
          (after) => session.call(listBackups, { params, query: { ...query, after } }),
          (page) => page.backups,
        );
        const reply = { backups, next: null };
        session.show(reply, () =>
          reply.backups.length > 0
            ? backupTable(reply.backups, session.now(), session.paint)
            : `No backups. Make one: holdfast backups create ${volume ?? "VOLUME"}`,
        );
      },
    ),
  );

  backups
    .command("create")
    .summary("back a volume up now")
    .description(createBackup.summary)
    .argument("<volume>", "its name or id; INSTANCE.root")
    .option("--full", "copy all of it, whatever there is")
    .option("--wait", "wait until it is made")
    .addHelpText("after", "\nExample:\n  holdfast backups create db.root --wait")
    .action(async (volume: string, { full, wait }: Waiting & { full?: true }, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const body = { volume, full: full ?? false };
      const reply = await session.named(
        "volume",
        volume,
        session.call(createBackup, { params, body }),
      );
      show(session, wait ? await untilMade(session, reply) : reply);
    });

  backups
    .command("restore")
    .summary("make a volume what it was at a backup, or a new volume")
    .description(restoreBackup.summary)
    .argument("<backup>", "its id")
    .option("--name <name>", "make a new volume of this name (the volume itself is restored)")
    .option("--pool <pool>", "where the new one is made (where the volume was)")
    .option("--encrypted", "encrypt the new one, also if the backup is not")
    .option("--tag <key=value>", "a tag on the new one; may be repeated", tag)
    .option("--wait", "wait until it is restored")
    .action(async (backup: string, options: RestoreOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project, backup };
      const { name, pool, tag: tags, encrypted, wait } = options;
      const body = { name, pool, tags, encrypted };
      const reply = await session.call(restoreBackup, { params, body });
      const end = wait ? await untilRestored(session, reply) : reply;
      session.show(end, () => volumeDetails(end, session.now(), session.paint));
    });

  backups
    .command("delete")
    .summary("delete a backup")
    .description(deleteBackup.summary)
    .argument("<backup>", "its id")
    .action(async (backup: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, backup };
      const reply = await session.call(deleteBackup, { params });
      session.show(reply, () => `A backup of ${reply.volume} is being deleted.`);
    });

  backups
    .command("schedule")
    .summary("back a volume up again and again")
    .description(scheduleBackups.summary)
    .argument("<volume>", "its name or id; INSTANCE.root")
    .option("--every <minutes>", "how often (60)", whole)
    .option("--hourly <n>", "keep one of each of so many hours (24)", whole)
    .option("--daily <n>", "keep one of each of so many days (7)", whole)
    .option("--weekly <n>", "keep one of each of so many weeks (4)", whole)
    .option("--stop", "do so no longer; its backups stay")
    .addHelpText(
      "after",
      "\nExample:\n  holdfast backups schedule db.root --hourly 24 --daily 7 --weekly 4",
    )
    .action(async (volume: string, options: ScheduleOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project, volume };
      const { every: everyMinutes, hourly, daily, weekly, stop } = options;
      if (stop) {
        const reply = await session.named("volume", volume, session.call(stopSchedule, { params }));
        return session.show(reply, () => `${reply.volume} is backed up by itself no longer.`);
      }
      const body = { everyMinutes, keep: { hourly, daily, weekly } };
      const asked = session.call(scheduleBackups, { params, body });
      const reply = await session.named("volume", volume, asked);
      session.show(reply, () => scheduleTable([reply], session.now(), session.paint));
    });

  backups
    .command("prepare")
    .summary("make a directory the place for backups; on a host, as root")
    .description(
      "Marks a directory as the place for backups, once, while it is mounted. Without the mark an unmounted disk would look like an empty place, and fill the one below it.",
    )
    .argument("<directory>", "where every host reaches it: /srv/backups")
    .action((directory: string) => {
      process.exitCode = byLauncher(["prepare-backups", directory]);
    });

  backups
    .command("schedules")
    .summary("list which volumes are backed up by themselves")
    .description(listSchedules.summary)
    .action(async (_, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("schedules", (after) =>
        session.call(listSchedules, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.schedules.length > 0
          ? scheduleTable(reply.schedules, session.now(), session.paint)
          : "No volume is backed up by itself. See: holdfast backups schedule --help",
      );
    });
};

function show(session: Session, view: BackupView): void {
  session.show(view, () => backupTable([view], session.now(), session.paint));
}

const untilMade = (session: Session, first: BackupView) =>
  follow(session, first, {
    says: ({ volume }) => `${volume}: backing up`,
    read: () => {
      const params = { project: session.options.project, backup: first.id };
      return session.call(getBackup, { params });
    },
    end: ({ state }) => (state === "making" ? undefined : state === "failed" ? "failed" : "done"),
    problem: ({ problem }) => problem,
  });
