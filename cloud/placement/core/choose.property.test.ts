/**
 * Random fleets under random histories. The reference here is written from the words of the README,
 * linear and naive, and shares nothing with the index: not even the arithmetic of factors.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import fc from "fast-check";
import { choose, placeAll } from "./choose.ts";
import { explainIn } from "./explain.ts";
import type { HostCapacity, PlacementOptions, PlacementRequest } from "./model.ts";
import { Picture, type Reservation } from "./picture.ts";

const zones = ["a", "b"] as const;
const tags = ["ssd", "gpu", "licensed"] as const;
const groups = ["web", "db"] as const;
const idOf = (number: number) => `host-${number}` as HostId;
const hostIds = fc.integer({ min: 0, max: 24 }).map(idOf);

/** Mostly the usual, so that most hosts are of use. */
const often = <T>(usual: T, ...others: T[]) =>
  fc.oneof({ weight: 6, arbitrary: fc.constant(usual) }, fc.constantFrom(...others));

const hosts: fc.Arbitrary<HostCapacity> = fc.record({
  id: hostIds,
  name: fc.integer({ min: 0, max: 15 }).map((number) => `h${number}`), // Two may share a name.
  zone: fc.constantFrom(...zones),
  pod: fc.constantFrom("p1", "p2", "p3"),
  cluster: fc.constantFrom("c1", "c2"),
  tags: fc.subarray([...tags]),
  cpus: fc.integer({ min: 0, max: 16 }),
  memoryMiB: fc.integer({ min: 0, max: 64 }).map((units) => units * 512),
  reservedCpus: fc.integer({ min: 0, max: 20 }),
  reservedMemoryMiB: fc.integer({ min: 0, max: 40 }).map((units) => units * 512),
  state: often<HostCapacity["state"]>("up", "suspect", "down"),
  mode: often<HostCapacity["mode"]>("enabled", "draining", "maintenance"),
  concerns: often<readonly string[]>([], ["disk sda is failing"]),
});

const requests: fc.Arbitrary<PlacementRequest> = fc.record(
  {
    cpus: fc.integer({ min: 0, max: 20 }),
    memoryMiB: fc.integer({ min: 0, max: 30 }).map((units) => units * 256),
    zone: fc.constantFrom(...zones),
    tags: fc.oneof(fc.constant([]), fc.subarray([...tags])),
    antiAffinityGroup: fc.constantFrom(...groups),
    onlyHosts: fc.array(hostIds, { maxLength: 6 }),
    avoidHosts: fc.array(hostIds, { maxLength: 3 }),
  },
  { requiredKeys: ["cpus", "memoryMiB", "tags", "avoidHosts"] },
);

const factor = fc.constantFrom(0.5, 1, 1.1, 1.5, 4);
const options: fc.Arbitrary<PlacementOptions> = fc.record({
  planner: fc.constantFrom("first-fit" as const, "best-fit" as const, "spread" as const),
  factors: fc.record(
    {
      cpu: factor,
      memory: factor,
      clusters: fc.record(
        { c1: fc.record({ cpu: factor, memory: factor }, { requiredKeys: [] }) },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ["cpu", "memory"] },
  ),
});

type Step =
  | { readonly do: "upsert"; readonly host: HostCapacity }
  | { readonly do: "remove"; readonly id: HostId }
  | { readonly do: "members"; readonly group: string; readonly ids: readonly HostId[] }
  | { readonly do: "release" | "confirm"; readonly which: number }
  | {
      readonly do: "place";
      readonly request: PlacementRequest;
      readonly options: PlacementOptions;
    };

const steps: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof(
    { weight: 3, arbitrary: fc.record({ do: fc.constant("upsert" as const), host: hosts }) },
    fc.record({ do: fc.constant("remove" as const), id: hostIds }),
    fc.record({
      do: fc.constant("members" as const),
      group: fc.constantFrom(...groups),
      ids: fc.array(hostIds, { maxLength: 4 }),
    }),
    fc.record({ do: fc.constantFrom("release" as const, "confirm" as const), which: fc.nat(30) }),
    {
      weight: 6,
      arbitrary: fc.record({ do: fc.constant("place" as const), request: requests, options }),
    },
  ),
  { minLength: 1, maxLength: 60, size: "max" },
);
/** Of any size up to the most; without "max" nearly all have fewer than ten, in which groups rarely meet. */
const fleets = fc.array(hosts, { maxLength: 25, size: "max" });

