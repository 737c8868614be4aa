/**
 * What it costs to move a running guest: how long it takes, for how long the guest stands still as QEMU reckons it,
 * and for how long nothing answers a ping that is sent every 20 ms. Two hosts are two network namespaces with a
 * bridge each; the guest is the tiny one, idle or rewriting 20 MiB of its memory without a pause, its disk shared or
 * on its own host only.
 *
 *   node --import tsx bench/migrate.ts [pairs]      default 4; needs root
 *
 * The peer is the same pair of QEMUs connected socket to socket, without agents, TLS and the word between them,
 * and let run the moment that the source is done. Both go in turns, from one host to the other and back.
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { migrator, type Order, type Passage } from "@holdfast/cloud/agent/edge";
import type { MigrationReport } from "@holdfast/cloud/hosts";
import type {
  Disk,
  Hypervisor,
  Landing,
  MachineRef,
  MachineSpec,
  StopLadder,
} from "@holdfast/drivers/hypervisor";
import { qemuHypervisor } from "@holdfast/drivers/hypervisor/qemu";
import { buildTiny, tinyFiles } from "@holdfast/drivers/images/tiny";
import { fileSource } from "@holdfast/kernel/block";
import { type HostId, type InstanceId, type NicId, uuidV7 } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { fixtureCloud } from "../apps/agent/fixture-cloud.ts";
import { relay } from "../apps/agent/relay.ts";
import { deliver, type Figure } from "./figures.ts";
import { loadNow, median } from "./measure.ts";

const pairs = Number(process.argv[2] ?? 4);
const memoryMiB = 192;
const clock: Clock = { now: () => Date.now() as Instant, sleep: (wait) => sleep(wait) };
const atOnce = { acpi: 0, terminate: 0, kill: 20_000 } as StopLadder;
const address = "10.98.0.50";
let minted = 0;
const mint = <Id>() => uuidV7(Date.now(), new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.
const nic = mint<NicId>();
const tap = `hft${nic.replaceAll("-", "").slice(-12)}`;

interface Host {
  readonly id: HostId;
  readonly directory: string;
  readonly namespace: string;
  readonly hypervisor: Hypervisor;
  readonly passage: Passage;
  readonly address: string;
}

/** One hop, in milliseconds; downtime as QEMU says it. */
interface Hop {
  readonly total: number;
  readonly downtime: number;
  readonly gap: number;
}

async function measure(): Promise<void> {
  console.log(`${pairs} pairs, ${memoryMiB} MiB of memory, load ${loadNow()}`);
  const figures: Figure[] = [];
  for (const load of ["idle", "busy"] as const)
    for (const disk of ["shared", "local"] as const) {
      const { ours, direct } = await compare(load === "busy", disk === "local");
      const sides = (what: keyof Hop) =>
        [
          { name: "holdfast", value: median(ours.map((hop) => hop[what])), unit: "ms" },
          { name: "socket to socket", value: median(direct.map((hop) => hop[what])), unit: "ms" },
        ] as const;
      const guest = `${load} guest, ${disk} disk`;
      figures.push(
        {
          name: `${guest}, pings`,
          what: "the longest time without an answer to a ping every 20 ms",
          sides: sides("gap"),
          goal: { of: "ratio", must: 2 },
        },
        {
          name: `${guest}, stood still`,
          what: "as QEMU reckons it",
          sides: sides("downtime"),
        },
        { name: `${guest}, total`, what: "until it runs there", sides: sides("total") },
      );
    }
  deliver({
    bench: "migrate",
    what: `a guest of ${memoryMiB} MiB is moved with agents, TLS and the word between them, beside the same two QEMUs connected socket to socket, in turns`,
    figures,
    notes: [`Medians of ${pairs} pairs.`, await ladder()],
  });
}

async function compare(isBusy: boolean, isLocal: boolean) {
  const hops = { ours: [] as Hop[], direct: [] as Hop[] };
  const guest = await boot(isBusy, isLocal);
  try {
    for (let pair = 0; pair < pairs; pair++) {
      const order = pair % 2 === 0 ? (["ours", "direct"] as const) : (["direct", "ours"] as const);
      for (const who of order) hops[who].push(await guest.hop(who === "ours" ? ours : direct));
    }
  } finally {
    await guest.end();
  }
  return hops;
}

