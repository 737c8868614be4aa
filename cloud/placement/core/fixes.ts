/**
 * What would have helped: single changes that would admit a refused request, the nearest first.
 *
 * Each is tried: the change is made to a copy and the rules that stood against it are asked again (all others
 * were kept, and nothing that they look at has changed), so `wouldAdmit` is an answer and not a guess. A proposal that does not hold is dropped in silence. A host that breaks two
 * unrelated rules has no single change, and is not mentioned.
 *
 * Nearness is the order of `fixKinds` (first what moves guests or numbers, then what changes a host,
 * then what changes the wish), then how much must change, then how many hosts it admits.
 *
 * A fleet may have a hundred thousand hosts, and a refusal must not hold up those who wait behind it. So hosts are
 * sorted by what alone speaks against them, each change is tried on those alone that it can cure, and only the
 * nearest few proposals of a kind are made at all.
 */
import { grouped } from "@holdfast/kernel/grouped";
import type { HostId } from "@holdfast/kernel/ids";
import { factorsIn, roomOf } from "./capacity.ts";
import {
  type Factors,
  type FixKind,
  fixKinds,
  type HostCapacity,
  type NearestFix,
  type PlacementRequest,
  type Rule,
} from "./model.ts";
import { brokenBy, type Circumstances, everyRule, keeps, rulesIn } from "./rules.ts";
import { mostOfAKind, Shortlist } from "./shortlist.ts";

/** What alone speaks against a host: one rule, or its size. Everything else has no single change. */
type Cause = "size" | Exclude<Rule, "cpu" | "memory">;
const sizeRules: readonly Rule[] = ["cpu", "memory"];

/** A host that only its size speaks against, with what it has left: wanted again and again, and not free to work out. */
interface Short {
  readonly host: HostCapacity;
  readonly cpus: number;
  readonly memoryMiB: number;
}

/** Everything that a proposal may be made from. */
interface Refusal {
  /** In name order, by their cause. */
  readonly hosts: ReadonlyMap<Cause, readonly HostCapacity[]>;
  readonly short: readonly Short[];
  readonly size: number;
  readonly request: PlacementRequest;
  readonly circumstances: Circumstances;
}

/** All hosts in name order, none of which is feasible, and of each the rules that it breaks (see `brokenBy`). */
export function nearestFixes(
  all: readonly HostCapacity[],
  broken: readonly number[],
  request: PlacementRequest,
  circumstances: Circumstances,
): readonly NearestFix[] {
  const hosts = byCause(all, broken);
  const short = (hosts.get("size") ?? []).map((host) => {
    const { freeCpus: cpus, freeMemoryMiB: memoryMiB } = roomOf(host, circumstances.factors);
    return { host, cpus, memoryMiB };
  });
  const refusal: Refusal = { hosts, short, size: all.length, request, circumstances };
  const list = new Shortlist();
  proposeChangesToHosts(refusal, list);
  proposeFactors(refusal, list);
  proposeChangesToRequest(refusal, list);
  const fixes = fixKinds.flatMap((kind) => nearestOf(kind, list));
  return fixes.length > 0 ? fixes : anotherHost(refusal);
}

function nearestOf(kind: FixKind, list: Shortlist): readonly NearestFix[] {
  const tried: (NearestFix & { amount: number })[] = [];
  for (const { change, amount, admits } of list.of(kind)) {
    if (tried.length >= mostOfAKind && amount > (tried.at(-1)?.amount ?? 0)) break;
    const wouldAdmit = admits();
    if (wouldAdmit.length > 0) tried.push({ kind, change, wouldAdmit, amount });
  }
  return tried
    .sort((a, b) => a.amount - b.amount || b.wouldAdmit.length - a.wouldAdmit.length)
    .slice(0, mostOfAKind)
    .map(({ change, wouldAdmit }) => ({ kind, change, wouldAdmit }));
}

function byCause(
  all: readonly HostCapacity[],
  broken: readonly number[],
): ReadonlyMap<Cause, readonly HostCapacity[]> {
  const hosts = new Map<Cause, HostCapacity[]>();
  const listOf = new Map<number, HostCapacity[] | undefined>();
  for (const rules of new Set(broken)) {
    const cause = causeOf(rulesIn(rules));
    if (cause === undefined) continue;
    const those = hosts.get(cause) ?? [];
    hosts.set(cause, those);
    listOf.set(rules, those);
  }
  for (const [i, host] of all.entries()) listOf.get(broken[i] ?? 0)?.push(host);
  return hosts;
}

function causeOf([first, second, third]: readonly Rule[]): Cause | undefined {
  if (!first || third) return undefined;
  if (first === "cpu" || first === "memory")
    return second === undefined || second === "memory" ? "size" : undefined;
  return second ? undefined : first;
}

