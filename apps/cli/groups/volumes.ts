/** `volumes`: disks as things of their own, and whose they are. */
import { everyPage } from "@holdfast/client/pages";
import {
  attachVolume,
  checkVolume,
  createVolume,
  deleteVolume,
  detachVolume,
  getVolume,
  getVolumeEncryption,
  limitVolume,
  listVolumes,
  resizeVolume,
  setVolumeEncryption,
  type VolumeView,
} from "@holdfast/cloud/volumes/api";
import { Argument, type Command } from "commander";
import { follow } from "../follow.ts";
import { type Group, listing } from "../group.ts";
import { bytesPerSecond, tag, whole } from "../options.ts";
import type { Session } from "../session.ts";
import { volumeDetails, volumeTable } from "../text/volumes.ts";

interface Limits {
  readonly iops?: number;
  readonly speed?: number;
}
interface Waiting {
  readonly wait?: true;
}

export const volumesGroup: Group = (program, open) => {
  const volumes = tagOption(
    listing(
      program,
      "volumes",
      "list volumes, or change them",
      "Lists the volumes of the project. INSTANCE.root is the root volume of an instance.",
      async (command) => {
        const session = open(command);
        const params = { project: session.options.project };
        const query = { tag: tagIn(command) };
        const volumes = await everyPage(
          (after) => session.call(listVolumes, { params, query: { ...query, after } }),
          (page) => page.volumes,
        );
        const reply = { volumes, next: null };
        session.show(reply, () =>
          reply.volumes.length > 0
            ? volumeTable(reply.volumes, session.now(), session.paint)
            : `No volumes${query.tag === undefined ? "" : " like that"} in project ${params.project}. Make one: holdfast volumes create NAME --size GIB`,
        );
      },
    ),
  );

  volumes
    .command("create")
    .summary("make a volume")
    .description(createVolume.summary)
    .argument("<name>", "a new name")
    .requiredOption("--size <GiB>", "how big", whole)
    .option("--pool <pool>", "where: local, or a shared pool of `holdfast hosts`")
    .option("--encrypted", "what is written to it is on no disk in the clear")
    .option("--iops <n>", "at most so many requests per second", whole)
    .option("--speed <bytes>", "at most so many bytes per second: 20M, 1G", bytesPerSecond)
    .option("--tag <key=value>", "a tag on it; may be repeated; some may be required", tag)
    .option("--attach <instance>", "make it a disk of this instance at once")
    .addHelpText("after", "\nExample:\n  holdfast volumes create data --size 20 --attach db --wait")
    .option("--wait", "wait until it is attached")
    .action(async (name: string, options: CreateOptions, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const limits = limitsOf(options);
      const body = {
        name,
        sizeGiB: options.size,
        pool: options.pool,
        tags: options.tag,
        encrypted: options.encrypted,
        ...(limits && { limits }),
      };
      const made = await session.call(createVolume, { params, body });
      if (options.attach === undefined) {
        details(session, made);
        session.note(`\nnext: holdfast volumes attach ${made.name} INSTANCE`);
        return;
      }
      await attachTo(session, name, options.attach, options);
    });

  volumes
    .command("encryption")
    .summary("whether all new volumes are encrypted, or change that")
    .description(setVolumeEncryption.summary)
    .addArgument(new Argument("[whether]", "what it should be").choices(["on", "off"]))
    .addHelpText(
      "after",
      "\nTheir keys are sealed with platform.key of the managers' state directory: keep a copy of that file elsewhere.\n\nExample:\n  holdfast volumes encryption on",
    )
    .action(async (whether: "on" | "off" | undefined, _, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await (whether === undefined
        ? session.call(getVolumeEncryption, { params })
        : session.call(setVolumeEncryption, { params, body: { everything: whether === "on" } }));
      session.show(reply, () =>
        reply.everything
          ? `Whatever is made in project ${params.project} from now on is encrypted.`
          : `In project ${params.project} only that is encrypted for which it is asked: --encrypted`,
      );
    });

  volumes
    .command("show")
    .summary("show a volume")
    .description("Shows a volume: where it is, whose it is, and what is being done with it.")
    .argument("<volume>", "its name or id; INSTANCE.root")
    .action(async (volume: string, _, command) => {
      const session = open(command);
      details(session, await read(session, volume));
    });

  volumes
    .command("attach")
    .summary("make a volume a disk of an instance")
    .description(attachVolume.summary)
    .argument("<volume>", "its name or id")
    .argument("<instance>", "its name or id")
    .option("--delete-with-instance", "delete it when the instance is expunged")
    .option("--wait", "wait until the guest has it")
    .addHelpText("after", "\nExample:\n  holdfast volumes attach data db --wait")
    .action(async (volume: string, instance: string, options: AttachOptions, command) =>
      attachTo(open(command), volume, instance, options),
    );

  volumes
    .command("detach")
    .summary("take a volume away from its instance")
    .description(detachVolume.summary)
    .argument("<volume>", "its name or id")
    .option("--wait", "wait until the guest has let go of it")
    .action(async (volume: string, { wait }: Waiting, command) => {
      const session = open(command);
      const asked = session.call(detachVolume, { params: paramsOf(session, volume), body: {} });
      const reply = await session.named("volume", volume, asked);
      const end = wait ? await watch(session, reply, "detaching", detachEnd) : reply;
      session.show(end, () =>
        end.instance === null
          ? `${end.name} is attached to nothing.`
          : `${end.name}: the guest of ${end.instance} is asked to let go of it.`,
      );
    });

  volumes
    .command("resize")
    .summary("make a volume bigger")
    .description(resizeVolume.summary)
    .argument("<volume>", "its name or id; INSTANCE.root")
    .argument("<GiB>", "how big it should be", whole)
    .option("--wait", "wait until it is so big")
    .action(async (volume: string, sizeGiB: number, { wait }: Waiting, command) => {
      const session = open(command);
      const params = paramsOf(session, volume);
      const asked = session.call(resizeVolume, { params, body: { sizeGiB } });
      const reply = await session.named("volume", volume, asked);
      details(session, wait ? await watch(session, reply, "growing", sizeEnd) : reply);
    });

  volumes
    .command("limit")
    .summary("limit what a guest may ask of a volume")
    .description(`${limitVolume.summary} Without options, all its own limits are taken away.`)
    .argument("<volume>", "its name or id; INSTANCE.root")
    .option("--iops <n>", "at most so many requests per second", whole)
    .option("--speed <bytes>", "at most so many bytes per second: 20M, 1G", bytesPerSecond)
    .action(async (volume: string, options: Limits, command) => {
      const session = open(command);
      const params = paramsOf(session, volume);
      const body = limitsOf(options) ?? {};
      const asked = session.call(limitVolume, { params, body });
      details(session, await session.named("volume", volume, asked));
    });

  volumes
    .command("delete")
    .summary("delete a volume that is attached to nothing")
    .description(deleteVolume.summary)
    .argument("<volume>", "its name or id")
    .action(async (volume: string, _, command) => {
      const session = open(command);
      const asked = session.call(deleteVolume, { params: paramsOf(session, volume) });
      const reply = await session.named("volume", volume, asked);
      session.show(reply, () =>
        reply.state === "expunged"
          ? `${volume} is deleted.`
          : `${volume} is being deleted on ${reply.host}.`,
      );
    });

  volumes
    .command("check")
    .summary("look whether a volume is whole")
    .description(checkVolume.summary)
    .argument("<volume>", "its name or id; INSTANCE.root")
    .option("--wait", "wait until it is checked")
    .action(async (volume: string, { wait }: Waiting, command) => {
      const session = open(command);
      const asked = session.call(checkVolume, { params: paramsOf(session, volume), body: {} });
      const reply = await session.named("volume", volume, asked);
      details(session, wait ? await watch(session, reply, "checking", checkEnd) : reply);
    });
};

