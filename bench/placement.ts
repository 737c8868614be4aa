/**
 * Placements per second at 1,000, 10,000 and 100,000 hosts, next to a linear scan in the same run; and how
 * well best-fit packs, next to the same planner when it may sort everything first.
 * Usage: node --import tsx bench/placement.ts
 *
 * A placement is a choice and its reservation, which the next choice sees; requests of all kinds come
 * mixed. The scan must give the same host each time, or the run fails: a fast wrong answer is no
 * result. Rates are the best of three medians, because other work on the machine can only slow us.
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
type Shape = Pick<PlacementRequest, "cpus" | "memoryMiB">;
const shapes: readonly [Shape, ...Shape[]] = [
  { cpus: 1, memoryMiB: 1024 },
  { cpus: 2, memoryMiB: 4096 },
  { cpus: 2, memoryMiB: 8192 },
  { cpus: 4, memoryMiB: 16_384 },
  { cpus: 8, memoryMiB: 16_384 },
  { cpus: 16, memoryMiB: 32_768 },
];

interface Rate {
  readonly planner: Planner;
  readonly hosts: number;
  readonly perSecond: number;
  /** The same with one release for each placement. */
  readonly churnPerSecond: number;
  readonly scanPerSecond: number;
  readonly firstMs: number;
  readonly refused: number;
}

const rates = planners.flatMap((planner) => sizes.map((hosts) => measure(planner, hosts)));
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

