/**
 * What would have helped: single changes that would admit a refused request, the nearest first.
 *
 * Each is tried: the change is made to a copy and the rules are asked again, so `wouldAdmit` is an
 * answer and not a guess. A proposal that does not hold is dropped in silence. A host that breaks two
 * unrelated rules has no single change, and is not mentioned.
 *
 * Nearness is the order of `fixKinds` (first what moves guests or numbers, then what changes a host,
 * then what changes the wish), then how much must change, then how many hosts it admits.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { factorsIn } from "./capacity.ts";
import {
  type Factors,
  type FixKind,
  fixKinds,
  type HostCapacity,
  type NearestFix,
  type PlacementRequest,
  type Rule,
} from "./model.ts";
import { byName, type Judged } from "./rank.ts";
import { type Circumstances, judge } from "./rules.ts";

/** More of one kind would bury the other kinds. */
const mostOfAKind = 3;

interface Proposal {
  readonly kind: FixKind;
  readonly change: string;
  /** How much must change, comparable within a kind. */
  readonly amount: number;
  readonly admits: () => readonly HostId[];
}

/** Everything that a proposal may be made from. */
interface Refusal {
  readonly judged: readonly Judged[];
  readonly request: PlacementRequest;
  readonly circumstances: Circumstances;
}

export function nearestFixes(
  judged: readonly Judged[],
  request: PlacementRequest,
  circumstances: Circumstances,
): readonly NearestFix[] {
  const refusal: Refusal = { judged, request, circumstances };
  const proposals = [
    ...judged.flatMap((one) => changesToHost(one, refusal)),
    ...changesToFactors(refusal),
    ...changesToRequest(refusal),
  ];
  const fixes = fixKinds.flatMap((kind) => nearestOf(proposals.filter((one) => one.kind === kind)));
  return fixes.length > 0 ? fixes : anotherHost(refusal);
}

function nearestOf(proposals: readonly Proposal[]): readonly NearestFix[] {
  const tried: (NearestFix & { amount: number })[] = [];
  for (const { kind, change, amount, admits } of [...proposals].sort(byAmount)) {
    const isEnough = tried.length >= mostOfAKind && amount > (tried.at(-1)?.amount ?? 0);
    if (isEnough || tried.length >= 10 * mostOfAKind) break; // Ties are tried, but not without end.
    const wouldAdmit = admits();
    if (wouldAdmit.length > 0) tried.push({ kind, change, wouldAdmit, amount });
  }
  return tried
    .sort((a, b) => a.amount - b.amount || b.wouldAdmit.length - a.wouldAdmit.length)
    .slice(0, mostOfAKind)
    .map(({ kind, change, wouldAdmit }) => ({ kind, change, wouldAdmit }));
}

/** `judged` is in name order and sorting is stable, so equal amounts stay in name order. */
const byAmount = (a: Proposal, b: Proposal) => a.amount - b.amount;

/** What could be done to this one host. Nothing else changes, so only it is asked again. */
function changesToHost({ host, rejections }: Judged, refusal: Refusal): readonly Proposal[] {
  const { request, circumstances } = refusal;
  const { name, id } = host;
  const broken = rejections.map(({ rule }) => rule);
  const group = request.antiAffinityGroup;
  const missing = request.tags.filter((tag) => !host.tags.includes(tag));

  const shortOf = (rule: Rule) => rejections.find((one) => one.rule === rule)?.shortBy ?? 0;
  const cpus = shortOf("cpu");
  const memoryMiB = shortOf("memory");
  if (onlyOf(broken, ["cpu", "memory"])) {
    if (cpus > host.reservedCpus || memoryMiB > host.reservedMemoryMiB) return [];
    const amount = cpus / Math.max(1, request.cpus) + memoryMiB / Math.max(1, request.memoryMiB);
    const reservedCpus = host.reservedCpus - cpus;
    const reservedMemoryMiB = host.reservedMemoryMiB - memoryMiB;
    const change = `free ${sizeText({ cpus, memoryMiB })} on ${name}`;
    return [withHost("free-capacity", change, amount, { reservedCpus, reservedMemoryMiB })];
  }
  if (onlyOf(broken, ["host-mode"]))
    return [
      withHost("enable-host", `enable ${name}, which is ${modeText[host.mode]}`, 0, {
        mode: "enabled",
      }),
    ];
  if (onlyOf(broken, ["host-state"]))
    return [
      withHost("bring-host-up", `bring ${name} back, which is ${host.state}`, 0, { state: "up" }),
    ];
  if (onlyOf(broken, ["tags"])) {
    const change = `add ${tagsText(missing)} to ${name}`;
    return [withHost("add-tags", change, missing.length, { tags: [...host.tags, ...missing] })];
  }
  if (onlyOf(broken, ["anti-affinity"])) {
    const groupHosts = new Set(circumstances.groupHosts);
    groupHosts.delete(id);
    const admits = () => ask([host], request, { ...circumstances, groupHosts });
    const change = `relax anti-affinity group ${group} on ${name}`;
    return [{ kind: "relax-anti-affinity", change, amount: 0, admits }];
  }
  if (onlyOf(broken, ["only-hosts"])) {
    const onlyHosts = [...(request.onlyHosts ?? []), id];
    return [withRequest("allow-host", `allow ${name} too`, { onlyHosts })];
  }
  if (onlyOf(broken, ["avoided"])) {
    const avoidHosts = request.avoidHosts.filter((other) => other !== id);
    return [withRequest("stop-avoiding", `stop avoiding ${name}`, { avoidHosts })];
  }
  return [];

  function withHost(
    kind: FixKind,
    change: string,
    amount: number,
    patch: Partial<HostCapacity>,
  ): Proposal {
    const admits = () => ask([{ ...host, ...patch }], request, circumstances);
    return { kind, change, amount, admits };
  }

  function withRequest(kind: FixKind, change: string, patch: Partial<PlacementRequest>): Proposal {
    const admits = () => ask([host], { ...request, ...patch }, circumstances);
    return { kind, change, amount: 0, admits };
  }
}

