/**
 * Two hosts on this machine with real QEMU, real relays and real keepers, and in place of the managers the few
 * rules by which they decide about a move. Needs root. Not for anything but tests.
 */
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  diskKeeper,
  type Keeper,
  keeper,
  memoryLoans,
  memoryShelf,
  type Passage,
  type Shelf,
} from "@holdfast/cloud/agent/edge";
import type { MachineReport, MigrationReport, Wish } from "@holdfast/cloud/hosts";
import type { Hypervisor } from "@holdfast/drivers/hypervisor";
import { directoryPool } from "@holdfast/drivers/volumes/directory";
import type { HostId, ImageId, InstanceId, ProjectId, VolumeId } from "@holdfast/kernel/ids";
import { uuidV7 } from "@holdfast/kernel/ids";
import { type FixtureHost, fixtureHost, wallClock } from "../../drivers/hypervisor/fixture-host.ts";
import { fixtureCloud } from "./fixture-cloud.ts";
import { relay } from "./relay.ts";

export interface Station {
  readonly id: HostId;
  readonly host: FixtureHost;
  readonly keeper: Keeper;
  readonly hypervisor: Hypervisor;
  readonly passage: Passage;
  /** Everything that was reported, the latest last. */
  readonly reports: MachineReport[];
  readonly progress: MigrationReport[];
  hasLease: boolean;
  /** What its agent may get wrong on its way; see `go` of a crossing. `cut`: everything on the way is lost. */
  go: (go: () => Promise<void>, cut: () => void) => Promise<void>;
  volumeFile(pool: string): string;
  /** SIGKILL of its agent, and a new one. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

let minted = 0;
const mint = <Id>() => uuidV7(3, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.

export interface Stage {
  readonly a: Station;
  readonly b: Station;
  readonly wish: Wish;
  /** Only asks the destination to expect it. */
  expect(): Promise<void>;
  /** Begins to move it from one to the other, and goes on to decide as managers do. */
  move(order?: Partial<NonNullable<Wish["migrateTo"]>>, wait?: "relay" | "sent"): Promise<void>;
  /** As a person does. */
  abort(): Promise<void>;
  /** Waits until it is so, for a minute. */
  until(what: string, isSo: () => boolean): Promise<void>;
  /** Where a copy can run at this moment. */
  running(): readonly string[];
}

export interface StageOptions {
  readonly pool: "local" | "shared";
  readonly spec?: Partial<NonNullable<Wish["spec"]>>;
  /** What it is to be sent over, as `migrations.network` says. */
  readonly network?: string;
}

