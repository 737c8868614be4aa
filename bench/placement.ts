/**
 * Placements per second at 1,000, 10,000 and 100,000 hosts, next to a linear scan in the same run; and how
 * well best-fit packs, next to the same planner when it may sort everything first.
 * Usage: node --import tsx bench/placement.ts
 *
 * A placement is a choice and its reservation, which the next choice sees; requests of all kinds come
 * mixed. The scan must give the same host each time, or the run fails: a fast wrong answer is no
 * result. Rates are the best of three medians, taken in turns, because other work on the machine only slows.
 */
import assert from "node:assert/strict";
import {
  choose,
  type HostCapacity,
  Picture,
  type PlacementOptions,
  type PlacementRequest,
  type Planner,
  type Reservation,
} from "@holdfast/cloud/placement";
import type { HostId } from "@holdfast/kernel/ids";
import { type Random, seeded } from "@holdfast/kernel/random";

const planners: readonly Planner[] = ["first-fit", "best-fit", "spread"];
const sizes = [1_000, 10_000, 100_000];
const factors = { cpu: 4, memory: 1, clusters: { "cluster-3": { cpu: 2 } } };
const alive = 2_000;
const block = 4_000;
const rounds = 3;
type Shape = Pick<PlacementRequest, "cpus" | "memoryMiB">;
const shapes: readonly [Shape, ...Shape[]] = [
  { cpus: 1, memoryMiB: 1024 },
  { cpus: 2, memoryMiB: 4096 },
  { cpus: 2, memoryMiB: 8192 },
  { cpus: 4, memoryMiB: 16_384 },
  { cpus: 8, memoryMiB: 16_384 },
  { cpus: 16, memoryMiB: 32_768 },
];

/** Each in placements per second. */
interface Measures {
  readonly perSecond: number;
  /** The same with one release for each placement. */
  readonly churnPerSecond: number;
  readonly scanPerSecond: number;
}

interface Subject {
  readonly planner: Planner;
  readonly hosts: number;
  /** The first choice of all, which makes its view. */
  readonly firstMs: number;
  readonly measure: () => Measures;
  /** The share of requests for which there was no host. */
  readonly refused: () => number;
}

const subjects = planners.flatMap((planner) => sizes.map((hosts) => prepare(planner, hosts)));
const measured = Array.from({ length: rounds }, () => subjects.map(({ measure }) => measure()));
const rates = subjects.map((subject, i) => {
  const best = (of: (one: Measures) => number) =>
    Math.max(...measured.map((round) => (round[i] ? of(round[i]) : 0)));
  return {
    ...subject,
    perSecond: best((one) => one.perSecond),
    churnPerSecond: best((one) => one.churnPerSecond),
    scanPerSecond: best((one) => one.scanPerSecond),
    refused: subject.refused(),
  };
});
console.log(`zones, tags, anti-affinity, factors ${JSON.stringify(factors)}\n`);
const headings = [
  "planner   ",
  "  hosts",
  "placements/s",
  "us each",
  "cost vs 1,000",
  "with releases/s",
  "linear scan/s",
  "  ratio",
  "first choice",
  "refused",
];
console.log(headings.join("  "));
for (const rate of rates) console.log(row(rate));
console.log("");
for (const line of packing()) console.log(line);

function row(rate: (typeof rates)[number]): string {
  const { planner, hosts, perSecond, churnPerSecond, scanPerSecond, firstMs, refused } = rate;
  const smallest = rates.find((other) => other.planner === planner)?.perSecond ?? perSecond;
  const cells = [
    planner,
    whole(hosts),
    whole(perSecond),
    (1e6 / perSecond).toFixed(1),
    `${(smallest / perSecond).toFixed(2)}x`,
    whole(churnPerSecond),
    whole(scanPerSecond),
    `${(perSecond / scanPerSecond).toFixed(1)}x`,
    `${firstMs.toFixed(0)} ms`,
    `${(refused * 100).toFixed(1)} %`,
  ];
  return cells
    .map((cell, i) => (i ? cell.padStart(headings[i]?.length ?? 0) : cell.padEnd(10)))
    .join("  ");
}

