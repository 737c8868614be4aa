/**
 * One incarnation while a driver looks after it: what its guest does, what it is told, how it ends.
 *
 * Three things tell us of the end: our child's exit, the record appearing on disk, and the QMP socket
 * closing. None is trusted by itself; each only makes us feel the pulse. After a restart of the agent
 * the first one never comes, and after a kill of the shim the second one does not.
 */
import type { ChildProcess } from "node:child_process";
import { type FSWatcher, watch } from "node:fs";
import { truncate, writeFile } from "node:fs/promises";
import { basename } from "node:path";
import type { BlockSource } from "@holdfast/kernel/block";
import { type Clock, type Duration, type Instant, milliseconds } from "@holdfast/kernel/time";
import { clearDisk } from "./block-attach.ts";
import { wipeKeysOf } from "./block-keys.ts";
import type { Cgroups } from "./cgroup.ts";
import { consoleHub } from "./console-hub.ts";
import { type ConsoleLog, followConsole, readConsole, readTail } from "./console-log.ts";
import { type DiskWatch, watchDisks } from "./disk-watch.ts";
import type {
  Begun,
  Console,
  ConsoleLine,
  Exit,
  GuestPhase,
  MachineEvent,
  MachineRef,
  MachineView,
} from "./driver.ts";
import { type Ending, feelPulse } from "./ending.ts";
import { detailOf, type Life, lifeEventOf, openLife } from "./events.ts";
import { gatherExit } from "./evidence.ts";
import { agentChannel, freezeGuest, thawGuest } from "./guest-agent.ts";
import { endHung } from "./hang.ts";
import { type Hold, holdOf } from "./hold.ts";
import {
  keyOf,
  type LaunchRecord,
  type Paths,
  readEvidence,
  writeEvidence,
  writeRecord,
} from "./incarnation.ts";
import type { KernelLog } from "./kernel-log.ts";
import { handOver, loanOf, takeBackAll, withLoan, withoutLoan } from "./loans.ts";
import { dependsOnStatus, type Move, type Stage, stageAfter, stageIn } from "./move.ts";
import { type ProcessId, recallThreads, rememberThreads, signal } from "./process.ts";
import { isMirror } from "./qemu-migration.ts";
import {
  connectQmp,
  isRecord,
  type Qmp,
  type QmpArguments,
  type QmpEvent,
  type QmpListener,
} from "./qmp.ts";
import { notArrived, notRunning, silent } from "./refusals.ts";
import type { Talk } from "./standby.ts";
import { wake } from "./warm.ts";

/** What all machines of one driver share. */
export interface Household {
  readonly clock: Clock;
  readonly bootId: string;
  readonly cgroups: Cgroups;
  readonly kernelLog: KernelLog;
  /** In bytes. Two files of this size per machine. */
  readonly consoleLimit: number;
  emit(event: MachineEvent): void;
}

type What = MachineEvent extends infer E
  ? E extends MachineEvent
    ? Omit<E, keyof MachineRef>
    : never
  : never;

/** How long QEMU may take to answer. It answers in a millisecond unless it is frozen. */
export const answerTime = milliseconds(2_000);
/** The last words of a QEMU that is gone are in its socket already, in milliseconds. */
const lastWordsTime = 250;
/** A shim that was frozen by somebody is not waited for longer than this, in milliseconds. */
const recordingTime = 2_000;
/** One reboot makes up to three RESET events in a row. In milliseconds. */
const oneReset = 1_000;
const longestLog = 1 << 20;

export class Machine {
  readonly ref: MachineRef;
  readonly paths: Paths;
  readonly ended: Promise<Exit>;
  readonly #house: Household;
  readonly #hub;
  readonly #hold: Hold;
  readonly #frost: Hold;
  readonly #unplugging = new Map<string, () => void>();
  #record: LaunchRecord | undefined;
  #begun: Begun | undefined;
  #recording: Promise<void> = Promise.resolve();
  #announced = false;
  #exit: Exit | undefined;
  #asked = false;
  #qemu: ProcessId | undefined;
  #qmp: Qmp | undefined;
  #connecting: Promise<void> | undefined;
  #log: ConsoleLog | undefined;
  #watch: FSWatcher | undefined;
  #looking: Promise<void> | undefined;
  #lookAgain = false;
  #goneSince: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #released: Promise<void> = Promise.resolve();
  #isClosed = false;
  #trouble: Trouble = "none";
  #stage: Stage = { is: "none", isFollowed: false };
  #isWanted: (() => void)[] = [];
  #life: Life | undefined;
  #disks: DiskWatch;
  #ending: Promise<void> | undefined;
  #remembering: Promise<void> = Promise.resolve();
  #lastReset = Number.NEGATIVE_INFINITY;
  #boot: { readonly at: Instant; readonly by: string };
  #watchdogBit = false;
  #isOff = false;
  #onOff: () => void = () => {};
  #onHungUp: () => void = () => {};
  #resolveEnded: (exit: Exit) => void = () => {};

