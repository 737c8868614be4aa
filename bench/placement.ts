/**
 * Placements per second at 1,000, 10,000 and 100,000 hosts, next to a linear scan in the same run; how well
 * best-fit packs, next to the same planner when it may sort everything first; what a refusal costs; and how much
 * memory the picture takes with 1,000,000 instances.
 * Usage: node --import tsx bench/placement.ts [rounds]      default 2
 *
 * A placement is a choice and its reservation, which the next choice sees; requests of all kinds come
 * mixed. The scan must give the same host each time, or the run fails: a fast wrong answer is no
 * result. Rates are for a second of processor time, collecting garbage included, and the best of the rounds, taken
 * in turns: other work on the machine only slows.
 */
import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  choose,
  explainBriefly,
  explainIn,
  type HostCapacity,
  Picture,
  type PlacementOptions,
  type PlacementRequest,
  type Planner,
  type Reservation,
} from "@holdfast/cloud/placement";
import type { HostId } from "@holdfast/kernel/ids";
import { type Random, seeded } from "@holdfast/kernel/random";
import { deliver, type Figure } from "./figures.ts";
import { loadNow, whole } from "./measure.ts";

const planners: readonly Planner[] = ["first-fit", "best-fit", "spread"];
const sizes = [1_000, 10_000, 100_000];
const factors = { cpu: 4, memory: 1, clusters: { "cluster-3": { cpu: 2 } } };
const alive = 2_000;
const block = 4_000;
const rounds = Number(process.argv[2] ?? 2);
type Shape = Pick<PlacementRequest, "cpus" | "memoryMiB">;
const shapes: readonly [Shape, ...Shape[]] = [
  { cpus: 1, memoryMiB: 1024 },
  { cpus: 2, memoryMiB: 4096 },
  { cpus: 2, memoryMiB: 8192 },
  { cpus: 4, memoryMiB: 16_384 },
  { cpus: 8, memoryMiB: 16_384 },
  { cpus: 16, memoryMiB: 32_768 },
];

/** Each in placements per second of processor time. */
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
console.log(`load ${loadNow()}`);
const most = sizes.at(-1) ?? 0;
const atMost = rates.filter(({ hosts }) => hosts === most);
deliver({
  bench: "placement",
  what: `choices with their reservations among hosts with zones, pods, tags, groups and factors ${JSON.stringify(factors)}, for a second of processor time`,
  figures: [...atMost.map(speed), ...atMost.map(growth), ...packing(), refusing(), footprint()],
  curves: [
    {
      name: "placement",
      title: "Cost of one placement",
      x: { label: "hosts", unit: "" },
      y: { label: "processor time of each", unit: "us" },
      lines: [
        ...planners.map((planner) => curve(planner, planner, ({ perSecond }) => perSecond)),
        curve("best-fit", "linear scan, best-fit", ({ scanPerSecond }) => scanPerSecond),
      ],
    },
  ],
  notes: [
    `The first choice of a kind makes its view: ${atMost.map(({ planner, firstMs }) => `${planner} ${firstMs.toFixed(0)} ms`).join(", ")} at ${whole(most)} hosts.`,
    `Refused for want of a host: ${rates.map(({ planner, hosts, refused }) => `${planner} ${whole(hosts)} ${(refused * 100).toFixed(1)} %`).join(", ")}.`,
  ],
});

type Rated = (typeof rates)[number];

function curve(planner: Planner, name: string, of: (rate: Rated) => number) {
  const points = rates
    .filter((rate) => rate.planner === planner)
    .map((rate) => ({ x: rate.hosts, y: 1e6 / of(rate) }));
  return { name, points };
}

function speed({ planner, perSecond, churnPerSecond, scanPerSecond }: Rated): Figure {
  return {
    name: `${planner}, ${whole(most)} hosts`,
    what: "placements, beside a loop over all hosts; and with a release for each",
    sides: [
      { name: "placed", value: perSecond, unit: "/s" },
      { name: "linear scan", value: scanPerSecond, unit: "/s" },
      { name: "placed and released", value: churnPerSecond, unit: "/s" },
    ],
    goal: { of: "value", must: 100_000, better: 1_000_000, atLeast: true },
  };
}

function growth({ planner, perSecond }: Rated): Figure {
  const few = rates.find((other) => other.planner === planner)?.perSecond ?? perSecond;
  return {
    name: `${planner}, growth`,
    what: `one placement at ${whole(most)} hosts, beside ${whole(sizes[0] ?? 0)}`,
    sides: [
      { name: `${whole(most)} hosts`, value: 1e6 / perSecond, unit: "us" },
      { name: `${whole(sizes[0] ?? 0)} hosts`, value: 1e6 / few, unit: "us" },
    ],
    goal: { of: "ratio", must: 2 },
  };
}