function prepare(planner: Planner, hosts: number): Subject {
  const options: PlacementOptions = { planner, factors };
  const random = seeded(hosts);
  const fleet = Array.from({ length: hosts }, (_, index) => hostNumber(index, hosts, random));
  const picture = new Picture();
  for (const host of fleet) picture.upsert(host);
  const live: Reservation[] = [];
  let number = 0;
  let asked = 0;
  let refused = 0;
  const place = (request: PlacementRequest) => {
    const host = choose(picture, request, options);
    const reservation = host && picture.reserve(host, request);
    asked += 1;
    if (reservation) live.push(reservation);
    else refused += 1;
  };
  const churn = (request: PlacementRequest) => {
    place(request);
    const leaving = live.length > alive ? live.shift() : undefined;
    if (leaving) picture.release(leaving);
  };
  const some = (count: number) =>
    Array.from({ length: count }, () => requestNumber(number++, random));
  const each = (requests: readonly PlacementRequest[], work: (one: PlacementRequest) => void) => {
    const start = performance.now();
    for (const request of requests) work(request);
    return (requests.length / (performance.now() - start)) * 1000;
  };

  const firstMs = 1000 / each(some(1), place);
  each(some(4 * alive), churn);
  const placing = () => {
    const rate = each(some(block), place);
    for (const leaving of live.splice(0, block)) picture.release(leaving);
    each(some(alive), (request) => choose(picture, request, options)); // Views catch up, untimed.
    return rate;
  };
  const scanned = Math.max(5, Math.min(500, Math.round(1_000_000 / hosts)));
  const scanning = () => {
    const scan = linearScan(picture, options);
    const requests = some(scanned);
    const found: (HostId | undefined)[] = [];
    const rate = each(requests, (request) => found.push(scan(request)));
    for (const [i, request] of requests.entries())
      assert.equal(found[i], choose(picture, request, options), "the scan found another host");
    return rate;
  };
  const measure = () => ({
    perSecond: median(5, placing),
    churnPerSecond: median(5, () => each(some(block), churn)),
    scanPerSecond: median(3, scanning),
  });
  return { planner, hosts, firstMs, measure, refused: () => refused / asked };
}

/** The first 60 % of hosts in name order are nearly full, as first-fit leaves them; the rest are mixed. */
function hostNumber(index: number, hosts: number, random: Random): HostCapacity {
  const isFull = index < hosts * 0.6;
  const memoryMiB = 262_144;
  return {
    id: `0190f5a0-0000-7000-8000-${String(index).padStart(12, "0")}` as HostId, // Made up: a UUID's shape.
    name: `host-${String(index).padStart(6, "0")}`,
    zone: `zone-${Math.floor(index / 100) % 4}`,
    pod: `pod-${Math.floor(index / 100)}`,
    cluster: `cluster-${Math.floor(index / 25) % 4}`,
    tags: [...(index % 3 === 0 ? ["ssd"] : []), ...(index % 17 === 1 ? ["gpu"] : [])],
    cpus: 64,
    memoryMiB,
    reservedCpus: random.below(100),
    reservedMemoryMiB: isFull
      ? memoryMiB - random.below(8) * 256
      : random.below(memoryMiB / 256) * 256,
    state: random.below(200) === 0 ? "down" : "up",
    mode: random.below(100) === 0 ? "maintenance" : "enabled",
    concerns: random.below(50) === 0 ? ["disk sda reports bad sectors"] : [],
  };
}

/** Seven in ten name a zone, one in three wants a tag, one in five belongs to a group of eight. */
function requestNumber(number: number, random: Random): PlacementRequest {
  const wish = random.below(12);
  return {
    ...random.pick(shapes),
    ...(random.below(10) < 7 ? { zone: `zone-${random.below(4)}` } : {}),
    tags: wish < 3 ? ["ssd"] : wish === 3 ? ["gpu"] : [],
    ...(number % 5 === 0 ? { antiAffinityGroup: `group-${Math.floor(number / 40)}` } : {}),
    avoidHosts: [],
  };
}

/**
 * What one would write without an index: a loop. All that it needs is already in columns of numbers and
 * in name order, so that it is slow for no other reason than being a loop.
 */