  constructor(house: Household, ref: MachineRef, paths: Paths, record: LaunchRecord | undefined) {
    this.#house = house;
    this.#boot = { at: house.clock.now(), by: "launch" };
    this.ref = { id: ref.id, generation: ref.generation };
    this.paths = paths;
    this.#record = record;
    if (record?.arrival) this.#stage = { ...this.#stage, is: "incoming" };
    this.#begun = record?.begun;
    this.#hold = holdOf(paths.held, house.clock, () => this.execute("cont"));
    this.#frost = holdOf(paths.frozen, house.clock, async () => {
      if (await this.#hasAgent()) await thawGuest(paths.agent); // A guest that was reset is not frozen any more.
    });
    this.#disks = watchDisks(() => (this.#record?.isFenceable ? [] : (this.#record?.lent ?? [])));
    this.#hub = consoleHub(paths.console, (bytes) => this.#log?.overhear(bytes));
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get record(): LaunchRecord | undefined {
    return this.#record;
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The name of its cgroup. */
  get group(): string {
    return this.#record?.group ?? keyOf(this.ref);
  }

  /** How it came to run, and when. */
  began(begun: Begun): Promise<void> {
    this.#begun = begun;
    if (!this.#record?.warming) return Promise.resolve();
    return this.#amend(async ({ warming: _, ...record }) => this.#keep({ ...record, begun }));
  }

  /** Whether somebody is at the other end of QMP. */
  get isConnected(): boolean {
    return this.#qmp !== undefined;
  }

  /** Whether the guest can react to what is done to its hardware. */
  get canReact(): boolean {
    return this.#trouble === "none" && (this.#move === "none" || this.#move === "sent");
  }

  /** All of it is elsewhere. It stands still, and whoever knows that the other does not run may resume it. */
  get hasLeft(): boolean {
    return this.#move === "left";
  }

  get isUp(): boolean {
    return this.#log?.isUp ?? false;
  }

  /** When and why its guest last began to boot, as far as this agent has seen. */
  get boot(): { readonly at: Instant; readonly by: string } {
    return this.#boot;
  }

  view(): MachineView {
    const exit = this.#exit;
    if (exit) return { ...this.ref, is: "exited", exit };
    const since = this.record?.at ?? this.#house.clock.now();
    if (this.#move === "incoming" || this.#move === "arrived")
      return { ...this.ref, is: "incoming", since, hasArrived: this.#move === "arrived" };
    const left = this.hasLeft ? ({ hasLeft: true } as const) : {};
    const begun = this.#begun ? { begun: this.#begun } : {};
    return { ...this.ref, is: "running", guest: this.#phase(), since, ...begun, ...left };
  }

  /** From here on its events are news to the listener. */
  announce(): void {
    this.#announced = true;
    this.#endIfHung();
  }

  /** Looks after a machine that has just been launched by `child`. */
  async nurse(child: ChildProcess): Promise<void> {
    child.once("exit", () => this.look());
    child.once("error", () => this.look());
    await this.#follow();
  }

  /** Looks after a machine whose process was there before it, and goes on with the conversation that there is. */
  async inherit(talk: Talk): Promise<void> {
    this.#qmp = talk.goOn(this.#listener());
    await this.#follow();
    this.#remembering = rememberThreads(this.paths.threads, this.paths.pid).catch(() => {});
  }

  /** Finds out what became of a machine that somebody else launched, and looks after it. */
  async adopt(asked: boolean): Promise<void> {
    this.#asked = asked;
    const known = await readEvidence(this.paths);
    if (known) return this.#settle(known);
    await this.#follow();
    await this.#lookNow();
    if (!this.#exit) await this.connect(answerTime).catch(() => this.#lookNow());
    if (this.#qmp && this.#qemu) await wipeKeysOf(this.#qemu.pid).catch(() => {}); // It has just ended.
    if (!this.#exit && this.#record?.warming) await wake(this).catch(() => this.signal("SIGKILL"));
    if (!this.#exit) await this.#hold.tend();
    if (!this.#exit) await this.#frost.tend();
    if (this.#goneSince !== undefined) await this.ended; // Its record is being written.
    // Whoever is still here and did not answer is frozen: its pulse will have to do.
  }

  /** Feels the pulse soon; may be called at any time, as often as anybody likes. */
  look(): void {
    void this.#lookNow().catch(() => {});
  }

  /** Slow care: what no event announces. Called every few seconds. */
  async tick(): Promise<void> {
    if (this.#exit) return;
    await this.#lookNow();
    if (!this.#exit && !this.#qmp) await this.connect(answerTime).catch(() => {});
    await rememberThreads(this.paths.threads, this.paths.pid);
    this.#endIfHung();
    await this.#hold.tend();
    await this.#frost.tend();
    await trim(this.paths.log);
    await this.#lookAtDisks();
  }

  /** Makes sure that there is a QMP conversation and that its state is known. */
  connect(within: Duration): Promise<void> {
    this.#connecting ??= this.#connect(within).finally(() => {
      this.#connecting = undefined;
    });
    return this.#connecting;
  }

  /** Tells QEMU something. Rejects with `not_running` or `hypervisor_silent`. */
  async execute(
    command: string,
    within: Duration = answerTime,
    args?: QmpArguments,
  ): Promise<void> {
    await this.query(command, within, args);
  }

  /** As `execute`, with QEMU's answer. */
  async query(command: string, within: Duration, args?: QmpArguments): Promise<unknown> {
    if (this.#exit) throw notRunning(this.ref);
    try {
      if (!this.#qmp) await this.connect(within);
      return await this.#qmp?.execute(command, within, args);
    } catch (cause) {
      await this.#lookNow();
      if (this.#exit) throw notRunning(this.ref);
      throw silent(command, cause);
    }
  }

  /** Stops its processors, for so long at most if that is given. */
  async pause(atMost?: Duration): Promise<void> {
    if (atMost === undefined) await this.#hold.drop();
    else if (this.#trouble === "none") await this.#hold.until(atMost);
    await this.execute("stop");
  }

  async resume(): Promise<void> {
    // QEMU would take it for leave to run as soon as its memory is there.
    if (this.#move === "incoming" || this.#move === "arrived") throw notArrived();
    await this.#hold.drop();
    await this.execute("cont");
    if (!this.hasLeft) return;
    this.#stage = { ...this.#stage, is: "none" };
    this.#tell({ what: "resumed" });
  }

  /** Rings when its migration, or a disk that is copied for it, got further; or after so many milliseconds. */
  news(atMost: number): Promise<void> {
    return new Promise((resolve) => {
      const late = setTimeout(resolve, atMost);
      this.#isWanted.push(() => {
        clearTimeout(late);
        resolve();
      });
    });
  }

  /** It has arrived and was let run. */
  async landed(): Promise<void> {
    const { arrival } = this.#record ?? {};
    if (!arrival) return;
    this.#stage = { ...this.#stage, is: "none" };
    await this.#amend(async ({ arrival: _, ...record }) => this.#keep(record));
    if (arrival.isUp) await this.#log?.believe();
    this.#tell({ what: "running" });
  }

  /** See `freeze` of the port. */
  async freeze(atMost: Duration): Promise<boolean> {
    if (!(await this.#hasAgent())) return false;
    await this.#frost.until(atMost);
    const is = await freezeGuest(this.paths.agent, atMost);
    if (is === "not-asked") await this.#frost.drop();
    return is === "frozen"; // Who was asked and has not answered may yet freeze, and is let go when it is time.
  }

  async thaw(): Promise<void> {
    await this.#frost.release();
  }

  /** Somebody in the guest has opened the channel of the guest agent. */
  async #hasAgent(): Promise<boolean> {
    const answer = await this.query("query-chardev", answerTime);
    const devices = Array.isArray(answer) ? answer.filter(isRecord) : [];
    return devices.some(
      ({ label, "frontend-open": isOpen }) => label === agentChannel && isOpen === true,
    );
  }

  /** Makes the files of a disk its user's. Where another host can reach them it must be fenced from now on. */
  lend(id: string, source: BlockSource, readOnly: boolean): Promise<void> {
    return this.#amend(async (record) => {
      const loan = loanOf(id, source, readOnly);
      await this.#keep(withLoan(record, loan, source));
      await handOver(loan, record.uid);
    });
  }

  takeBack(id: string): Promise<void> {
    return this.#amend(async (record) => {
      const loan = record.disks?.find((each) => each.id === id);
      if (!loan) return;
      await handOver(loan, 0);
      await this.#keep(withoutLoan(record, loan));
    });
  }

  /** Waits until a disk has been let go of and cleared away; false if it has not by then. */
  unplugged(id: string, within: Duration): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isGone: boolean) => {
        clearTimeout(late);
        this.#unplugging.delete(id);
        resolve(isGone);
      };
      const late = setTimeout(() => end(false), within).unref();
      this.#unplugging.set(id, () => end(true));
    });
  }

  /** Keeps something for the story of its life. */
  note(event: string, detail: string): void {
    this.#life?.note({ at: this.#house.clock.now(), event, detail });
  }

  /**
   * Whether the guest has switched itself off while its process waits to be told what to do; waits for
   * it until `within`. Only happens to a machine that was told to wait: see reboot.ts.
   */
  switchedOff(within: Duration): Promise<boolean> {
    if (this.#isOff) return Promise.resolve(true);
    return new Promise((resolve) => {
      const late = setTimeout(() => resolve(this.#isOff), within);
      this.#onOff = () => {
        clearTimeout(late);
        resolve(true);
      };
    });
  }

  /** Writes down that the end is wanted, so that it is no surprise to a later agent either. */
  async ask(): Promise<void> {
    this.#asked = true;
    await writeFile(this.paths.asked, "", { mode: 0o600 }).catch(() => {}); // A full disk stops no stop.
  }

  /** Sends a signal to QEMU and only to QEMU: the shim must live to record it. */
  async signal(name: NodeJS.Signals): Promise<void> {
    if (!this.#qemu) await this.#lookNow();
    if (this.#qemu) signal(this.#qemu, name);
    this.look();
  }

  async consoleLines(lines: number): Promise<readonly ConsoleLine[]> {
    if (!this.#exit) await this.#log?.catchUp();
    return readConsole(this.paths, lines);
  }

  async openConsole(): Promise<Console> {
    if (this.#exit) throw notRunning(this.ref);
    return this.#hub.open().catch((cause) => {
      throw notRunning(this.ref, cause);
    });
  }

  /** Waits until nothing of an ended machine is left but its directory. */
  async release(): Promise<void> {
    await this.#released;
    await this.#house.cgroups.remove(this.group);
  }

  close(): void {
    this.#isClosed = true;
    this.#letGo();
  }

  /** One change of the record at a time. */
  #amend(change: (record: LaunchRecord) => Promise<void>): Promise<void> {
    const mine = this.#recording.then(async () => {
      if (this.#record) await change(this.#record);
    });
    this.#recording = mine.catch(() => {});
    return mine;
  }

  async #keep(record: LaunchRecord): Promise<void> {
    await writeRecord(this.paths, record);
    this.#record = record;
  }

  async #connect(within: Duration): Promise<void> {
    this.#qmp ??= await connectQmp(this.paths.qmp, this.#listener());
    const answer = await this.#qmp.execute("query-status", within);
    if (this.#isClosed) return this.#letGo();
    this.#trouble = troubleOf(answer);
    await this.#lookAtMove(answer, within);
    this.#isOff = isRecord(answer) && answer.status === "shutdown";
    this.#endIfHung();
    this.#remembering = rememberThreads(this.paths.threads, this.paths.pid).catch(() => {});
  }

  #listener(): QmpListener {
    return {
      event: (event) => this.#hear(event),
      closed: () => {
        this.#qmp = undefined;
        this.#onHungUp();
        this.look();
      },
    };
  }

  /** Where it is on its way from one host to another, if it is on one. */
  async #lookAtMove(answer: unknown, within: Duration): Promise<void> {
    const runs = isRecord(answer) ? String(answer.status) : "";
    if (this.#record?.warming) return; // It waits for a file.
    if (runs === "running") await this.landed(); // Let run by an agent that died on it.
    const status = dependsOnStatus(runs, this.#isArriving) ? await this.#askMove(within) : "";
    this.#stage = stageIn(this.#stage, runs, status, this.#isArriving);
    if (this.#move !== "none") this.#trouble = "none";
  }

  async #askMove(within: Duration): Promise<string> {
    const info = await this.#qmp?.execute("query-migrate", within);
    return isRecord(info) ? String(info.status) : "";
  }

  #hearMove(status: string): void {
    this.#stage = stageAfter(this.#stage, status, this.#isArriving);
    this.#ring();
  }

  get #move(): Move {
    return this.#stage.is;
  }

  get #isArriving(): boolean {
    return this.#record?.arrival !== undefined;
  }

  #ring(): void {
    for (const wake of this.#isWanted.splice(0)) wake();
    this.#tell({ what: "migrating" });
  }

  /** Its end is told like any other: nobody asked for it. */
  #endIfHung(): void {
    if (this.#trouble !== "hung" || !this.#announced || this.#exit || this.#isClosed) return;
    this.#ending ??= endHung(this).finally(() => {
      this.#ending = undefined;
    });
  }

  async #lookAtDisks(): Promise<void> {
    if (this.#exit) return;
    for (const { file, is, was, now } of await this.#disks.look()) {
      this.note("DISK_LOST", detailOf({ file, is, was, now }));
      this.#tell({ what: "io-error", detail: `${file} is ${is}: ${was} bytes before, ${now} now` });
    }
  }

  async #follow(): Promise<void> {
    const { clock, consoleLimit: limit } = this.#house;
    this.#life = await openLife(this.paths);
    try {
      this.#watch = watch(this.paths.dir, { persistent: false }, (_, file) => {
        if (file === basename(this.paths.exit)) this.look();
      });
      this.#watch.on("error", () => {});
    } catch {
      // No watches left on this host: tick() finds it a few seconds later.
    }
    this.#log = await followConsole(this.paths, { limit, clock }, () => {
      this.#tell({ what: "ready" });
    });
  }

  /** One look at a time; a call during a look causes one more. */
  #lookNow(): Promise<void> {
    if (this.#looking) {
      this.#lookAgain = true;
      return this.#looking;
    }
    this.#looking = (async () => {
      do {
        this.#lookAgain = false;
        if (!this.#exit && !this.#isClosed) await this.#feelPulse();
      } while (this.#lookAgain);
    })().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #feelPulse(): Promise<void> {
    const { bootId, clock } = this.#house;
    const pulse = await feelPulse(this.paths, this.record, bootId, clock);
    if (pulse.is === "over") return this.#finish(pulse.ending);
    if (pulse.is === "alive") this.#qemu = pulse.qemu;
    if (pulse.is !== "recording") return;
    this.#goneSince ??= performance.now();
    const waited = performance.now() - this.#goneSince;
    if (waited > recordingTime) return this.#finish({ status: "unrecorded", at: clock.now() });
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.look(), 20 + waited / 4);
  }

  async #finish(ending: Ending): Promise<void> {
    const { cgroups, bootId } = this.#house;
    await Promise.all([this.#log?.catchUp(), this.#hungUp()]);
    const isOtherBoot = this.record !== undefined && this.record.bootId !== bootId;
    if (isOtherBoot)
      this.note("HOST_REBOOTED", detailOf({ from: this.record?.bootId, to: bootId }));
    const [oomKills, kernelLog] = await Promise.all([
      cgroups.oomKills(this.group),
      isOtherBoot ? [] : this.#kernelLog(),
    ]);
    const exit = await gatherExit(this.paths, this.record ?? {}, {
      ...ending,
      requested: this.#asked,
      oomKills,
      kernelLog,
      events: this.#life?.events() ?? [],
    });
    await this.#life?.settled();
    await writeEvidence(this.paths, exit).catch(() => {}); // A full disk: gathered again next time.
    // QEMU may be gone before its last event has got through.
    if (exit.reason === "guest-panic" && this.#trouble !== "panicked")
      this.#tell({ what: "panicked" });
    this.#settle(exit);
    this.#tell({ what: "exited", exit });
  }

  /** Waits until everything that QEMU said before it went has been heard. */
  #hungUp(): Promise<void> {
    if (!this.#qmp) return Promise.resolve();
    return new Promise((resolve) => {
      const late = setTimeout(resolve, lastWordsTime);
      this.#onHungUp = () => {
        clearTimeout(late);
        resolve();
      };
    });
  }

  async #kernelLog(): Promise<readonly string[]> {
    await this.#remembering;
    const threads = await recallThreads(this.paths.threads, this.paths.pid);
    const since = this.record?.at ?? this.#boot.at;
    return this.#house.kernelLog.about({ group: this.group, threads, since });
  }

  #settle(exit: Exit): void {
    this.#exit = exit;
    this.#letGo();
    this.#released = this.#giveBack();
    this.#resolveEnded(exit);
  }

  async #giveBack(): Promise<void> {
    if (this.#record) await takeBackAll(this.#record);
    await this.#house.cgroups.remove(this.group).catch(() => {});
  }

  #letGo(): void {
    this.#watch?.close();
    this.#log?.close();
    this.#qmp?.close();
    this.#hub.close();
    this.#hold.close();
    this.#frost.close();
    clearTimeout(this.#timer);
    for (const wake of this.#isWanted.splice(0)) wake();
  }

  #hear(told: QmpEvent): void {
    const { event, data = {} } = told;
    const worth = lifeEventOf(told, this.#house.clock.now());
    if (worth) this.#life?.note(worth);
    if (event === "SHUTDOWN") {
      this.#isOff = true; // Normally its process ends now; during a reboot it waits.
      this.#onOff();
    } else if (event === "MIGRATION") {
      this.#hearMove(String(data.status));
    } else if (event === "JOB_STATUS_CHANGE") {
      if (isMirror(data.id)) this.#ring();
    } else if (event === "STOP") {
      if (this.#isOff || this.#move === "sent") return; // Nobody has paused it.
      if (this.#trouble !== "none") return; // It stopped because of what we already told.
      this.#trouble = "paused";
      this.#tell({ what: "paused" });
    } else if (event === "RESUME") {
      this.#isOff = false;
      if (this.#trouble === "none") return;
      this.#trouble = "none";
      this.#tell({ what: "resumed" });
    } else if (event === "RESET") {
      this.#hearReset(String(data.reason));
    } else if (event === "WATCHDOG") {
      this.#watchdogBit = data.action === "reset"; // Of a machine that an older version launched.
      if (data.action !== "pause") return;
      this.#trouble = "hung";
      this.#endIfHung();
    } else if (event === "DEVICE_DELETED" && typeof data.device === "string") {
      void this.#clear(data.device);
    } else if (event === "GUEST_PANICKED") {
      this.#trouble = "panicked";
      this.#tell({ what: "panicked" });
    } else if (event === "BLOCK_IO_ERROR" && data.action === "stop") {
      if (this.#trouble === "io-error") return; // One trouble, however many requests it hits.
      this.#trouble = "io-error";
      const why = data.nospace === true ? "the host's disk is full" : String(data.reason);
      const node = String(data["node-name"] || data.device);
      this.#tell({ what: "io-error", detail: `${data.operation} on ${node}: ${why}` });
    }
  }

  async #clear(disk: string): Promise<void> {
    if (!this.#record?.disks?.some(({ id }) => id === disk)) return; // Something else was unplugged.
    // What cannot be cleared away now is cleared at the next attach or detach of that name.
    await clearDisk(this, disk).catch(() => {});
    this.#unplugging.get(disk)?.();
    this.#tell({ what: "detached", disk });
  }

  #hearReset(reason: string): void {
    const now = performance.now();
    if (now - this.#lastReset < oneReset) return;
    this.#lastReset = now;
    const by = this.#watchdogBit ? "watchdog" : reason;
    this.#watchdogBit = false;
    this.#boot = { at: this.#house.clock.now(), by };
    void this.#log?.reset();
    this.#tell({ what: "reset", by });
  }

  #tell(what: What): void {
    if (this.#announced && !this.#isClosed) this.#house.emit({ ...this.ref, ...what });
  }

  #phase(): GuestPhase {
    if (this.#trouble === "hung") return "paused"; // For the moment until it is ended.
    if (this.#trouble !== "none") return this.#trouble;
    return this.#log?.isUp ? "up" : "booting";
  }
}

type Trouble = "none" | "paused" | "panicked" | "io-error" | "hung";

/** From QMP's run state. Whatever is neither running nor one of ours has stopped processors. */
function troubleOf(answer: unknown): Trouble {
  const status =
    typeof answer === "object" && answer !== null && "status" in answer ? answer.status : undefined;
  if (status === "running") return "none";
  if (status === "inmigrate" || status === "finish-migrate" || status === "postmigrate")
    return "none";
  if (status === "io-error") return "io-error";
  if (status === "watchdog") return "hung";
  return status === "guest-panicked" ? "panicked" : "paused";
}

/** A guest can make QEMU complain for ever. Keeps the end of the log, cut where QEMU appends. */
async function trim(log: string): Promise<void> {
  const text = await readTail(log, longestLog + 1);
  if (text.length <= longestLog) return;
  await truncate(log, 0);
  await writeFile(log, text.slice(-longestLog / 4), { flag: "a" });
}