test("whatever happened before, choose gives the host that a naive reading of the rules gives", () => {
  fc.assert(
    fc.property(fleets, steps, (fleet, history) => {
      const world = new World(fleet);
      for (const step of history) {
        if (step.do !== "place") {
          world.apply(step);
          continue;
        }
        const expected = reference(world, step.request, step.options);
        assert.equal(choose(world.picture, step.request, step.options), expected);
        if (expected !== undefined) world.reserve(expected, step.request);
      }
    }),
    { numRuns: 400 },
  );
});

test("choose finds a host exactly when explain says that one is feasible, and it is the same", () => {
  fc.assert(
    fc.property(fleets, steps, (fleet, history) => {
      const world = new World(fleet);
      for (const step of history) {
        if (step.do !== "place") {
          world.apply(step);
          continue;
        }
        const chosen = choose(world.picture, step.request, step.options);
        const explained = explainIn(world.picture, step.request, step.options);
        assert.equal(explained.chosen, chosen);
        assert.equal(explained.hosts.length, world.picture.size);
        const feasible = explained.hosts.filter(({ rejections }) => rejections.length === 0);
        assert.equal(feasible.length > 0, chosen !== undefined);
        assert.deepEqual(
          feasible.map(({ score }) => score).sort((a, b) => (b ?? 0) - (a ?? 0)),
          feasible.map((_, place) => feasible.length - 1 - place),
        );
        const best = feasible.find(({ score }) => score === feasible.length - 1);
        assert.equal(best?.host, chosen);
        for (const { verdict, rejections, host } of explained.hosts) {
          const expected = rejections.length ? "rejected" : host === chosen ? "chosen" : "feasible";
          assert.equal(verdict, expected);
        }
        if (chosen !== undefined) world.reserve(chosen, step.request);
      }
    }),
    { numRuns: 200 },
  );
});

test("a fix that explain names really admits the hosts that it says", () => {
  let admitted = 0;
  fc.assert(
    fc.property(fleets, requests, options, (fleet, request, how) => {
      const world = new World(fleet);
      const { nearestFixes } = explainIn(world.picture, request, how);
      for (const { kind, wouldAdmit, change } of nearestFixes) {
        assert.equal(wouldAdmit.length === 0, kind === "add-host", change);
        for (const id of wouldAdmit) {
          admitted += 1;
          const host = world.picture.find(id);
          assert.ok(host, change);
          const repaired = repair(change, host, request, how);
          assert.ok(repaired, `${change} on ${host.name}`);
        }
      }
    }),
    { numRuns: 300 },
  );
  assert.ok(admitted > 100, `only ${admitted} fixes were seen`);
});

test("placing many at once is placing one after the other, and a refusal holds nothing", () => {
  fc.assert(
    fc.property(fleets, fc.array(requests, { maxLength: 20 }), options, (fleet, many, how) => {
      const together = new World(fleet).picture;
      const apart = new World(fleet).picture;
      const expected = many.map((request) => {
        const host = choose(apart, request, how);
        if (host !== undefined) apart.reserve(host, request);
        return host;
      });
      const placed = placeAll(together, many, how);
      assert.deepEqual(
        placed.map((one) => one?.host),
        expected,
      );
      assert.equal(together.held, expected.filter((host) => host !== undefined).length);
      assert.deepEqual(together.hosts(), apart.hosts());
    }),
    { numRuns: 150 },
  );
});

test("placing never takes more than there is, and releasing everything leaves what was there before", () => {
  fc.assert(
    fc.property(fleets, fc.array(requests, { maxLength: 40 }), options, (fleet, many, how) => {
      const world = new World(fleet);
      const before = world.picture.hosts();
      const placed = placeAll(world.picture, many, how);
      for (const host of world.picture.hosts()) {
        const untouched = before.find(({ id }) => id === host.id);
        if (untouched?.reservedCpus === host.reservedCpus) continue;
        const { cpus, memoryMiB } = room(host, how);
        assert.ok(cpus >= 0 && memoryMiB >= 0, `${host.name}: ${cpus} cpus, ${memoryMiB} MiB left`);
      }
      for (const one of placed) if (one) world.picture.release(one.reservation);
      for (const one of placed) if (one) world.picture.release(one.reservation); // Does nothing.
      assert.deepEqual(world.picture.hosts(), before);
      assert.equal(world.picture.held, 0);
      for (const group of groups) assert.equal(world.picture.membersOf(group).size, 0);
    }),
    { numRuns: 200 },
  );
});