/** All are short of memory, which leaves the most changes to try. */
function refusing(): Figure {
  const picture = new Picture();
  const random = seeded(3);
  for (let i = 0; i < most; i++) {
    const reservedMemoryMiB = 262_144 - random.below(64) * 256;
    picture.upsert({
      ...hostNumber(i, most, random),
      reservedMemoryMiB,
      state: "up",
      mode: "enabled",
    });
  }
  const request: PlacementRequest = { cpus: 4, memoryMiB: 16_640, tags: [], avoidHosts: [] };
  const options: PlacementOptions = { planner: "best-fit", factors };
  assert.equal(choose(picture, request, options), undefined);
  const timed = (work: () => unknown) => {
    const times = Array.from({ length: 3 }, () => {
      const before = cpuNow();
      work();
      return cpuNow() - before;
    });
    return Math.min(...times);
  };
  return {
    name: `a refusal, ${whole(most)} hosts`,
    what: "why nobody can take it and what would help, beside a verdict for every host",
    sides: [
      {
        name: "a refusal",
        value: timed(() => explainBriefly(picture, request, options)),
        unit: "ms",
      },
      {
        name: "every verdict",
        value: timed(() => explainIn(picture, request, options)),
        unit: "ms",
      },
    ],
    goal: { of: "value", must: 500, better: 100 },
  };
}

/** The picture, its views under all kinds of request, and a group for each fifth instance. */
function footprint(): Figure {
  const instances = 10 * most;
  const before = heldMemory();
  const picture = new Picture();
  const random = seeded(5);
  for (let i = 0; i < most; i++)
    picture.upsert({ ...hostNumber(i, most, random), reservedCpus: 0, reservedMemoryMiB: 0 });
  const options: PlacementOptions = { planner: "spread", factors };
  let placed = 0;
  for (let i = 0; i < instances; i++) {
    const request = requestNumber(i, random);
    const host = choose(picture, request, options);
    const reservation = host && picture.reserve(host, request);
    if (reservation && picture.confirm(reservation)) placed += 1;
  }
  assert.ok(placed > instances * 0.9, `only ${placed} were placed`);
  const bytes = heldMemory() - before;
  assert.ok(picture.size === most); // It is in use until here.
  return {
    name: `memory, ${whole(placed)} instances`,
    what: `of the picture of ${whole(most)} hosts in heap and outside, per instance`,
    sides: [{ name: "the picture", value: bytes / placed, unit: "B" }],
    goal: { of: "value", must: 500 },
  };
}

function heldMemory(): number {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void; // What V8 puts there under this flag.
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/** Milliseconds of processor time so far. */
function cpuNow(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
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
    const start = cpuNow();
    for (const request of requests) work(request);
    return (requests.length / (cpuNow() - start)) * 1000;
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
    perSecond: median(3, placing),
    churnPerSecond: median(3, () => each(some(block), churn)),
    scanPerSecond: scanning(),
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
function packing(): readonly Figure[] {
  const random = seeded(11);
  const hosts = 1_000;
  const memoryMiB = 262_144;
  return [0.9, 1.1].map((load) => {
    const wanted: PlacementRequest[] = [];
    for (let sum = 0; sum < hosts * memoryMiB * load; sum += wanted.at(-1)?.memoryMiB ?? 0)
      wanted.push({ ...awkward(random), tags: [], avoidHosts: [] });
    const online = pack(wanted, hosts, memoryMiB);
    // Both are usual; whichever does better is the one to stand beside.
    const share = ({ cpus, memoryMiB: size }: Shape) => Math.max(cpus / 256, size / memoryMiB);
    const offline = [
      [...wanted].sort((a, b) => b.memoryMiB - a.memoryMiB || b.cpus - a.cpus),
      [...wanted].sort((a, b) => share(b) - share(a)),
    ].map((sorted) => pack(sorted, hosts, memoryMiB));
    const isFull = load > 1;
    const placed = Math.max(...offline.map(({ placedMiB }) => placedMiB));
    const used = Math.min(...offline.map((one) => one.used));
    const [ours, theirs] = isFull ? [online.placedMiB, placed] : [online.used, used];
    return {
      name: `packing at ${Math.round(load * 100)} %`,
      what: `${isFull ? "memory placed" : "hosts used"} by best-fit in order of arrival, ${whole(wanted.length)} requests on ${whole(hosts)} hosts`,
      sides: [
        { name: "best-fit", value: ours, unit: isFull ? "MiB" : "hosts" },
        { name: "offline, the biggest first", value: theirs, unit: isFull ? "MiB" : "hosts" },
      ],
      ratio: isFull ? ours / theirs : theirs / ours,
      goal: { of: "ratio", must: 0.98, atLeast: true },
    };
  });
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