/** What the ladder makes of a guest that is faster than its connection, where the kernel allows its last rung. */
async function ladder(): Promise<string> {
  const before = readFileSync(userfaultfd);
  writeFileSync(userfaultfd, "1");
  const guest = await boot(true, false);
  const limited = { bytesPerSecond: 6e6, mayPostcopy: true, patience };
  try {
    const begin = performance.now();
    const end = await guest.hop((way) => ours({ ...way, limited })).catch(String);
    const took = ((performance.now() - begin) / 1_000).toFixed(1);
    const what =
      typeof end === "string"
        ? `${end} after ${took} s, and runs on`
        : `${took} s, stood still ${end.downtime.toFixed(0)} ms, ping gap ${end.gap.toFixed(0)} ms`;
    return `A busy guest at 6 MB/s, which is slower than it changes its memory: ${what}; rungs: ${[...new Set(rungs)].join("; ") || "none"}.`;
  } finally {
    writeFileSync(userfaultfd, before);
    await guest.end();
  }
}
const userfaultfd = "/proc/sys/vm/unprivileged_userfaultfd";
const patience = { precopy: 8_000, converge: 20_000, switching: 10_000 };
const rungs: string[] = [];

interface Way {
  readonly from: Host;
  readonly to: Host;
  readonly machine: MachineSpec;
  readonly next: MachineSpec;
  readonly mirrored: readonly string[];
  readonly limited?: Partial<Order>;
}

/** With agents, as in a cloud: relay, TLS, ladder, and the word that lets it run. */
async function ours({ from, to, machine, next, mirrored, limited }: Way): Promise<number> {
  const migration = mint<string>();
  to.passage.admit(
    { migration, from: from.id, machine: next },
    {
      open: async (form) => ({
        landing: await to.hypervisor.receive(next, form, mirrored),
        mirrored,
      }),
      async go() {
        await until(() => isThere(to, next));
        await to.hypervisor.land(next);
      },
      lost: () => {},
    },
  );
  let last: MigrationReport | undefined;
  const travels = migrator({
    ...{ hypervisor: from.hypervisor, passage: from.passage, clock },
    ticks: () => performance.now(),
    onProgress(report) {
      last = report;
      if (limited && report.says) rungs.push(report.says);
    },
    log: () => {},
  });
  from.hypervisor.onEvent((event) => travels.stir(event.id));
  const order: Order = {
    ...{ migration, generation: next.generation, address: to.address, host: to.id },
    ...{ bytesPerSecond: null, mayPostcopy: false, isAborted: false },
    patience: { precopy: 60_000, converge: 60_000, switching: 10_000 },
    ...limited,
  };
  const outcome = await travels.move(machine, () => order);
  travels.close();
  to.passage.dismiss(next);
  if (outcome !== "done") throw new Error(last?.says ?? `${outcome}: ${endOf(from, machine)}`);
  return last?.facts.downtime ?? Number.NaN;
}

/** The same two QEMUs, socket to socket. */
async function direct({ from, to, machine, next, mirrored }: Way): Promise<number> {
  const form = await from.hypervisor.formOf(machine);
  const landing: Landing = await to.hypervisor.receive(next, form, mirrored);
  let wake = () => {};
  from.hypervisor.onEvent(() => wake());
  await from.hypervisor.migrate(machine, { ...landing, mirrored, mayPostcopy: false });
  let isSwitched = false; // It says so for a moment more.
  for (;;) {
    const news = new Promise<void>((resolve) => {
      wake = resolve;
    });
    const view = await from.hypervisor.migration(machine);
    if (view.status === "pre-switchover" && !isSwitched) {
      await from.hypervisor.steer(machine, "switch");
      isSwitched = true;
    }
    if (view.status === "failed") throw new Error(view.says);
    if (view.status === "completed") {
      await until(() => isThere(to, next));
      await to.hypervisor.land(next);
      return (await from.hypervisor.migration(machine)).downtime ?? Number.NaN;
    }
    await Promise.race([news, sleep(200)]);
  }
}