function row(rate: Rate): string {
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

function measure(planner: Planner, hosts: number): Rate {
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
  const perSecond = bestOfMedians(() => {
    const rate = each(some(block), place);
    for (const leaving of live.splice(0, block)) picture.release(leaving);
    each(some(alive), (request) => choose(picture, request, options)); // Views catch up, untimed.
    return rate;
  });
  const churnPerSecond = bestOfMedians(() => each(some(block), churn));
  const scan = linearScan(picture, options);
  const scanned = Math.max(5, Math.min(500, Math.round(400_000 / hosts)));
  const scanPerSecond = bestOfMedians(() => {
    const requests = some(scanned);
    const found: (HostId | undefined)[] = [];
    const rate = each(requests, (request) => found.push(scan(request)));
    for (const [i, request] of requests.entries())
      assert.equal(found[i], choose(picture, request, options), "the scan found another host");
    return rate;
  });
  return {
    planner,
    hosts,
    perSecond,
    churnPerSecond,
    scanPerSecond,
    firstMs,
    refused: refused / asked,
  };
}

/** The first 60 % of hosts in name order are nearly full, as first-fit leaves them; the rest are mixed. */
function hostNumber(index: number, hosts: number, random: Random): HostCapacity {
  const isFull = index < hosts * 0.6;
  const memoryMiB = 262_144;
  return {
    id: `0190f5a0-0000-7000-8000-${String(index).padStart(12, "0")}` as HostId, // Made up: a UUID's shape.
    name: `host-${String(index).padStart(6, "0")}`,
    zone: `zone-${index % 4}`,
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
 * What one would write without an index: a loop over the hosts, with what it needs already in columns
 * and names already in order, so that it is slow for no other reason than being a loop.
 */
function linearScan(picture: Picture, { planner }: PlacementOptions) {
  const hosts = picture.hosts();
  const freeCpus = hosts.map((h) => capacity(h).cpus - h.reservedCpus);
  const freeMemory = hosts.map((h) => h.memoryMiB - h.reservedMemoryMiB);
  const share = hosts.map((h, i) =>
    Math.min((freeCpus[i] ?? 0) / capacity(h).cpus, (freeMemory[i] ?? 0) / h.memoryMiB),
  );
  return (request: PlacementRequest): HostId | undefined => {
    for (const isHealthy of [true, false]) {
      const suits = (host: HostCapacity) =>
        host.state === "up" &&
        host.mode === "enabled" &&
        (host.concerns.length === 0) === isHealthy &&
        (request.zone === undefined || host.zone === request.zone) &&
        request.tags.every((tag) => host.tags.includes(tag));
      const pods = planner === "spread" ? podShares(suits) : undefined;
      let best = -1;
      for (let i = 0; i < hosts.length; i++) {
        const host = hosts[i];
        if (!host || !suits(host)) continue;
        if ((freeCpus[i] ?? 0) < request.cpus || (freeMemory[i] ?? 0) < request.memoryMiB) continue;
        const group = request.antiAffinityGroup;
        if (group !== undefined && picture.hasMember(group, host.id)) continue;
        if (best < 0 || isBetter(i, best, pods)) best = i;
        if (planner === "first-fit") break;
      }
      if (best >= 0) return hosts[best]?.id;
    }
    return undefined;
  };

  function isBetter(a: number, b: number, pods: ReadonlyMap<string, number> | undefined): boolean {
    if (!pods) {
      const memory = (freeMemory[a] ?? 0) - (freeMemory[b] ?? 0);
      return memory !== 0 ? memory < 0 : (freeCpus[a] ?? 0) < (freeCpus[b] ?? 0);
    }
    const podA = `${hosts[a]?.zone}/${hosts[a]?.pod}`;
    const podB = `${hosts[b]?.zone}/${hosts[b]?.pod}`;
    if (podA === podB) return (share[a] ?? 0) > (share[b] ?? 0);
    const more = (pods.get(podA) ?? 0) - (pods.get(podB) ?? 0);
    return more !== 0 ? more > 0 : podA < podB;
  }

  function podShares(suits: (host: HostCapacity) => boolean): ReadonlyMap<string, number> {
    const sums = new Map<string, [number, number, number, number]>();
    for (const [i, host] of hosts.entries()) {
      if (!suits(host)) continue;
      const key = `${host.zone}/${host.pod}`;
      const sum = sums.get(key) ?? [0, 0, 0, 0];
      sum[0] += freeCpus[i] ?? 0;
      sum[1] += capacity(host).cpus;
      sum[2] += freeMemory[i] ?? 0;
      sum[3] += host.memoryMiB;
      sums.set(key, sum);
    }
    return new Map([...sums].map(([key, [fc, c, fm, m]]) => [key, Math.min(fc / c, fm / m)]));
  }
}

function capacity({ cluster, cpus }: HostCapacity) {
  return { cpus: cpus * (cluster === "cluster-3" ? 2 : 4) };
}

/** Best-fit in order of arrival against best-fit on everything sorted, the biggest first. */
function* packing(): Generator<string> {
  const random = seeded(11);
  const hosts = 1_000;
  const memoryMiB = 262_144;
  for (const load of [0.9, 1.1]) {
    const wanted: PlacementRequest[] = [];
    for (let sum = 0; sum < hosts * memoryMiB * load; sum += wanted.at(-1)?.memoryMiB ?? 0)
      wanted.push({ ...random.pick(shapes), tags: [], avoidHosts: [] });
    const sorted = [...wanted].sort((a, b) => b.memoryMiB - a.memoryMiB || b.cpus - a.cpus);
    const online = pack(wanted, hosts, memoryMiB);
    const offline = pack(sorted, hosts, memoryMiB);
    const isFull = load > 1;
    const ratio = isFull ? online.placedMiB / offline.placedMiB : offline.used / online.used;
    const what = isFull ? "memory placed" : "hosts used";
    const [ours, theirs] = isFull
      ? [whole(online.placedMiB), whole(offline.placedMiB)]
      : [whole(online.used), whole(offline.used)];
    yield `best-fit packing at ${load * 100} % of ${whole(hosts)} hosts, ${whole(wanted.length)} requests: ` +
      `${what} ${ours}, offline best fit decreasing ${theirs}: ${(ratio * 100).toFixed(1)} %`;
  }
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

function bestOfMedians(run: () => number): number {
  const median = () => Array.from({ length: 5 }, run).sort((a, b) => a - b)[2] ?? 0;
  return Math.max(median(), median(), median());
}

function whole(number: number): string {
  return Math.round(number).toLocaleString("en-US");
}
