/**
 * Processes that have read the memory of a template and stand still, until one of them becomes an instance.
 *
 * Until then they are nobody: they have no disk, no card and no name, their directory is not where instances are, and they
 * end with their agent. What makes one an instance is one step, the renaming of its directory to the instance's. Before it
 * everything may fail and the instance is launched as always; after it everything is there that a later agent needs.
 */
import { chown, type FileHandle, mkdir, open, readdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { InstanceId } from "@holdfast/kernel/ids";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import { tapOf } from "../network/names.ts";
import { keepingMemory } from "./allocator.ts";
import { keyObject } from "./block-keys.ts";
import { deviceOf, limitsFor, limitsOf, nodesOf, slotName } from "./block-nodes.ts";
import type { Cards, MachineSpec } from "./driver.ts";
import { identityRom } from "./identity-rom.ts";
import {
  assertSocketsFit,
  type LaunchRecord,
  pathsIn,
  readOptional,
  readRecord,
  standbyDirectory,
} from "./incarnation.ts";
import { bareEnvironment, type Jail, jailed } from "./launch.ts";
import { takeBackAll } from "./loans.ts";
import { isAlive, parseStat, processesMentioning, signal } from "./process.ts";
import { cardDevice, type Hardware, qemuArgv } from "./qemu-argv.ts";
import { connectQmp, isRecord, type Qmp, type QmpListener } from "./qmp.ts";
import { settled } from "./settled.ts";
import { fitsOrder, type Order } from "./standby-fit.ts";
import { type Keeper, launchKept } from "./standby-keeper.ts";
import { firstTapFd } from "./taps.ts";
import { readsItsRom, templateFiles } from "./template.ts";

export interface Shop {
  /** Of its own, and of nobody before or after it. */
  readonly directory: string;
  readonly binary: string;
  readonly hardware: Hardware;
  readonly jail: Jail;
  /** Of its cgroup. */
  readonly group: string;
  readonly procs: readonly string[];
  readonly inherited: readonly number[];
  readonly tapNamespace: string | undefined;
}

/** A conversation with QEMU that somebody else goes on with. */
export interface Talk {
  goOn(listener: QmpListener): Qmp;
}

export interface Standby extends Talk {
  readonly order: Order;
  readonly uid: number;
  readonly group: string;
  readonly paths: ReturnType<typeof pathsIn>;
  readonly keeper: Keeper;
  /** Resolves when it waits no more without having been taken. */
  readonly gone: Promise<void>;
  /** Writes down where it finds who it is, and the first line of its log. */
  name(spec: MachineSpec, header: string): Promise<void>;
  /** Writes down what a later agent must know, also to take back what it was lent. Once. */
  record(record: LaunchRecord): Promise<void>;
  /**
   * Gives it its name and its disk when that is lent to its user, and its card when `cards` says that it can be plugged in. Who has
   * been told no must end it.
   */
  dress(spec: MachineSpec, lent?: Promise<unknown>, cards?: Promise<Cards>): Promise<void>;
  /** It is an instance now, and is written about as all others are. */
  leave(): void;
  /** Resolves when nothing of it is left but its cgroup, and what it was lent by its record is taken back. */
  end(): Promise<void>;
}

/** From the launch of QEMU until it has its memory. */
const readingTime = seconds(60);
const answerTime = seconds(10);
/** For a process that was killed to be gone. In milliseconds. */
const dyingTime = 10_000;

/** What runs in them is not to be mistaken for an instance by anybody who reads a list of processes. */
const nobody = "00000000-0000-4000-8000-000000000000" as InstanceId;

/** All of one host. */
export interface Standbys {
  /** The template of each. */
  list(): readonly string[];
  /** False if guests of this template do not know how to. Rejects where it did not work. */
  add(order: Order): Promise<boolean>;
  /** One that fits; it is the caller's from then on. */
  take(spec: MachineSpec): Standby | undefined;
  /** Ends one of this template; none is fine. */
  drop(template: string): Promise<void>;
  /** Ends what was taken and was of no use. */
  discard(standby: Standby): Promise<void>;
  close(): Promise<void>;
}

export function standbys(
  open: (order: Order) => Promise<Shop>,
  close: (group: string) => Promise<void>,
): Standbys {
  const waiting = new Set<Standby>();
  let isOpen = true;
  const discard = async (standby: Standby) => {
    waiting.delete(standby);
    await standby.end();
    await close(standby.group);
  };
  return {
    list: () => [...waiting].map(({ order }) => order.template),
    async add(order) {
      const shop = await open(order);
      const standby = await standBy(order, shop).catch(async (error: unknown) => {
        await close(shop.group);
        throw error;
      });
      if (!standby) {
        await close(shop.group);
        return false;
      }
      waiting.add(standby);
      void standby.gone
        .then(() => (waiting.has(standby) ? discard(standby) : undefined))
        .catch(() => {}); // What is left of it is cleared away when the next agent begins.
      if (!isOpen) await discard(standby);
      return true;
    },
    take(spec) {
      if (!identityRom(spec.metadata)) return undefined;
      const found = [...waiting].find(({ order }) => fitsOrder(order, spec));
      if (found) waiting.delete(found);
      return found;
    },
    async drop(template) {
      const found = [...waiting].find(({ order }) => order.template === template);
      if (found) await discard(found);
    },
    discard,
    async close() {
      isOpen = false;
      await Promise.all([...waiting].map(discard));
    },
  };
}

/** Makes a process that waits; undefined if the guests of this template do not know how to. */
export async function standBy(order: Order, shop: Shop): Promise<Standby | undefined> {
  if (!(await readsItsRom(order.template))) return undefined;
  const { directory, jail } = shop;
  const paths = pathsIn(directory);
  assertSocketsFit(paths);
  await mkdir(paths.vm, { recursive: true, mode: 0o711 });
  await chown(paths.vm, jail.uid, jail.uid);
  await writeFile(paths.consoleLog, "", { mode: 0o600 });
  await chown(paths.consoleLog, jail.uid, jail.uid);
  const papers = await openPapers(paths, jail.uid);
  let keeper: Keeper | undefined;
  try {
    keeper = await launched(order, shop, paths, papers);
    const talk = await untilItWaits(keeper, paths.qmp);
    return standbyOf(order, shop, paths, keeper, papers, talk);
  } catch (error) {
    await papers.close();
    await endAt(paths, keeper);
    throw error;
  }
}

async function launched(
  order: Order,
  { jail, binary, hardware, procs, inherited, tapNamespace }: Shop,
  paths: ReturnType<typeof pathsIn>,
  { log }: Papers,
): Promise<Keeper> {
  const command = jailed(jail, [binary, ...qemuArgv(machineOf(order), paths, hardware, "warm")]);
  const environment = { ...bareEnvironment, ...(await keepingMemory()) };
  const state = await open(join(order.template, templateFiles.state));
  try {
    const given = { log, state, inherited };
    return launchKept(paths.dir, procs, command, given, environment, tapNamespace);
  } finally {
    await state.close();
  }
}

/** Ends what an earlier agent has left. */
export async function clearStandbys(runDir: string): Promise<void> {
  const home = join(runDir, standbyDirectory);
  const names = await readdir(home).catch(() => []);
  for (const name of names) await endAt(pathsIn(join(home, name)));
}

function standbyOf(
  order: Order,
  { jail: { uid }, group }: Shop,
  paths: ReturnType<typeof pathsIn>,
  keeper: Keeper,
  papers: Papers,
  { qmp, goOn, gone }: Waiting,
): Standby {
  const tell = (command: string, args: Readonly<Record<string, unknown>>) =>
    qmp.execute(command, answerTime, args);
  return {
    ...{ order, uid, group, paths, keeper, gone, goOn },

    async name({ metadata }, header) {
      const rom = identityRom(metadata);
      if (!rom) throw new Error("it does not fit");
      // Whole or not at all, where one `write` of a disk that is getting full may write less and be content.
      await settled([papers.identity.writeFile(rom), papers.log.writeFile(header)]);
    },

    record: (record) => papers.record.writeFile(JSON.stringify(record)),

    async dress(spec, lent, cards) {
      const [disk] = spec.disks;
      if (!disk) throw new Error("it does not fit");
      await Promise.all([
        disk.key === undefined || tell("object-add", keyObject(disk.id, { data: disk.key })),
        tell("object-add", {
          ...{ "qom-type": "throttle-group", id: limitsOf(disk.id) },
          limits: limitsFor(disk.limits),
        }),
        Promise.resolve(lent).then(() =>
          Promise.all([
            tell("blockdev-add", nodesOf(disk)),
            tell("device_add", { ...deviceOf(disk.id, slotName(0)), romfile: paths.identity }),
          ]),
        ),
        Promise.resolve(cards).then(async (known = spec.nics) => {
          const [card] = known ?? [];
          if (!card) return;
          await keeper.attach(tapOf(card.id));
          await Promise.all([
            tell("netdev_add", { type: "tap", id: `tap-${card.id}`, fd: `${firstTapFd}` }),
            tell("device_add", { ...cardDevice(card), bus: slotName(1), addr: "0" }),
          ]);
        }),
      ]);
    },

    leave() {
      keeper.leave();
      void papers.close();
    },

    async end() {
      await papers.close();
      await endAt(paths, keeper);
    },
  };
}

/** Open already when somebody waits: to make a file takes several times as long as to write into one. */
interface Papers {
  readonly log: FileHandle;
  readonly identity: FileHandle;
  /** An empty one says nothing yet. */
  readonly record: FileHandle;
  close(): Promise<void>;
}

async function openPapers(
  { log, identity, record }: ReturnType<typeof pathsIn>,
  uid: number,
): Promise<Papers> {
  const opened: FileHandle[] = [];
  const inHand = async (file: string, flags: string) => {
    const handle = await open(file, flags, 0o600);
    opened.push(handle);
    return handle;
  };
  const close = async () => void (await Promise.allSettled(opened.map((handle) => handle.close())));
  try {
    const papers = {
      log: await inHand(log, "a"),
      identity: await inHand(identity, "w"),
      record: await inHand(record, "w"),
    };
    await papers.identity.chown(uid, uid);
    return { ...papers, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Waiting extends Talk {
  readonly qmp: Qmp;
  readonly gone: Promise<void>;
}

async function untilItWaits(keeper: Keeper, socket: string): Promise<Waiting> {
  let isOver = false;
  keeper.process.once("exit", () => {
    isOver = true;
  });
  keeper.process.once("error", () => {
    isOver = true;
  });
  const deadline = performance.now() + readingTime;
  const goOn = () => {
    if (isOver) throw new Error("it ended");
    if (performance.now() > deadline) throw new Error("it did not read its memory in time");
  };
  let heard: QmpListener | undefined;
  let onGone = () => {};
  const gone = new Promise<void>((resolve) => {
    onGone = resolve;
  });
  let qmp: Qmp | undefined;
  while (!qmp) {
    goOn();
    qmp = await connectQmp(socket, {
      event: (event) => heard?.event(event),
      closed: () => (heard ? heard.closed() : onGone()),
    }).catch(() => sleep(20).then(() => undefined));
  }
  for (;;) {
    const answer = await qmp.execute("query-status", milliseconds(readingTime));
    if (isRecord(answer) && answer.status === "paused") break;
    goOn();
    await sleep(10);
  }
  const talk = qmp;
  return {
    qmp: talk,
    gone,
    goOn(listener) {
      heard = listener;
      return talk;
    },
  };
}

/** Only for what is still where it was made. What it was lent is taken back before its directory, which says so, is gone. */
async function endAt(paths: ReturnType<typeof pathsIn>, keeper?: Keeper): Promise<void> {
  const { dir, pid } = paths;
  keeper?.end();
  const qemu = parseStat(await readOptional(pid));
  if (qemu) signal(qemu, "SIGKILL");
  const deadline = performance.now() + dyingTime;
  // Its shim and its keeper go by themselves once it is gone; one that is only just being launched does not.
  for (;;) {
    const left = (await processesMentioning(dir)).filter(({ pid }) => pid !== process.pid);
    if (left.length === 0 || performance.now() > deadline) break;
    for (const each of left) if (isAlive(each)) signal(each, "SIGKILL");
    await sleep(5);
  }
  const record = await readRecord(paths);
  if (record) await takeBackAll(record); // While nobody else is this user.
  await rm(dir, { recursive: true, force: true });
}

const machineOf = ({ spec: { cpus, memoryMiB, boot } }: Order): MachineSpec => ({
  ...{ id: nobody, generation: 0, name: "standby", requestId: "standby", paused: false },
  ...{ cpus, memoryMiB, boot, disks: [], nics: [], metadata: {} },
});