/** A picture, and next to it a plain account of what it should hold. */
class World {
  readonly picture = new Picture();
  readonly hosts = new Map<HostId, HostCapacity>();
  readonly members = new Map<string, Set<HostId>>();
  open: Reservation[] = [];

  constructor(fleet: readonly HostCapacity[]) {
    for (const host of fleet) this.apply({ do: "upsert", host });
  }

  reserve(host: HostId, request: PlacementRequest): void {
    const reservation = this.picture.reserve(host, request);
    assert.ok(reservation);
    this.open.push(reservation);
  }

  apply(step: Exclude<Step, { do: "place" }>): void {
    switch (step.do) {
      case "upsert":
        this.picture.upsert(step.host);
        this.hosts.set(step.host.id, step.host);
        return;
      case "remove":
        this.picture.remove(step.id);
        this.hosts.delete(step.id);
        this.open = this.open.filter(({ host }) => host !== step.id);
        return;
      case "members":
        this.picture.setMembers(step.group, step.ids);
        this.members.set(step.group, new Set(step.ids));
        return;
      case "release":
      case "confirm": {
        const [reservation] = this.open.splice(step.which, 1);
        if (!reservation) return;
        assert.equal(this.picture[step.do](reservation), true);
        assert.equal(this.picture[step.do](reservation), false);
        if (step.do === "confirm") this.settle(reservation);
        return;
      }
    }
  }

  settle({ host: id, cpus, memoryMiB, antiAffinityGroup }: Reservation): void {
    const host = this.hosts.get(id);
    assert.ok(host);
    const reservedCpus = host.reservedCpus + cpus;
    const reservedMemoryMiB = host.reservedMemoryMiB + memoryMiB;
    this.hosts.set(id, { ...host, reservedCpus, reservedMemoryMiB });
    if (antiAffinityGroup === undefined) return;
    const members = this.members.get(antiAffinityGroup) ?? new Set();
    this.members.set(antiAffinityGroup, members.add(id));
  }

  /** Every host with what is open on it. */
  now(): HostCapacity[] {
    return [...this.hosts.values()].map((host) => {
      const open = this.open.filter((one) => one.host === host.id);
      const reservedCpus = open.reduce((sum, { cpus }) => sum + cpus, host.reservedCpus);
      const reservedMemoryMiB = open.reduce((s, o) => s + o.memoryMiB, host.reservedMemoryMiB);
      return { ...host, reservedCpus, reservedMemoryMiB };
    });
  }

  isTaken(group: string | undefined, id: HostId): boolean {
    if (group === undefined) return false;
    const isOpen = this.open.some((one) => one.antiAffinityGroup === group && one.host === id);
    return isOpen || this.members.get(group)?.has(id) === true;
  }

  /** Whether (1 or 0) somebody of the group is in the same zone, and whether in the same pod. */
  neighbours(group: string | undefined, { zone, pod }: HostCapacity): readonly number[] {
    const others = [...this.hosts.values()].filter(
      (other) => other.state !== "down" && other.zone === zone && this.isTaken(group, other.id),
    );
    return [others.length > 0 ? 1 : 0, others.some((other) => other.pod === pod) ? 1 : 0];
  }
}

/** In hundredths, because the factors here have at most two decimals: whole numbers cannot round. */
function room(host: HostCapacity, { factors }: PlacementOptions) {
  const own = factors.clusters?.[host.cluster];
  const cpuPercent = Math.round((own?.cpu ?? factors.cpu) * 100);
  const memoryPercent = Math.round((own?.memory ?? factors.memory) * 100);
  const allCpus = Math.floor((host.cpus * cpuPercent) / 100);
  const allMemoryMiB = Math.floor((host.memoryMiB * memoryPercent) / 100);
  return {
    allCpus,
    allMemoryMiB,
    cpus: allCpus - host.reservedCpus,
    memoryMiB: allMemoryMiB - host.reservedMemoryMiB,
  };
}

function reference(world: World, request: PlacementRequest, how: PlacementOptions) {
  const eligible = world
    .now()
    .filter(({ state, mode }) => state === "up" && mode === "enabled")
    .filter(({ zone }) => !request.zone || zone === request.zone)
    .filter((host) => request.tags.every((tag) => host.tags.includes(tag)))
    .filter(({ id }) => !request.onlyHosts || request.onlyHosts.includes(id));
  const sorted = eligible
    .filter(
      (host) =>
        room(host, how).cpus >= request.cpus &&
        room(host, how).memoryMiB >= request.memoryMiB &&
        !request.avoidHosts.includes(host.id) &&
        !world.isTaken(request.antiAffinityGroup, host.id),
    )
    .map((host) => {
      const isWell = ({ concerns }: HostCapacity) => concerns.length === 0;
      const alike = eligible.filter((other) => isWell(other) === isWell(host));
      const neighbours = world.neighbours(request.antiAffinityGroup, host);
      const key = [...neighbours, isWell(host) ? 0 : 1, ...merit(host, alike, how)];
      return { host, key };
    })
    .sort((a, b) => compare(a.key, b.key));
  return sorted[0]?.host.id;
}