export async function stage(t: TestContext, { pool, spec, network }: StageOptions): Promise<Stage> {
  const root = mkdtempSync(join(tmpdir(), "hf-stage-"));
  chmodSync(root, 0o711);
  const image = join(root, "image.raw");
  writeFileSync(image, Buffer.alloc(1 << 20, 7));
  const cloud = await fixtureCloud();
  const volume = mint<VolumeId>();
  const stations: Station[] = [];
  // Before the hosts' own: what is first in is first out.
  t.after(async () => {
    for (const each of stations) await each.close();
    rmSync(root, { recursive: true });
  });
  const a = await station(t, root, "a", volume, image, cloud);
  stations.push(a);
  const b = await station(t, root, "b", volume, image, cloud);
  stations.push(b);
  const wish: Wish = {
    instance: mint<InstanceId>(),
    version: 1,
    epoch: 1,
    generation: 1,
    want: "running",
    wasRunning: false,
    reboots: 0,
    rebootGrace: 0,
    ladder: { acpi: 0, terminate: 0, kill: 10_000 },
    spec: {
      name: "mover",
      project: mint<ProjectId>(),
      type: "tiny",
      imageId: mint<ImageId>(),
      cpus: 1,
      memoryMiB: 64,
      disks: [{ volume, pool, bytes: 64 << 20, kind: "root", origin: "image", limits: null }],
      nics: [],
      image: {
        disk: { digest: `sha256:${"0".repeat(64)}`, format: "raw", virtualBytes: 1 << 20 },
        saysReady: false,
        smallestMemoryMiB: 64,
      },
      userData: null,
      lastDeath: null,
      metadata: "on",
      metadataTokens: "optional",
      startPaused: false,
      bootTimeout: 60_000,
      ...spec,
    },
    requestId: "r-move",
  };
  let version = 1;
  let order: NonNullable<Wish["migrateTo"]> | undefined;
  const migration = mint<string>();
  const there = { ...wish, generation: 2, want: "incoming" as const };
  const arrives = { migration, from: a.id, network: network ?? null };
  const relayOf = () => b.reports.findLast(({ relay }) => relay !== undefined)?.relay;
  const tell = (to: Station, changed: Partial<Wish>) =>
    to.keeper.hear([{ ...wish, ...changed, version: ++version }], []);
  const said = new Set<string>();
  const once = async (what: string, say: () => Promise<void>) => {
    if (said.has(what)) return;
    said.add(what);
    await say();
  };
  const ended = (of: Station, generation: number) =>
    of.reports.find((each) => each.generation === generation && each.exit)?.exit;

  /** What managers conclude from what they have heard. */
  async function decide(): Promise<void> {
    const runsThere = b.reports.some((each) => each.generation === 2 && each.phase === "running");
    const [overHere, overThere] = [ended(a, 1), ended(b, 2)];
    const neverRan = overThere && (overThere.neverRan || overThere.status === "never-launched");
    const gaveUp = a.progress.some(({ is }) => is === "gave-up");
    // An agent that was started anew listens elsewhere.
    const address = relayOf();
    if (order && !order.isAborted && address && order.address !== address) {
      order = { ...order, address };
      await tell(a, { migrateTo: order, wasRunning: true });
    }
    if (runsThere && !overHere)
      await once("farewell", () => tell(a, { want: "nothing", spec: null, migrateTo: order }));
    if (overHere && !overThere)
      await once("run there", () => tell(b, { ...there, want: "running", wasRunning: true }));
    if (neverRan && !overHere)
      await once("run on", () => tell(a, { wasRunning: true, migrateTo: null }));
    if (gaveUp && !overThere) await once("end there", () => tell(b, { ...there, want: "stopped" }));
  }
  const running = () =>
    [a, b].flatMap((each) =>
      each.hypervisor
        .list(wish.instance)
        .filter((view) => view.is === "running" && !view.hasLeft)
        .map(({ generation }) => `${each === a ? "a" : "b"}${generation}`),
    );
  const until = async (what: string, isSo: () => boolean) => {
    const end = performance.now() + 60_000;
    while (!isSo()) {
      if (order) await decide();
      if (running().length > 1) throw new Error(`two copies run: ${running()}`);
      if (performance.now() > end) throw new Error(`never came true: ${what}; ${account([a, b])}`);
      await sleep(10);
    }
  };

  await a.keeper.hear([wish], []);
  await until("it runs", () => a.reports.some(({ phase }) => phase === "running"));
  return {
    ...{ a, b, wish, until, running },
    expect: () => tell(b, { ...there, arrives }),
    async move(changed = {}, wait = "sent") {
      await tell(b, { ...there, arrives });
      await until("it is expected", () => relayOf() !== undefined);
      order = {
        ...{ migration, generation: 2, address: relayOf() ?? "", host: b.id },
        ...{ bytesPerSecond: null, mayPostcopy: false, isAborted: false },
        patience: { precopy: 60_000, converge: 30_000, switching: 10_000 },
        ...changed,
      };
      await tell(a, { migrateTo: order, wasRunning: true });
      if (wait === "sent")
        await until("it is being sent", () => a.progress.some(({ facts }) => isSent(facts.status)));
    },
    async abort() {
      if (order) order = { ...order, isAborted: true };
      await tell(a, { migrateTo: order, wasRunning: true });
    },
  };
}

const isSent = (status: string) => status !== "none" && status !== "setup";