function linearScan(picture: Picture, { planner }: PlacementOptions) {
  const hosts = picture.hosts();
  const numbers = (of: (host: HostCapacity) => number) => Int32Array.from(hosts, of);
  const numbering = (of: (host: HostCapacity) => string) => {
    const ids = new Map<string, number>();
    for (const host of [...hosts].sort((a, b) => (of(a) < of(b) ? -1 : 1)))
      if (!ids.has(of(host))) ids.set(of(host), ids.size);
    return ids;
  };
  const podName = (host: HostCapacity) => `${host.zone}/${host.pod}`;
  const zones = numbering(({ zone }) => zone);
  const pods = numbering(podName);
  const bitsOf = (tags: readonly string[]) =>
    (tags.includes("ssd") ? 1 : 0) + (tags.includes("gpu") ? 2 : 0);
  const zone = numbers((host) => zones.get(host.zone) ?? -1);
  const pod = numbers((host) => pods.get(podName(host)) ?? -1);
  const bits = numbers(({ tags }) => bitsOf(tags));
  const cpus = numbers((host) => host.cpus * (host.cluster === "cluster-3" ? 2 : 4));
  const memory = numbers(({ memoryMiB }) => memoryMiB);
  const freeCpus = numbers(({ reservedCpus }) => -reservedCpus).map((n, i) => n + (cpus[i] ?? 0));
  const freeMemory = memory.map((n, i) => n - (hosts[i]?.reservedMemoryMiB ?? 0));
  /** 0: not to be used. 1: with concerns. 2: healthy. */
  const use = numbers(({ state, mode, concerns }) =>
    state !== "up" || mode !== "enabled" ? 0 : concerns.length > 0 ? 1 : 2,
  );
  const share = Float64Array.from(hosts, (_, i) =>
    Math.min((freeCpus[i] ?? 0) / (cpus[i] ?? 1), (freeMemory[i] ?? 0) / (memory[i] ?? 1)),
  );
  const sums = new Float64Array(pods.size * 4);
  const indexOf = new Map(hosts.map(({ id }, i) => [id, i]));
  const isThere = (i: number) => hosts[i] !== undefined && hosts[i].state !== "down";

  return (request: PlacementRequest): HostId | undefined => {
    const { antiAffinityGroup: group } = request;
    if (group === undefined) return scan(request, () => true);
    const members = [...picture.membersOf(group)].map((id) => indexOf.get(id) ?? -1);
    const memberZones = new Set(members.filter(isThere).map((i) => zone[i]));
    const memberPods = new Set(members.filter(isThere).map((i) => pod[i]));
    const asked = request.zone === undefined ? [...zones.values()] : [zones.get(request.zone)];
    const far = asked.every((one) => memberZones.has(one))
      ? undefined
      : scan(request, (i) => !memberZones.has(zone[i]));
    const apart = () => scan(request, (i) => !memberPods.has(pod[i]));
    return far ?? apart() ?? scan(request, (i) => !members.includes(i));
  };

  function scan(request: PlacementRequest, isFarEnough: (i: number) => boolean) {
    const inZone = request.zone === undefined ? undefined : zones.get(request.zone);
    const wanted = bitsOf(request.tags);
    for (const health of [2, 1]) {
      const suits = (i: number) =>
        use[i] === health &&
        (inZone === undefined || zone[i] === inZone) &&
        ((bits[i] ?? 0) & wanted) === wanted;
      if (planner === "spread") weighPods(suits);
      let best = -1;
      for (let i = 0; i < hosts.length; i++) {
        if (!suits(i)) continue;
        if ((freeCpus[i] ?? 0) < request.cpus || (freeMemory[i] ?? 0) < request.memoryMiB) continue;
        if (!isFarEnough(i)) continue;
        if (best < 0 || isBetter(i, best)) best = i;
        if (planner === "first-fit") break;
      }
      if (best >= 0) return hosts[best]?.id;
    }
    return undefined;
  }

  function isBetter(a: number, b: number): boolean {
    if (planner === "best-fit") {
      const less = (freeMemory[a] ?? 0) - (freeMemory[b] ?? 0);
      return less !== 0 ? less < 0 : (freeCpus[a] ?? 0) < (freeCpus[b] ?? 0);
    }
    const [podA = 0, podB = 0] = [pod[a], pod[b]];
    if (podA === podB) return (share[a] ?? 0) > (share[b] ?? 0);
    const more = podShare(podA) - podShare(podB);
    return more !== 0 ? more > 0 : podA < podB;
  }

  function weighPods(suits: (i: number) => boolean): void {
    sums.fill(0);
    for (let i = 0; i < hosts.length; i++) {
      if (!suits(i)) continue;
      const at = (pod[i] ?? 0) * 4;
      sums[at] = (sums[at] ?? 0) + (freeCpus[i] ?? 0);
      sums[at + 1] = (sums[at + 1] ?? 0) + (cpus[i] ?? 0);
      sums[at + 2] = (sums[at + 2] ?? 0) + (freeMemory[i] ?? 0);
      sums[at + 3] = (sums[at + 3] ?? 0) + (memory[i] ?? 0);
    }
  }

  function podShare(id: number): number {
    const [fc = 0, c = 0, fm = 0, m = 0] = sums.subarray(id * 4, id * 4 + 4);
    return Math.min(fc / c, fm / m);
  }
}