async function boot(isBusy: boolean, isLocal: boolean) {
  const id = mint<InstanceId>();
  const file = (host: Host) => join(isLocal ? host.directory : root, `${id}.qcow2`);
  const make = (host: Host) => {
    rmSync(file(host), { force: true });
    const from = ["-b", image, "-F", "qcow2"];
    execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...from, file(host)]);
  };
  const specOf = (host: Host, generation: number): MachineSpec => {
    const source = fileSource(file(host), "qcow2", !isLocal);
    const disk: Disk = { id: "disk0", source, readOnly: false };
    return {
      ...{ id, generation, name: "bench", cpus: 1, memoryMiB, boot: guestFiles, disks: [disk] },
      nics: [{ id: nic, mac: "52:54:00:98:00:50", mtu: 1_450 }],
      ...{ metadata: {}, paused: false, requestId: "bench" },
    };
  };
  let [from, to]: [Host, Host] = [hosts[0], hosts[1]];
  let generation = 1;
  make(from);
  const first = specOf(from, 1);
  await from.hypervisor.start(first);
  const console = await from.hypervisor.console(first);
  const type = (line: string) => console.write(Buffer.from(`${line}\n`));
  let screen = "";
  console.onData((data) => {
    screen = (screen + Buffer.from(data).toString("latin1")).slice(-8_192);
  });
  await until(() => screen.includes("holdfast: ready"));
  type(
    "killall udhcpc; sleep 1; ip addr flush dev eth0; ip addr add 10.98.0.50/24 dev eth0; ip link set eth0 up",
  );
  const fill = "dd if=/dev/urandom of=/tmp/x bs=1M count=20 conv=notrunc 2>/dev/null";
  if (isBusy) type(`mount -t tmpfs t /tmp; while :; do ${fill}; done &`);
  const pings = ping(hosts[0].namespace);
  await until(() => pings.times.length > 50).catch((error) => {
    pings.end();
    throw new Error(`its guest does not answer: ${screen.slice(-1_000)}`, { cause: error });
  });
  console.close();

  return {
    async hop(carry: (way: Way) => Promise<number>): Promise<Hop> {
      const machine = specOf(from, generation);
      const next = specOf(to, ++generation);
      if (isLocal) make(to);
      await sleep(1_000); // So that the pings before it are pings of a guest at rest.
      const begin = performance.now();
      const downtime = await carry({ from, to, machine, next, mirrored: isLocal ? ["disk0"] : [] });
      const end = performance.now();
      await from.hypervisor.stop(machine, atOnce);
      await from.hypervisor.forget(machine);
      await until(() => (pings.times.at(-1) ?? 0) > performance.timeOrigin + end + 500).catch(
        () => {
          throw new Error(`it does not answer any more; ${endOf(to, next)}`);
        },
      );
      [from, to] = [to, from];
      return { total: end - begin, downtime, gap: pings.longest(begin, end + 500) };
    },
    async end() {
      pings.end();
      for (const { hypervisor } of hosts)
        for (const view of hypervisor.list(id)) {
          if (view.is !== "exited") await hypervisor.stop(view, atOnce);
          await hypervisor.forget(view);
        }
    },
  };
}

/**
 * One ping each 20 ms, and when its answers came, by the clock of whoever sends them: this process is busy carrying
 * memory meanwhile. Debian's smallest Perl, because `ping` is a package of its own.
 */