/** What could be done to one host. Nothing else changes, so only it is asked again. */
function proposeChangesToHosts(refusal: Refusal, list: Shortlist): void {
  const { hosts, short, request, circumstances } = refusal;
  const of = (cause: Cause) => hosts.get(cause) ?? [];
  const patched = (host: HostCapacity, patch: Partial<HostCapacity>) => () =>
    ask(everyRule, [{ ...host, ...patch }], request, circumstances);

  for (const free of short) {
    const { host } = free;
    const cpus = Math.max(0, request.cpus - free.cpus);
    const memoryMiB = Math.max(0, request.memoryMiB - free.memoryMiB);
    if (cpus > host.reservedCpus || memoryMiB > host.reservedMemoryMiB) continue;
    const amount = cpus / Math.max(1, request.cpus) + memoryMiB / Math.max(1, request.memoryMiB);
    if (!list.wants("free-capacity", amount)) continue;
    const reservedCpus = host.reservedCpus - cpus;
    const reservedMemoryMiB = host.reservedMemoryMiB - memoryMiB;
    const change = `free ${sizeText({ cpus, memoryMiB })} on ${host.name}`;
    const admits = patched(host, { reservedCpus, reservedMemoryMiB });
    list.add("free-capacity", { change, amount, admits });
  }
  for (const host of of("host-mode")) {
    if (!list.wants("enable-host", 0)) break;
    const change = `enable ${host.name}, which is ${modeText[host.mode]}`;
    list.add("enable-host", { change, amount: 0, admits: patched(host, { mode: "enabled" }) });
  }
  for (const host of of("host-state")) {
    if (!list.wants("bring-host-up", 0)) break;
    const change = `bring ${host.name} back, which is ${host.state}`;
    list.add("bring-host-up", { change, amount: 0, admits: patched(host, { state: "up" }) });
  }
  for (const host of of("tags")) {
    const missing = request.tags.filter((tag) => !host.tags.includes(tag));
    if (!list.wants("add-tags", missing.length)) continue;
    const change = `add ${tagsText(missing)} to ${host.name}`;
    const admits = patched(host, { tags: [...host.tags, ...missing] });
    list.add("add-tags", { change, amount: missing.length, admits });
  }
  for (const host of of("anti-affinity")) {
    if (!list.wants("relax-anti-affinity", 0)) break;
    const groupHosts = new Set(circumstances.groupHosts);
    groupHosts.delete(host.id);
    const admits = () => ask(everyRule, [host], request, { ...circumstances, groupHosts });
    const change = `relax anti-affinity group ${request.antiAffinityGroup} on ${host.name}`;
    list.add("relax-anti-affinity", { change, amount: 0, admits });
  }
  for (const host of of("only-hosts")) {
    if (!list.wants("allow-host", 0)) break;
    const onlyHosts = [...(request.onlyHosts ?? []), host.id];
    const admits = () => ask(everyRule, [host], { ...request, onlyHosts }, circumstances);
    list.add("allow-host", { change: `allow ${host.name} too`, amount: 0, admits });
  }
  for (const host of of("avoided")) {
    if (!list.wants("stop-avoiding", 0)) break;
    const avoidHosts = request.avoidHosts.filter((other) => other !== host.id);
    const admits = () => ask(everyRule, [host], { ...request, avoidHosts }, circumstances);
    list.add("stop-avoiding", { change: `stop avoiding ${host.name}`, amount: 0, admits });
  }
}

/** The smallest factor that admits somebody; in each cluster apart where clusters have their own. */
function proposeFactors({ short, request, circumstances }: Refusal, list: Shortlist): void {
  const { factors } = circumstances;
  for (const dimension of dimensions) {
    const curable = short
      .filter(({ cpus, memoryMiB }) => {
        const isShort = { cpu: cpus < request.cpus, memory: memoryMiB < request.memoryMiB };
        return isShort[dimension] && isShort.cpu !== isShort.memory;
      })
      .map(({ host }) => host);
    const byCluster: ReadonlyMap<string | undefined, readonly HostCapacity[]> = factors.clusters
      ? grouped(curable, ({ cluster }) => cluster)
      : new Map([[undefined, curable]]);
    for (const [cluster, those] of byCluster) {
      const to = those.reduce(
        (least, host) => Math.min(least, factorFor(host, request, dimension)),
        Number.POSITIVE_INFINITY,
      );
      const from = (cluster === undefined ? factors : factorsIn(factors, cluster))[dimension];
      const amount = to / from - 1;
      if (!Number.isFinite(to) || !list.wants("raise-factor", amount)) continue;
      const where = cluster === undefined ? "" : ` in cluster ${cluster}`;
      const change = `raise the ${dimension} factor from ${from} to ${to}${where}`;
      const higher = { ...circumstances, factors: raised(factors, cluster, dimension, to) };
      list.add("raise-factor", {
        change,
        amount,
        admits: () => ask(sizeRules, those, request, higher),
      });
    }
  }
}

type Dimension = "cpu" | "memory";
const dimensions: readonly Dimension[] = ["cpu", "memory"];