/** Best-fit in order of arrival against best-fit on everything sorted, the biggest first. */
function* packing(): Generator<string> {
  const random = seeded(11);
  const hosts = 1_000;
  const memoryMiB = 262_144;
  for (const load of [0.9, 1.1]) {
    const wanted: PlacementRequest[] = [];
    for (let sum = 0; sum < hosts * memoryMiB * load; sum += wanted.at(-1)?.memoryMiB ?? 0)
      wanted.push({ ...awkward(random), tags: [], avoidHosts: [] });
    const sorted = [...wanted].sort((a, b) => b.memoryMiB - a.memoryMiB || b.cpus - a.cpus);
    const online = pack(wanted, hosts, memoryMiB);
    const offline = pack(sorted, hosts, memoryMiB);
    const isFull = load > 1;
    const ratio = isFull ? online.placedMiB / offline.placedMiB : offline.used / online.used;
    const what = isFull ? "memory placed" : "hosts used";
    const [ours, theirs] = isFull
      ? [whole(online.placedMiB), whole(offline.placedMiB)]
      : [whole(online.used), whole(offline.used)];
    yield `best-fit packing at ${Math.round(load * 100)} % of ${whole(hosts)} hosts, ${whole(wanted.length)} requests: ` +
      `${what} ${ours}, offline best fit decreasing ${theirs}: ${(ratio * 100).toFixed(1)} %`;
  }
}

/** Sizes that do not fill a host of 262,144 MiB without rest: 768 MiB to 60 GiB, with 1 to 16 cpus. */
function awkward(random: Random): Shape {
  const units = random.below(4) === 0 ? 32 + random.below(48) : 1 + random.below(20);
  return { cpus: 1 + random.below(Math.min(16, units + 1)), memoryMiB: units * 768 };
}

function pack(requests: readonly PlacementRequest[], hosts: number, memoryMiB: number) {
  const picture = new Picture();
  const options: PlacementOptions = { planner: "best-fit", factors: { cpu: 4, memory: 1 } };
  for (let i = 0; i < hosts; i++) {
    const empty = { ...hostNumber(i, hosts, seeded(1)), reservedCpus: 0, reservedMemoryMiB: 0 };
    picture.upsert({ ...empty, memoryMiB, state: "up", mode: "enabled", concerns: [] });
  }
  for (const request of requests) {
    const host = choose(picture, request, options);
    if (host) picture.reserve(host, request);
  }
  const used = picture.hosts().filter(({ reservedMemoryMiB }) => reservedMemoryMiB > 0);
  return {
    used: used.length,
    placedMiB: used.reduce((sum, { reservedMemoryMiB }) => sum + reservedMemoryMiB, 0),
  };
}

function median(times: number, run: () => number): number {
  const sorted = Array.from({ length: times }, run).sort((a, b) => a - b);
  return sorted[Math.floor(times / 2)] ?? 0;
}

function whole(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}