function ping(namespace: string) {
  const times: number[] = [];
  const child = spawn("ip", ["netns", "exec", namespace, "perl", "-e", pinger, address], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  child.stdout.on("data", (data) => {
    for (const line of String(data).split("\n")) if (line) times.push(Number(line));
  });
  return {
    times,
    /** Of `performance.now()`. */
    longest(begin: number, end: number) {
      const [from, to] = [begin, end].map((time) => performance.timeOrigin + time);
      const inside = times.filter((time) => time >= (from ?? 0) - 100 && time <= (to ?? 0));
      return Math.max(...inside.slice(1).map((time, index) => time - (inside[index] ?? time)));
    },
    end: () => void child.kill(),
  };
}

const pinger = `
use Socket; use Time::HiRes qw(time sleep); $| = 1;
socket(my $s, PF_INET, SOCK_RAW, getprotobyname("icmp") || 1) or die "no raw socket: $!";
my $to = sockaddr_in(0, inet_aton(shift)); my ($n, $next) = (0, time);
while (1) {
  my $body = pack("C C n n n d", 8, 0, 0, $$ & 0xffff, $n++ & 0xffff, time); my $sum = 0;
  $sum += $_ for unpack("n*", $body); $sum = ($sum >> 16) + ($sum & 0xffff) for 1, 2;
  substr($body, 2, 2) = pack("n", ~$sum & 0xffff);
  send($s, $body, 0, $to); $next += 0.02;
  while ((my $left = $next - time) > 0) {
    my $bits = ""; vec($bits, fileno($s), 1) = 1;
    last unless select($bits, undef, undef, $left);
    recv($s, my $got, 1500, 0);
    my ($type, $id) = (unpack("x20 C x3 n", $got));
    printf "%.1f\\n", 1000 * time if $type == 0 && $id == ($$ & 0xffff);
  }
}`;

/** How it ended, if it has. */
function endOf({ hypervisor }: Host, { id, generation }: MachineRef): string {
  const view = hypervisor.list(id).find((each) => each.generation === generation);
  return view?.is === "exited" ? JSON.stringify(view.exit) : `it is ${view?.is}`;
}

function isThere({ hypervisor }: Host, { id, generation }: MachineRef): boolean {
  const view = hypervisor.list(id).find((each) => each.generation === generation);
  return view?.is === "incoming" && view.hasArrived;
}

async function until(isSo: () => boolean): Promise<void> {
  const end = performance.now() + 60_000;
  while (!isSo()) {
    if (performance.now() > end) throw new Error("never came true");
    await sleep(1);
  }
}

async function makeHost(
  name: string,
  cloud: Awaited<ReturnType<typeof fixtureCloud>>,
): Promise<Host> {
  const directory = join(root, name);
  mkdirSync(directory);
  chmodSync(directory, 0o711);
  const id = mint<HostId>();
  const namespace = `hfmb${process.pid}${name}`;
  const passage = relay({
    ...{ membership: await cloud(id), address: "127.0.0.1", port: 0 },
    ...{ directory: join(directory, "relay"), log: () => {} },
  });
  const hypervisor = qemuHypervisor({
    ...{ runDir: join(directory, "run"), clock, uids: { first: 920_000, count: 10 } },
    acceleration: { kind: "tcg", reason: "a bench" },
    cgroup: { parent: `holdfast-bench-${process.pid}${name}`, root: "/sys/fs/cgroup" },
    tapNamespace: `/run/netns/${namespace}`,
  });
  await hypervisor.adopt();
  return {
    ...{ id, directory, namespace, hypervisor, passage },
    address: await passage.address(undefined),
  };
}

const ip = (...args: readonly string[]) => execFileSync("ip", args);

function makeNetworks([a, b]: readonly [string, string]): void {
  for (const name of [a, b]) {
    ip("netns", "add", name);
    ip("-n", name, "link", "add", "br0", "type", "bridge");
    ip("-n", name, "link", "set", "br0", "up");
    ip("-n", name, "tuntap", "add", "dev", tap, "mode", "tap", "vnet_hdr");
    ip("-n", name, "link", "set", tap, "master", "br0", "up");
  }
  ip("-n", a, "link", "add", "way", "type", "veth", "peer", "name", "way", "netns", b);
  for (const name of [a, b]) ip("-n", name, "link", "set", "way", "master", "br0", "up");
  ip("-n", a, "addr", "add", "10.98.0.1/24", "dev", "br0");
}

const cache = process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache");
const tiny = join(cache, "tiny");
const { commandLine } = await buildTiny({ directory: tiny, cache: join(cache, "packages") });
const guestFiles = {
  kernel: join(tiny, tinyFiles.kernel),
  initrd: join(tiny, tinyFiles.initrd),
  commandLine,
};
const image = join(tiny, tinyFiles.disk);
const root = mkdtempSync(join(tmpdir(), "hf-move-"));
chmodSync(root, 0o711);
const namespaces = [`hfmb${process.pid}a`, `hfmb${process.pid}b`] as const;
const made: Host[] = [];
let hosts: readonly [Host, Host];
try {
  makeNetworks(namespaces);
  const cloud = await fixtureCloud();
  hosts = [await makeHost("a", cloud), await makeHost("b", cloud)];
  made.push(...hosts);
  await measure();
} finally {
  for (const { passage, hypervisor } of made) {
    await passage.close();
    for (const view of hypervisor.list())
      if (view.is !== "exited") await hypervisor.stop(view, atOnce);
    await hypervisor.close();
  }
  for (const name of namespaces)
    execFileSync("sh", ["-c", `ip netns del ${name} 2>/dev/null || true`]);
  for (const tree of ["", "cpu", "memory", "pids"])
    for (const name of ["a", "b"])
      rmdirQuietly(join("/sys/fs/cgroup", tree, `holdfast-bench-${process.pid}${name}`));
  rmSync(root, { recursive: true });
}

function rmdirQuietly(path: string): void {
  execFileSync("sh", ["-c", `rmdir ${path} 2>/dev/null || true`]);
}