interface CreateOptions extends Limits, AttachOptions {
  readonly size: number;
  readonly pool?: string;
  readonly encrypted?: true;
  readonly attach?: string;
  readonly tag?: Readonly<Record<string, string>>;
}
interface AttachOptions extends Waiting {
  readonly deleteWithInstance?: boolean;
}

const paramsOf = (session: Session, volume: string) => ({
  project: session.options.project,
  volume,
});

const read = (session: Session, volume: string) =>
  session.named("volume", volume, session.call(getVolume, { params: paramsOf(session, volume) }));

function details(session: Session, view: VolumeView): void {
  session.show(view, () => volumeDetails(view, session.now(), session.paint));
}

function limitsOf({ iops, speed }: Limits) {
  if (iops === undefined && speed === undefined) return undefined;
  return { iops: iops ?? null, bytesPerSecond: speed ?? null };
}

async function attachTo(
  session: Session,
  volume: string,
  instance: string,
  { deleteWithInstance = false, wait }: AttachOptions,
): Promise<void> {
  const params = paramsOf(session, volume);
  const body = { instance, deleteWithInstance };
  const asked = session.call(attachVolume, { params, body });
  const reply = await session.named("instance", instance, session.named("volume", volume, asked));
  details(session, wait ? await watch(session, reply, "attaching", attachEnd) : reply);
}

