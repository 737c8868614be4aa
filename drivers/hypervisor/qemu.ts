/**
 * The real thing: one QEMU process per incarnation, which outlives us and is found again on disk.
 *
 * The run directory is the truth and the maps here only a reading of it, made once. What may surprise:
 * the first call of any method adopts what is there, because a driver that does not know what runs
 * could start it twice.
 */
import { randomBytes } from "node:crypto";
import { renameSync } from "node:fs";
import { access, chown, type FileHandle, mkdir, open, readFile, rm, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join } from "node:path";
import { codeOf } from "@holdfast/kernel/code-of";
import type { InstanceId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import { type Clock, type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import { tapOf } from "../network/names.ts";
import {
  attachDisk,
  backupDisk,
  detachDisk,
  limitDisk,
  listDisks,
  removeSnapshot,
  resizeDisk,
  snapshotDisks,
} from "./block-attach.ts";
import { openKeys } from "./block-keys.ts";
import { type Breakable, breakable } from "./breakable.ts";
import { findCgroups, overheadMiB } from "./cgroup.ts";
import { doorbell } from "./doorbell.ts";
import {
  type Acceleration,
  type Cards,
  type Exit,
  type Hypervisor,
  type Landing,
  type MachineEvent,
  type MachineForm,
  type MachineRef,
  type MachineSpec,
  noEvidence,
} from "./driver.ts";
import { examineMachine } from "./examine.ts";
import { hostTscKHz } from "./host-tsc.ts";
import {
  assertSocketsFit,
  findIncarnations,
  keyOf,
  type LaunchRecord,
  type Paths,
  pathsOf,
  readRecord,
  seal,
  standbyDirectory,
  writeEvidence,
  writeRecord,
  writeTombstone,
} from "./incarnation.ts";
import { kernelLog } from "./kernel-log.ts";
import { findInherited, jailed, launch } from "./launch.ts";
import { launchProblem, preparationProblem } from "./launch-problem.ts";
import { lendAll, takeBackAll } from "./loans.ts";
import { type Household, Machine } from "./machine.ts";
import { logHeader, recordOf, writePapers } from "./papers.ts";
import { kvmGroups, versionOf } from "./probe.ts";
import { qemuArgv } from "./qemu-argv.ts";
import {
  awaitMemory,
  beginMigration,
  formOf,
  land,
  steer,
  viewMigration,
} from "./qemu-migration.ts";
import { reboot } from "./reboot.ts";
import {
  alreadyEnded,
  beingClosed,
  diskBusy,
  needsRoot,
  notRunning,
  overtaken,
  stillRunning,
  usersExhausted,
} from "./refusals.ts";
import { settled } from "./settled.ts";
import { clearStandbys, type Shop, type Standby, standbys } from "./standby.ts";
import type { Order } from "./standby-fit.ts";
import { climbDown } from "./stop-ladder.ts";
import { withTaps } from "./taps.ts";
import { digestOf, makeTemplate, templateForm } from "./template.ts";
import { turns } from "./turns.ts";
import { openState, unlaunch, wake } from "./warm.ts";

export { hostTscKHz } from "./host-tsc.ts";
export { probeAcceleration } from "./probe.ts";

export interface QemuOptions {
  /** Must be passable for everybody (`chmod o+x` all the way) and short: sockets live under it. */
  readonly runDir: string;
  readonly clock: Clock;
  /** From `probeAcceleration`. */
  readonly acceleration: Acceleration;
  /** User ids that nobody else on this host uses, one for each guest. */
  readonly uids: { readonly first: number; readonly count: number };
  /** Default `qemu-system-x86_64`, found in the standard directories. */
  readonly binary?: string;
  /** Default `holdfast` under /sys/fs/cgroup. */
  readonly cgroup?: { readonly parent: string; readonly root: string };
  /** TCG's translation buffer, beside the guest's memory. Default 64. */
  readonly translationMiB?: number;
  /** Two files of this many bytes are kept of each guest's console. Default 1 MiB. */
  readonly consoleLimit?: number;
  /** Tells one boot of the host from the next. Default /proc/sys/kernel/random/boot_id. */
  readonly bootIdFile?: string;
  /** File of the network namespace that the taps are in, if it is not this process's own. */
  readonly tapNamespace?: string;
  /** How long QEMU may take from its launch to its first answer. Default 30 s. */
  readonly launchTime?: Duration;
}

/** Between two rounds that find out what no event announced, in milliseconds. */
const round = 5_000;
const standardBootId = "/proc/sys/kernel/random/boot_id";
const standardCgroup = { parent: "holdfast", root: "/sys/fs/cgroup" };

export function qemuHypervisor(options: QemuOptions): Hypervisor {
  const { runDir, clock, acceleration, uids } = options;
  const { translationMiB = 64, launchTime = seconds(30), binary = "qemu-system-x86_64" } = options;
  const machines = new Map<string, Machine>();
  const starting = new Map<string, Starting>();
  /** Being looked at: whether they run is not known yet, and what cannot must not look as if it did. */
  const unknown = new Set<Machine>();
  /** What somebody has been told, or will be, that it has ended: it is not launched again. */
  const toStop = new Set<string>();
  let version: Promise<string> | undefined;
  /** The youngest generation ever seen here. */
  const seen = new Map<InstanceId, number>();
  const usedUids = new Map<string, number>();
  const inTurn = turns(2 * availableParallelism());
  const plugs = new WeakMap<Machine, ReturnType<typeof turns>>();
  /** Backups that this process waits for. */
  const backups = new Set<string>();
  let listener: (event: MachineEvent) => void = () => {};
  let rounds: NodeJS.Timeout | undefined;
  const waiting = standbys(openShop, closeShop);
  let moved: ReturnType<typeof moveIn> | undefined;
  const home = () => {
    moved ??= moveIn();
    return moved;
  };

  return {
    acceleration,

    start: (spec, cards) => launchOnce(spec, undefined, cards),

    async templateKey(spec, contents) {
      const { hardware } = await home();
      version ??= versionOf(binary);
      const form = await templateForm(spec, await version, hardware);
      return digestOf(JSON.stringify([form, ...contents]));
    },

    async makeTemplate(spec, directory, within) {
      const { house, hardware, groups } = await home();
      const key = `template-${basename(directory)}`;
      const uid = takeUid(key);
      try {
        const memoryMiB = spec.memoryMiB + translationMiB + overheadMiB;
        const procs = await house.cgroups.create(key, { cpus: spec.cpus, memoryMiB });
        const shop = { binary, hardware, jail: { uid, groups }, procs };
        return await makeTemplate(spec, directory, shop, within);
      } finally {
        usedUids.delete(key);
        await house.cgroups.remove(key).catch(() => {});
      }
    },

    async standBy(template, spec) {
      await home();
      return waiting.add({ template, spec });
    },
    standbys: () => waiting.list(),
    standDown: (template) => waiting.drop(template),

    async stop(ref, ladder) {
      toStop.add(keyOf(ref));
      const house = await home();
      const machine = machines.get(keyOf(ref)) ?? (await forbid(ref, house));
      starting.get(keyOf(ref))?.breakOff(alreadyEnded(ref));
      return machine instanceof Machine ? climbDown(machine, ladder) : machine;
    },

    reset: async (ref, grace) => reboot(await find(ref), grace),
    pause: async (ref, atMost) => (await find(ref)).pause(atMost),
    resume: async (ref) => (await find(ref)).resume(),
    freeze: async (ref, atMost) => (await find(ref)).freeze(atMost),
    thaw: async (ref) => (await find(ref)).thaw(),

    disks: async (ref) => listDisks(await find(ref)),
    attachDisk: (ref, disk) => plugging(ref, (machine) => attachDisk(machine, disk)),
    detachDisk: (ref, disk, within) =>
      plugging(ref, (machine) => detachDisk(machine, disk, within)),
    resizeDisk: (ref, disk, bytes) => plugging(ref, (machine) => resizeDisk(machine, disk, bytes)),
    setDiskLimits: (ref, disk, limits) =>
      plugging(ref, (machine) => limitDisk(machine, disk, limits)),
    snapshotDisks: (ref, disks, name) =>
      plugging(ref, (machine) => snapshotDisks(machine, disks, name)),
    removeDiskSnapshot: (ref, disk, name) =>
      plugging(ref, (machine) => removeSnapshot(machine, disk, name)),

    async backupDisk(ref, disk, order) {
      const machine = await find(ref);
      const key = `${keyOf(ref)} ${disk}`;
      if (backups.has(key)) throw diskBusy();
      backups.add(key);
      try {
        await backupDisk(machine, disk, order);
      } finally {
        backups.delete(key);
      }
    },

    formOf: async (ref) => formOf(await find(ref)),
    async receive(spec, form, mirrored): Promise<Landing> {
      await launchOnce(spec, form);
      const machine = await find(spec);
      if (machine.view().is !== "incoming") throw alreadyEnded(spec);
      return plugging(spec, () => awaitMemory(machine, mirrored));
    },
    migrate: (ref, departure) => plugging(ref, (machine) => beginMigration(machine, departure)),
    migration: async (ref) => viewMigration(await find(ref)),
    steer: async (ref, rung) => steer(await find(ref), rung),
    land: (ref) => plugging(ref, land),

    async adopt() {
      await home();
      const all = [...machines.values()];
      for (const machine of all) machine.announce();
      return all.map((machine) => machine.view());
    },

    list(id) {
      const all = [...machines.values()].filter((machine) => !unknown.has(machine));
      const asked = id ? all.filter(({ ref }) => ref.id === id) : all;
      return asked.map((machine) => machine.view());
    },
    onEvent(heard) {
      listener = heard;
    },
    examine: async (ref, within) => examineMachine(await find(ref), within),
    console: async (ref) => (await find(ref)).openConsole(),

    async consoleLog(ref, lines) {
      await home();
      return (await machines.get(keyOf(ref))?.consoleLines(lines)) ?? [];
    },

    async forget(ref) {
      await home();
      const isUp = () => machines.has(keyOf(ref)) && !machines.get(keyOf(ref))?.exit;
      if (isUp()) throw stillRunning(ref);
      // A start that is under way would know nothing any more of what is forgotten here.
      starting.get(keyOf(ref))?.breakOff(alreadyEnded(ref));
      await starting.get(keyOf(ref))?.done.catch(() => {});
      if (isUp()) throw stillRunning(ref);
      const machine = machines.get(keyOf(ref));
      toStop.delete(keyOf(ref));
      if (!machine) return;
      await machine.release();
      await writeTombstone(machine.paths, seen.get(ref.id) ?? ref.generation);
      await rm(machine.paths.dir, { recursive: true, force: true });
      machines.delete(keyOf(ref));
      usedUids.delete(keyOf(ref));
    },

    async close() {
      clearInterval(rounds);
      await moved?.catch(() => {});
      for (const { breakOff } of starting.values()) breakOff(beingClosed());
      // A launch that is under way is finished first: half of one is nobody's.
      await Promise.allSettled([...starting.values()].map(({ done }) => done));
      await waiting.close();
      for (const machine of machines.values()) machine.close();
      await moved?.then(({ house }) => house.kernelLog.close()).catch(() => {});
    },
  };

  /** `form` of one that is to wait for its memory. */
  async function launchOnce(
    spec: MachineSpec,
    form?: MachineForm,
    cards?: Promise<Cards>,
  ): Promise<void> {
    cards?.catch(() => {}); // It may be a while until somebody waits for them.
    const house = await home();
    const key = keyOf(spec);
    const underWay = starting.get(key);
    if (underWay) return underWay.done;
    const machine = machines.get(key);
    if (machine?.exit) throw alreadyEnded(spec);
    if (machine) return;
    for (const other of starting.values()) {
      if (other.ref.id !== spec.id) continue;
      if (!toStop.has(keyOf(other.ref))) throw stillRunning(other.ref);
      await other.done.catch(() => {}); // It was stopped before it was launched, and is about to notice.
      return launchOnce(spec, form, cards);
    }
    const { ready, breakOff } = breakable(cards);
    const done = bringUp(spec, house, form, ready).finally(() => starting.delete(key));
    starting.set(key, { ref: spec, done, breakOff });
    return done;
  }

  /** What changes the disks of one machine is done one after the other. */
  async function plugging<T>(ref: MachineRef, work: (machine: Machine) => Promise<T>): Promise<T> {
    const machine = await find(ref);
    const inOrder = plugs.get(machine) ?? turns(1);
    plugs.set(machine, inOrder);
    return inOrder(() => work(machine));
  }

  async function find(ref: MachineRef): Promise<Machine> {
    await home();
    const machine = machines.get(keyOf(ref));
    if (!machine || machine.exit) throw notRunning(ref);
    return machine;
  }

  /** Reads the run directory and attaches to whatever runs. */
  async function moveIn() {
    if (process.getuid?.() !== 0) throw needsRoot();
    await mkdir(runDir, { recursive: true, mode: 0o711 });
    const { parent, root } = options.cgroup ?? standardCgroup;
    const cgroups = await findCgroups(parent, root);
    const bootId = (await readFile(options.bootIdFile ?? standardBootId, "utf8")).trim();
    const house: Household = {
      clock,
      bootId,
      cgroups,
      kernelLog: kernelLog(clock),
      consoleLimit: options.consoleLimit ?? 1 << 20,
      emit: (event) => listener(event),
    };
    await clearStandbys(runDir);
    const found = await findIncarnations(runDir);
    for (const [id, generation] of found.seen) seen.set(id, generation);
    await Promise.all(found.refs.map((ref) => takeOver(ref, house)));
    const known = new Set([...machines.values()].map(({ group }) => group));
    for (const ref of found.refs) known.add(keyOf(ref));
    const strays = (await cgroups.list()).filter((name) => !known.has(name));
    await Promise.all(strays.map((name) => cgroups.remove(name)));
    rounds = setInterval(() => {
      for (const machine of machines.values()) void machine.tick().catch(() => {});
    }, round);
    const hardware = {
      acceleration: acceleration.kind,
      translationMiB,
      tscKHz: await hostTscKHz(),
    };
    const groups = acceleration.kind === "kvm" ? kvmGroups((await stat("/dev/kvm")).gid) : [];
    return { house, hardware, groups, inherited: await findInherited() };
  }

  async function takeOver(ref: MachineRef, house: Household): Promise<void> {
    const paths = pathsOf(runDir, ref);
    const record = await readRecord(paths);
    if (record) usedUids.set(keyOf(ref), record.uid);
    if (!(await exists(paths.started))) return; // Prepared and never launched: start may try again.
    const machine = new Machine(house, ref, paths, record);
    machines.set(keyOf(ref), machine);
    await machine.adopt(await exists(paths.asked));
  }

  async function bringUp(
    spec: MachineSpec,
    home: Awaited<ReturnType<typeof moveIn>>,
    form: MachineForm | undefined,
    cards: Promise<Cards> | undefined,
  ): Promise<void> {
    const paths = pathsOf(runDir, spec);
    assertSocketsFit(paths);
    const standby = form ? undefined : waiting.take(spec);
    if (standby && (await takeStandby(standby, spec, paths, home.house, cards))) return;
    const nics = await cards; // Before its turn: who can do nothing yet holds up nobody.
    const whole = nics ? { ...spec, nics } : spec;
    await inTurn(() => bringUpInTurn(whole, paths, home, form));
  }

  async function bringUpInTurn(
    spec: MachineSpec,
    paths: Paths,
    home: Awaited<ReturnType<typeof moveIn>>,
    form: MachineForm | undefined,
  ): Promise<void> {
    const begun = performance.now();
    await assertYoungest(spec, paths);
    const state = spec.template && !form ? await openState(spec) : undefined;
    const why = spec.template && !state ? "its template is not there any more" : undefined;
    const cold = { begun, ...(why ? { why } : {}) };
    if (!state) return bringUpAs(spec, paths, home, form ? { form, begun } : cold);
    try {
      await bringUpAs(spec, paths, home, { state, begun });
    } catch (error) {
      const machine = machines.get(keyOf(spec));
      const isOfWarmth = error instanceof Problem && error.code === "launch_failed";
      if (!isOfWarmth || !machine?.exit || toStop.has(keyOf(spec))) throw error;
      machines.delete(keyOf(spec));
      await machine.release();
      await unlaunch(paths);
      await bringUpAs(spec, paths, home, { begun, why: error.message });
    } finally {
      await state.close();
    }
  }

  async function bringUpAs(
    spec: MachineSpec,
    paths: Paths,
    home: Awaited<ReturnType<typeof moveIn>>,
    way: Way,
  ): Promise<void> {
    const prepared = await prepare(spec, paths, home.house, way).catch((error) => {
      usedUids.delete(keyOf(spec));
      throw preparationProblem(error);
    });
    await bringUpWith(prepared, spec, paths, home, way).finally(prepared.keys.wipe);
  }

  async function bringUpWith(
    { procs, record, keys }: Awaited<ReturnType<typeof prepare>>,
    spec: MachineSpec,
    paths: Paths,
    { house, hardware, groups, inherited }: Awaited<ReturnType<typeof moveIn>>,
    { form, state, begun, why }: Way,
  ): Promise<void> {
    const key = keyOf(spec);
    seen.set(spec.id, Math.max(seen.get(spec.id) ?? 0, spec.generation));
    const command = withTaps(
      (spec.nics ?? []).map(({ id }) => tapOf(id)),
      jailed({ uid: record.uid, groups }, [
        binary,
        ...qemuArgv(spec, paths, hardware, state ? "warm" : form),
      ]),
      options.tapNamespace,
    );
    const log = await open(paths.log, "a", 0o600);
    await log.appendFile(logHeader(spec, clock.now()));
    if (machines.has(key) || toStop.has(key)) {
      await Promise.all([log.close(), takeBackAll(record)]);
      throw alreadyEnded(spec); // A stop was faster.
    }

    // No wait between these two: whoever finds the machine in the map must find its shim as well.
    const machine = new Machine(house, spec, paths, record);
    const bell = doorbell(paths.vm);
    const shim = launch(paths, procs, command, { log, inherited, state, keys: keys.files });
    machines.set(key, machine);
    await Promise.all([machine.nurse(shim), log.close()]);
    const deadline = performance.now() + launchTime;
    while (!machine.exit && performance.now() < deadline) {
      const refusal = await machine.connect(launchTime).then(() => undefined, codeOf);
      if (machine.isConnected) break;
      // Between its bind and its listen a socket is there and refuses.
      await Promise.race([bell.next(refusal === "ECONNREFUSED" ? 1 : 100), machine.ended]);
    }
    bell.close();
    await keys.wipe(); // It answers, so it has opened its disks, or it never will.
    if (state && machine.isConnected) await wake(machine, begun).catch(() => endNow(machine));
    if (!machine.isConnected && !machine.exit) await endNow(machine);
    if (machine.exit) throw await launchProblem(spec, record.uid, machine.exit);
    machine.announce();
    if (form) return; // It does not run.
    if (!state) {
      const took = milliseconds(performance.now() - begun);
      await machine.began({ how: "cold", took, ...(why ? { why } : {}) });
    }
    listener({
      id: spec.id,
      generation: spec.generation,
      what: machine.canReact ? "running" : "paused",
    });
  }

  /**
   * Makes an instance of a process that was on standby. False if that does not work: nothing is left of it then,
   * its disks are nobody's, and nothing has run.
   */
  async function takeStandby(
    standby: Standby,
    spec: MachineSpec,
    paths: Paths,
    house: Household,
    cards: Promise<Cards> | undefined,
  ): Promise<boolean> {
    const begun = performance.now();
    const { uid, group } = standby;
    const key = keyOf(spec);
    const { bootId } = house;
    const record = {
      ...recordOf(spec, { uid, bootId, at: clock.now() }),
      group,
      warming: { isPaused: false },
    };
    let papers: Promise<unknown> | undefined;
    try {
      await assertYoungest(spec, paths);
      papers = settled([
        standby.name(spec, logHeader(spec, clock.now())),
        // Whoever ends it reads there what to take back.
        standby.record(record).then(() => lendAll(record)),
      ]);
      await Promise.all([
        standby.dress(spec, papers, cards),
        papers.then(() => mkdir(paths.instance, { recursive: true, mode: 0o711 })),
      ]);
      await assertYoungest(spec, paths); // That may have taken its time.
      if (machines.has(key) || toStop.has(key)) throw alreadyEnded(spec); // A stop was faster.
      seen.set(spec.id, Math.max(seen.get(spec.id) ?? 0, spec.generation));
      // The step that makes it an instance. It fails if anybody was there before, also whoever has forbidden it.
      renameSync(standby.paths.dir, paths.dir);
    } catch {
      await papers?.catch(() => {}); // What is still being lent could not be taken back.
      await waiting.discard(standby);
      return false;
    }
    // No wait between these two: whoever finds its directory must find the machine as well.
    const machine = new Machine(house, spec, paths, record);
    machines.set(key, machine);
    usedUids.delete(group);
    usedUids.set(key, uid);
    const inherited = machine.inherit(standby);
    // It is let run at once; whoever follows what it says begins where that begins.
    const woken = wake(machine, begun).then(
      () => true,
      () => false,
    );
    standby.leave();
    const [took] = await Promise.all([woken, inherited]);
    if (!took) {
      await endNow(machine);
      if (toStop.has(key)) throw alreadyEnded(spec);
      machines.delete(key);
      await machine.release();
      await unlaunch(paths);
      return false;
    }
    machine.announce();
    listener({ id: spec.id, generation: spec.generation, what: "running" });
    return true;
  }

  /** What a process on standby needs, for this long. */
  async function openShop({ spec: { cpus, memoryMiB } }: Order): Promise<Shop> {
    const { house, hardware, groups, inherited } = await home();
    const name = randomBytes(4).toString("hex");
    const group = `standby-${name}`;
    const uid = takeUid(group);
    const limits = { cpus, memoryMiB: memoryMiB + translationMiB + overheadMiB };
    const procs = await house.cgroups.create(group, limits).catch((error: unknown) => {
      usedUids.delete(group);
      throw error;
    });
    const { tapNamespace } = options;
    return {
      directory: join(runDir, standbyDirectory, name),
      binary,
      hardware,
      jail: { uid, groups },
      group,
      procs,
      inherited,
      tapNamespace,
    };
  }

  async function closeShop(group: string): Promise<void> {
    usedUids.delete(group);
    await (await home()).house.cgroups.remove(group).catch(() => {});
  }

  async function assertYoungest(spec: MachineSpec, paths: Paths): Promise<void> {
    const youngest = seen.get(spec.id) ?? 0;
    if (toStop.has(keyOf(spec))) throw alreadyEnded(spec);
    if (youngest > spec.generation) throw overtaken(spec, youngest);
    if (youngest === spec.generation && !(await exists(paths.dir))) throw alreadyEnded(spec);
    for (const { exit, ref } of machines.values())
      if (ref.id === spec.id && !exit) throw stillRunning(ref);
  }

  /** Everything on disk that a launch needs. May be repeated. */
  async function prepare(
    spec: MachineSpec,
    paths: Paths,
    { cgroups, bootId }: Household,
    { form, state }: Pick<Way, "form" | "state">,
  ) {
    const uid = usedUids.get(keyOf(spec)) ?? takeUid(keyOf(spec));
    await mkdir(paths.vm, { recursive: true, mode: 0o711 });
    const record: LaunchRecord = {
      ...recordOf(spec, { uid, bootId, at: clock.now() }),
      ...(form ? { arrival: { isUp: form.isUp } } : {}),
      ...(state ? { warming: { isPaused: spec.paused } } : {}),
    };
    const memoryMiB = spec.memoryMiB + translationMiB + overheadMiB;
    await writeRecord(paths, record);
    try {
      const [procs] = await settled([
        cgroups.create(keyOf(spec), { cpus: spec.cpus, memoryMiB }),
        chown(paths.vm, uid, uid),
        writePapers(spec, paths, uid, Boolean(form?.identityDisk)),
        lendAll(record),
      ]);
      return { procs, record, keys: await openKeys(spec.disks, uid) };
    } catch (error) {
      await takeBackAll(record); // Its user is about to be free.
      throw error;
    }
  }

  function takeUid(key: string): number {
    const taken = new Set(usedUids.values());
    for (let uid = uids.first; uid < uids.first + uids.count; uid++) {
      if (taken.has(uid)) continue;
      usedUids.set(key, uid);
      return uid;
    }
    throw usersExhausted(uids.count);
  }

  /** For a machine that we do not know: see to it that it can never run, or find that it does. */
  async function forbid(
    ref: MachineRef,
    { house }: Awaited<ReturnType<typeof moveIn>>,
  ): Promise<Machine | Exit> {
    const paths = pathsOf(runDir, ref);
    const left = { requested: true, ...noEvidence };
    const youngest = seen.get(ref.id) ?? 0;
    if (youngest >= ref.generation && !starting.has(keyOf(ref)) && !(await exists(paths.dir)))
      return { at: clock.now(), status: "unrecorded", ...left };
    await mkdir(paths.dir, { recursive: true, mode: 0o711 });
    seen.set(ref.id, Math.max(youngest, ref.generation));
    if (await seal(paths))
      await writeEvidence(paths, { at: clock.now(), status: "never-launched", ...left });
    const record = await readRecord(paths);
    const known = machines.get(keyOf(ref));
    if (known) return known;
    const machine = new Machine(house, ref, paths, record);
    machines.set(keyOf(ref), machine);
    unknown.add(machine);
    await machine.adopt(true).finally(() => unknown.delete(machine));
    return machine;
  }
}

/** A start that is under way. */
interface Starting extends Pick<Breakable<Cards>, "breakOff"> {
  readonly ref: MachineRef;
  readonly done: Promise<void>;
}

/** How a machine is to come to run. */
interface Way {
  /** By `performance.now()`. */
  readonly begun: number;
  /** It comes from another host. */
  readonly form?: MachineForm | undefined;
  /** The memory of a template. */
  readonly state?: FileHandle | undefined;
  /** It should have started from a template and could not. */
  readonly why?: string | undefined;
}

const endNow = (machine: Machine) =>
  climbDown(machine, { acpi: seconds(0), terminate: seconds(0), kill: seconds(10) });

const exists = (file: string) =>
  access(file).then(
    () => true,
    () => false,
  );