/** The smallest factor that admits somebody; in each cluster apart where clusters have their own. */
function changesToFactors({ judged, request, circumstances }: Refusal): readonly Proposal[] {
  const { factors } = circumstances;
  const hosts = judged.map(({ host }) => host);
  const smallest = new Map<string, { cluster?: string; dimension: Dimension; to: number }>();
  for (const { host, rejections } of judged) {
    for (const dimension of dimensions) {
      if (
        !onlyOf(
          rejections.map(({ rule }) => rule),
          [dimension],
        )
      )
        continue;
      const to = factorFor(host, request, dimension);
      const cluster = factors.clusters ? { cluster: host.cluster } : {};
      const key = JSON.stringify([dimension, cluster]);
      if (to < (smallest.get(key)?.to ?? Number.POSITIVE_INFINITY))
        smallest.set(key, { ...cluster, dimension, to });
    }
  }
  return [...smallest.values()].map(({ cluster, dimension, to }): Proposal => {
    const from = (cluster === undefined ? factors : factorsIn(factors, cluster))[dimension];
    const where = cluster === undefined ? "" : ` in cluster ${cluster}`;
    const admits = () =>
      ask(hosts, request, { ...circumstances, factors: raised(factors, cluster, dimension, to) });
    const change = `raise the ${dimension} factor from ${from} to ${to}${where}`;
    return { kind: "raise-factor", change, amount: to / from - 1, admits };
  });
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

/** What the asker could do without: tags, the zone, some of the size. Everybody is asked again. */
function changesToRequest({ judged, request, circumstances }: Refusal): readonly Proposal[] {
  const hosts = judged.map(({ host }) => host);
  const proposals = new Map<string, Proposal>();
  const propose = (kind: FixKind, change: string, amount: number, changed: PlacementRequest) => {
    const admits = () => ask(hosts, changed, circumstances);
    if (!proposals.has(change)) proposals.set(change, { kind, change, amount, admits });
  };
  for (const { host, rejections } of judged) {
    const broken = rejections.map(({ rule }) => rule);
    const have = (rule: Rule) =>
      Number(rejections.find((one) => one.rule === rule)?.have ?? Infinity);
    if (onlyOf(broken, ["tags"])) {
      const kept = request.tags.filter((tag) => host.tags.includes(tag));
      const dropped = request.tags.filter((tag) => !host.tags.includes(tag));
      const change = `ask without ${tagsText(dropped)}`;
      propose("drop-tags", change, dropped.length, { ...request, tags: kept });
    }
    if (onlyOf(broken, ["zone"]))
      propose("other-zone", `ask for zone ${host.zone}`, 0, { ...request, zone: host.zone });
    if (onlyOf(broken, ["cpu", "memory"])) {
      const cpus = Math.min(request.cpus, have("cpu"));
      const memoryMiB = Math.min(request.memoryMiB, have("memory"));
      if (cpus < 1 || memoryMiB < 1) continue;
      const change = `ask for no more than ${sizeText({ cpus, memoryMiB })}`;
      const amount = 2 - cpus / request.cpus - memoryMiB / request.memoryMiB;
      propose("ask-for-less", change, amount, { ...request, cpus, memoryMiB });
    }
  }
  return [...proposals.values()];
}

/** When no single change to what is there would do. Tried too: a factor below 1 asks for a bigger host. */
function anotherHost({ judged, request, circumstances }: Refusal): readonly NearestFix[] {
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
  if (judge(spare, request, circumstances).length > 0) return [];
  const where = request.zone === undefined ? "" : ` in zone ${request.zone}`;
  const tags = request.tags.length > 0 ? ` with ${tagsText(request.tags)}` : "";
  const another = judged.length > 0 ? "another host" : "a host";
  const change = `add ${another} of at least ${sizeText({ cpus, memoryMiB })}${where}${tags}`;
  return [{ kind: "add-host", change, wouldAdmit: [] }];
}

function ask(
  hosts: readonly HostCapacity[],
  request: PlacementRequest,
  circumstances: Circumstances,
): readonly HostId[] {
  return hosts
    .filter((host) => judge(host, request, circumstances).length === 0)
    .sort(byName)
    .map(({ id }) => id);
}

function onlyOf(broken: readonly Rule[], allowed: readonly Rule[]): boolean {
  return broken.length > 0 && broken.every((rule) => allowed.includes(rule));
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