/** Smaller is better, from left to right. */
function merit(
  host: HostCapacity,
  candidates: readonly HostCapacity[],
  how: PlacementOptions,
): readonly (number | string)[] {
  const { cpus, memoryMiB } = room(host, how);
  const name = [host.name, host.id];
  if (how.planner === "first-fit") return name;
  if (how.planner === "best-fit") return [memoryMiB, cpus, ...name];
  const pod = candidates.filter(({ pod, zone }) => pod === host.pod && zone === host.zone);
  return [-free(pod, how), host.zone, host.pod, -free([host], how), ...name];
}

function free(some: readonly HostCapacity[], how: PlacementOptions): number {
  const rooms = some.map((host) => room(host, how));
  const total = (of: (one: (typeof rooms)[number]) => number) =>
    rooms.reduce((sum, one) => sum + of(one), 0);
  const cpus = total(({ allCpus }) => allCpus);
  const memoryMiB = total(({ allMemoryMiB }) => allMemoryMiB);
  if (cpus === 0 || memoryMiB === 0) return 0;
  return Math.min(total((one) => one.cpus) / cpus, total((one) => one.memoryMiB) / memoryMiB);
}

function compare(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  for (const [index, value] of a.entries()) {
    const other = b[index] ?? 0;
    if (value !== other) return value < other ? -1 : 1;
  }
  return 0;
}

/** Does what the words of a fix say, as an operator would, and asks again. */
function repair(
  change: string,
  host: HostCapacity,
  request: PlacementRequest,
  how: PlacementOptions,
): boolean {
  const number = (pattern: RegExp) => Number(pattern.exec(change)?.[1] ?? 0);
  let { reservedCpus, reservedMemoryMiB, mode, state, zone, tags: carried } = host;
  const wish = { ...request, onlyHosts: request.onlyHosts, avoidHosts: request.avoidHosts };
  let { factors } = how;
  const words = change.split(" ");
  if (words[0] === "free") {
    reservedCpus -= number(/(\d+) cpus?/);
    reservedMemoryMiB -= number(/(\d+) MiB/);
    assert.ok(
      reservedCpus >= 0 && reservedMemoryMiB >= 0,
      "nobody can free more than is given out",
    );
  } else if (words[0] === "enable") mode = "enabled";
  else if (words[0] === "bring") state = "up";
  else if (words[0] === "add")
    carried = [
      ...carried,
      ...(/tags? (.*) to /.exec(change)?.[1] ?? "").split(", "),
    ] as typeof carried;
  else if (words[0] === "raise") {
    const dimension = words[2] === "cpu" ? "cpu" : "memory";
    const to = number(/ to ([\d.]+)/);
    const cluster = / in cluster (.*)$/.exec(change)?.[1];
    const own = cluster && { ...factors.clusters?.[cluster], [dimension]: to };
    factors = cluster
      ? { ...factors, clusters: { ...factors.clusters, [cluster]: own || {} } }
      : { ...factors, [dimension]: to };
  } else if (change.startsWith("ask without"))
    wish.tags = wish.tags.filter(
      (tag) => !(/tags? (.*)$/.exec(change)?.[1] ?? "").split(", ").includes(tag),
    );
  else if (change.startsWith("ask for zone")) wish.zone = words[3] ?? zone;
  else if (change.startsWith("ask for no more")) {
    wish.cpus = number(/(\d+) cpus?/);
    wish.memoryMiB = number(/(\d+) MiB/);
  } else if (words[0] === "allow") wish.onlyHosts = undefined;
  else if (words[0] === "stop") wish.avoidHosts = [];
  else assert.fail(`nobody knows how to do this: ${change}`);
  const repaired = { ...host, reservedCpus, reservedMemoryMiB, mode, state, zone, tags: carried };
  const { onlyHosts, ...rest } = wish;
  const asked = onlyHosts ? { ...rest, onlyHosts } : rest;
  return reference(new World([repaired]), asked, { ...how, factors }) === host.id;
}