const account = (stations: readonly Station[]) =>
  stations
    .map(({ reports, progress, hypervisor }) =>
      JSON.stringify({
        views: hypervisor.list().map((view) => ({ ...view, exit: undefined })),
        last: reports.at(-1),
        said: progress.at(-1),
      }),
    )
    .join("\n");

async function station(
  t: TestContext,
  root: string,
  name: string,
  volume: VolumeId,
  image: string,
  cloud: Awaited<ReturnType<typeof fixtureCloud>>,
): Promise<Station> {
  const host = await fixtureHost(t, process.env.HOLDFAST_TEST_CACHE);
  const id = mint<HostId>();
  const membership = await cloud(id);
  const places = { local: join(root, name), shared: join(root, "shared") };
  for (const place of Object.values(places)) {
    mkdirSync(place, { recursive: true });
    chmodSync(place, 0o711);
  }
  const shelf = memoryShelf();
  const volumeFile = (pool: string) =>
    join(pool === "shared" ? places.shared : places.local, `${volume}.qcow2`);
  const loans = memoryLoans();
  const reports: MachineReport[] = [];
  const progress: MigrationReport[] = [];
  const made: Pick<Station, "hasLease" | "go"> = { hasLease: true, go: (go) => go() };
  let life = await begin(shelf);
  const found: Station = {
    ...{ id, host, reports, progress, volumeFile },
    get keeper() {
      return life.keeper;
    },
    get hypervisor() {
      return life.hypervisor;
    },
    get passage() {
      return life.passage;
    },
    get hasLease() {
      return made.hasLease;
    },
    set hasLease(is) {
      made.hasLease = is;
    },
    get go() {
      return made.go;
    },
    set go(way) {
      made.go = way;
    },
    async restart() {
      await life.end();
      life = await begin(shelf);
      reports.push(...life.keeper.reports()); // As its hello says them.
    },
    async close() {
      await life.end();
      const last = host.open();
      await last.adopt();
      for (const view of last.list()) {
        const atOnce = { acpi: 0, terminate: 0, kill: 20_000 } as Parameters<typeof last.stop>[1];
        if (view.is !== "exited") await last.stop(view, atOnce);
        await last.forget(view);
      }
      await last.close();
    },
  };
  return found;

  async function begin(kept: Shelf) {
    const hypervisor = host.open();
    const place = { host: name, runDir: host.runDir };
    const pools = new Map([
      ["local", await directoryPool({ ...place, directory: places.local, isShared: false })],
      ["shared", await directoryPool({ ...place, directory: places.shared, isShared: true })],
    ]);
    const log = process.env.HOLDFAST_TEST_LOG
      ? (...said: unknown[]) => console.log(name, ...said)
      : () => {};
    const pool = async (of: string) => {
      const found = pools.get(of);
      if (!found) throw new Error(`there is no pool ${of}`);
      return found;
    };
    const disks = diskKeeper({ hypervisor, storage: { pool }, loans, log });
    const way = relay({
      ...{ membership, address: "127.0.0.1", port: 0, directory: join(places.local, "relay") },
      log: () => {},
    });
    const passage: Passage = {
      ...way,
      async reach(to, form, onBroken) {
        const crossing = await way.reach(to, form, onBroken);
        return { ...crossing, go: () => made.go(crossing.go, crossing.close) };
      },
    };
    let isOver = false;
    const mine = keeper({
      ...{ hypervisor, disks, passage, shelf: kept, clock: wallClock, log },
      storage: { ensureBlob: async () => image },
      networks: { ready: async () => new Map() },
      hasLease: () => made.hasLease,
      ticks: () => performance.now(),
      onMigration: (report) => void (isOver || progress.push(report)),
      onReport: (machines) => void (isOver || reports.push(...machines)),
    });
    await mine.open();
    return {
      ...{ keeper: mine, hypervisor, passage },
      async end() {
        isOver = true;
        mine.close();
        await passage.close();
        await hypervisor.close();
      },
    };
  }
}