/** Rounded up to hundredths, because nobody sets a factor of 1.2345. */
function factorFor(host: HostCapacity, request: PlacementRequest, dimension: Dimension): number {
  const [needed, physical] =
    dimension === "cpu"
      ? [host.reservedCpus + request.cpus, host.cpus]
      : [host.reservedMemoryMiB + request.memoryMiB, host.memoryMiB];
  return Math.ceil((needed / physical) * 100 - 1e-9) / 100;
}

function raised(
  factors: Factors,
  cluster: string | undefined,
  dimension: Dimension,
  to: number,
): Factors {
  if (cluster === undefined) return { ...factors, [dimension]: to };
  const own = { ...factors.clusters?.[cluster], [dimension]: to };
  return { ...factors, clusters: { ...factors.clusters, [cluster]: own } };
}

/** What the asker could do without: tags, the zone, some of the size. All that it may help are asked again. */
function proposeChangesToRequest(refusal: Refusal, list: Shortlist) {
  const { hosts, short, request, circumstances } = refusal;
  const of = (cause: Cause) => hosts.get(cause) ?? [];
  const admitting =
    (rules: readonly Rule[], those: readonly HostCapacity[], changed: Partial<PlacementRequest>) =>
    () =>
      ask(rules, those, { ...request, ...changed }, circumstances);

  const lacking = grouped(of("tags"), (host) =>
    tagsText(request.tags.filter((tag) => !host.tags.includes(tag))),
  );
  for (const [text, [host]] of lacking) {
    const tags = request.tags.filter((tag) => host?.tags.includes(tag));
    const amount = request.tags.length - tags.length;
    const admits = admitting(["tags"], of("tags"), { tags });
    list.add("drop-tags", { change: `ask without ${text}`, amount, admits });
  }
  for (const [zone, those] of grouped(of("zone"), (host) => host.zone)) {
    const admits = admitting(["zone"], those, { zone });
    list.add("other-zone", { change: `ask for zone ${zone}`, amount: 0, admits });
  }
  const sizes = new Set<number>();
  for (const free of short) {
    const cpus = Math.min(request.cpus, free.cpus);
    const memoryMiB = Math.min(request.memoryMiB, free.memoryMiB);
    if (cpus < 1 || memoryMiB < 1) continue;
    const amount = 2 - cpus / request.cpus - memoryMiB / request.memoryMiB;
    if (!list.wants("ask-for-less", amount)) continue;
    const both = cpus * 2 ** 31 + memoryMiB; // Both fit into 31 bits; a text for each host would be slow.
    if (sizes.has(both)) continue;
    sizes.add(both);
    const change = `ask for no more than ${sizeText({ cpus, memoryMiB })}`;
    const admits = () =>
      short
        .filter((one) => one.cpus >= cpus && one.memoryMiB >= memoryMiB)
        .map(({ host }) => host.id);
    list.add("ask-for-less", { change, amount, admits });
  }
}

/** When no single change to what is there would do. Tried too: a factor below 1 asks for a bigger host. */
function anotherHost({ size, request, circumstances }: Refusal): readonly NearestFix[] {
  const { cpu, memory } = circumstances.factors;
  if (request.onlyHosts || !(cpu > 0) || !(memory > 0)) return [];
  const cpus = Math.ceil(request.cpus / cpu);
  const memoryMiB = Math.ceil(request.memoryMiB / memory);
  const zone = request.zone ?? "";
  const spare: HostCapacity = {
    id: "" as HostId, // Nobody's: this host does not exist.
    name: "",
    zone,
    pod: "",
    cluster: "",
    tags: request.tags,
    cpus,
    memoryMiB,
    reservedCpus: 0,
    reservedMemoryMiB: 0,
    state: "up",
    mode: "enabled",
    concerns: [],
  };
  if (brokenBy(spare, request, circumstances) !== 0) return [];
  const where = request.zone === undefined ? "" : ` in zone ${request.zone}`;
  const tags = request.tags.length > 0 ? ` with ${tagsText(request.tags)}` : "";
  const another = size > 0 ? "another host" : "a host";
  const change = `add ${another} of at least ${sizeText({ cpus, memoryMiB })}${where}${tags}`;
  return [{ kind: "add-host", change, wouldAdmit: [] }];
}

function ask(
  rules: readonly Rule[],
  hosts: readonly HostCapacity[],
  request: PlacementRequest,
  circumstances: Circumstances,
): readonly HostId[] {
  return hosts.filter((host) => keeps(rules, host, request, circumstances)).map(({ id }) => id);
}

/** `2 cpus and 512 MiB`, without the part that is nought. */
export function sizeText({ cpus, memoryMiB }: { cpus: number; memoryMiB: number }): string {
  const parts = [
    cpus > 0 ? `${cpus} ${cpus === 1 ? "cpu" : "cpus"}` : "",
    memoryMiB > 0 ? `${memoryMiB} MiB` : "",
  ];
  return parts.filter((part) => part !== "").join(" and ");
}

const modeText = { enabled: "enabled", draining: "draining", maintenance: "in maintenance" };

const tagsText = (tags: readonly string[]) =>
  `${tags.length === 1 ? "tag" : "tags"} ${tags.join(", ")}`;