type End = (view: VolumeView) => "done" | "failed" | undefined;

const attachEnd: End = ({ attachment, state, doing }) => {
  if (attachment === "attached" || attachment === "stopped") return "done";
  return state === "failed" && doing.length === 0 ? "failed" : undefined;
};
const detachEnd: End = ({ attachment }) => {
  if (attachment === null) return "done";
  return attachment === "detach-refused" ? "failed" : undefined;
};
const sizeEnd: End = ({ sizeBytes, actualBytes, state, doing, problem }) => {
  if (state === "allocated" || (actualBytes !== null && actualBytes >= sizeBytes)) return "done";
  return problem && doing.length === 0 ? "failed" : undefined;
};
const checkEnd: End = ({ doing, checked, problem }) => {
  if (doing.some((one) => one.do === "check")) return undefined;
  return checked?.is === "sound" || (checked?.is === "unknown" && !problem) ? "done" : "failed";
};

const watch = (session: Session, first: VolumeView, what: string, end: End) =>
  follow(session, first, {
    says: ({ name }) => `${name}: ${what}`,
    read: () => session.call(getVolume, { params: paramsOf(session, first.id) }),
    end,
    problem: ({ problem, doing }) => doing.find((one) => one.problem)?.problem ?? problem,
  });

/** For other groups that wait for a volume. */
export const untilRestored = (session: Session, first: VolumeView): Promise<VolumeView> =>
  follow(session, first, {
    says: ({ name, fromSnapshot }) => `${name}: ${fromSnapshot ? "copying" : "restoring"}`,
    // By name where it has one: a restored volume is another one.
    read: () => session.call(getVolume, { params: paramsOf(session, first.name) }),
    end: ({ doing, state, problem }) =>
      doing.some(({ do: what }) => ["restore", "copy", "restore-backup"].includes(what))
        ? undefined
        : state === "failed" || problem
          ? "failed"
          : "done",
    problem: ({ problem, doing }) => doing.find((one) => one.problem)?.problem ?? problem,
  });

/** The option that narrows a list to what has a tag; the command that has it reads it with `tagIn`. */
export const tagOption = (command: Command): Command =>
  command.option("--tag <key=value>", "only those with this tag; KEY: whatever its value");
export const tagIn = (command: Command): string | undefined => command.opts<{ tag?: string }>().tag;
/** The option that narrows a list to one volume; the command that has it reads it with `volumeIn`. */
export const volumeOption = (command: Command): Command =>
  command.option("--volume <volume>", "only of this one: its name or id; INSTANCE.root");
export const volumeIn = (command: Command): string | undefined =>
  command.opts<{ volume?: string }>().volume;
