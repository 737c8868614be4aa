/**
 * `GET /metrics`, in the text format of Prometheus.
 *
 * The figures of the platform come from the database, so every manager gives the same: scrape one, or take
 * the maximum over all. Only the latency of the API is each manager's own.
 *
 * Who may read: an operator's token, or a program on this machine that comes straight to us. Prometheus on
 * the same machine then needs no secret; whatever arrives through a proxy is not from this machine.
 */
import type { Access } from "@holdfast/cloud/access/edge";
import { type Measures, recoveryBounds } from "@holdfast/cloud/checks/edge";
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Counter, Gauge, Histogram, Registry } from "prom-client";
import { witnessOf } from "./http.ts";

export interface MetricsDeps {
  readonly access: Access;
  readonly measure: () => Promise<Measures>;
  /** How many died of what, ever. */
  readonly deaths: () => Promise<
    readonly { readonly cause: string; readonly layer: string; readonly count: number }[]
  >;
  /** What always holds, and how often it does not. */
  readonly invariants: () => Promise<{
    readonly at: number | null;
    readonly rules: readonly { readonly name: string; readonly violations: number }[];
  }>;
}

/** Seconds. Most answers take one to ten milliseconds. */
const latencies = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5];

/** Call before the server listens: it measures every request from then on. */
export function metricsRoute(server: FastifyInstance, deps: MetricsDeps): void {
  const own = new Registry();
  const latency = new Histogram({
    name: "holdfast_api_seconds",
    help: "How long this manager took to answer, by declared route.",
    // The route as it was declared and not the path that was asked for: those are without number.
    labelNames: ["method", "route", "status"],
    buckets: latencies,
    registers: [own],
  });
  server.addHook("onResponse", async (request, reply) => {
    const route = request.routeOptions.url ?? "none";
    const status = `${Math.floor(reply.statusCode / 100)}xx`;
    latency.observe({ method: request.method, route, status }, reply.elapsedTime / 1_000);
  });
  server.get("/metrics", async (request, reply) => {
    if (!isLocal(request)) await assertOperator(deps.access, request);
    const [measures, deaths, invariants] = await Promise.all([
      deps.measure(),
      deps.deaths(),
      deps.invariants(),
    ]);
    const platform = registryOf(measures, deaths, invariants);
    reply.header("content-type", platform.contentType);
    return `${await platform.metrics()}\n${recoveryText(measures)}\n${await own.metrics()}`;
  });
}

async function assertOperator(access: Access, request: FastifyRequest): Promise<void> {
  const caller = await access.authenticate({
    ...{ headers: request.headers, isChange: false, source: request.ip },
  });
  witnessOf(request).caller = caller;
  access.authorize(caller, "platform:read");
}

const isLocal = ({ socket, headers }: FastifyRequest) =>
  ["127.0.0.1", "::1", "::ffff:127.0.0.1"].includes(socket.remoteAddress ?? "") &&
  headers.authorization === undefined &&
  headers["x-forwarded-for"] === undefined &&
  headers.forwarded === undefined;

function registryOf(
  { instances, hosts, checks, isAbridged }: Measures,
  deaths: Awaited<ReturnType<MetricsDeps["deaths"]>>,
  invariants: Awaited<ReturnType<MetricsDeps["invariants"]>>,
): Registry {
  const registry = new Registry();
  const registers = [registry];
  const gauge = (name: string, help: string, labelNames: string[]) =>
    new Gauge({ name, help, labelNames, registers });
  const byState = gauge("holdfast_instances", "Instances by state.", ["state"]);
  for (const { state, count } of instances) byState.set({ state }, count);
  const hostsByState = gauge("holdfast_hosts", "Hosts by state and mode.", ["state", "mode"]);
  for (const { state, mode, count } of hosts) hostsByState.set({ state, mode }, count);
  const failed = gauge("holdfast_status_check_failed", "1 if the status check has failed.", [
    "project",
    "instance",
    "check",
  ]);
  for (const { hasFailed, ...labels } of checks) failed.set({ ...labels }, hasFailed ? 1 : 0);
  gauge(
    "holdfast_status_checks_abridged",
    "1 if only checks that have failed are listed, because there are too many instances.",
    [],
  ).set(isAbridged ? 1 : 0);
  const violated = gauge(
    "holdfast_invariant_violations",
    "What breaks a rule that always holds. Anything but 0 is a fault of the platform.",
    ["rule"],
  );
  for (const { name: rule, violations } of invariants.rules) violated.set({ rule }, violations);
  if (invariants.at !== null)
    gauge(
      "holdfast_invariants_checked_timestamp_seconds",
      "When a manager last looked whether everything holds that always holds.",
      [],
    ).set(invariants.at / 1_000);
  const died = new Counter({
    name: "holdfast_deaths_total",
    help: "Deaths of instances by cause.",
    labelNames: ["cause", "layer"],
    registers,
  });
  for (const { cause, layer, count } of deaths) died.inc({ cause, layer }, count);
  return registry;
}

/** A histogram that the database has counted; the library only has those that it counts itself. */
function recoveryText({ recoveries: { buckets, count, sum } }: Measures): string {
  const name = "holdfast_recovery_seconds";
  return [
    `# HELP ${name} From the death of an instance to its guest being up again, up to ${recoveryBounds.at(-1)} s.`,
    `# TYPE ${name} histogram`,
    ...buckets.map((bucket) => `${name}_bucket{le="${bucket.upTo}"} ${bucket.count}`),
    `${name}_bucket{le="+Inf"} ${count}`,
    `${name}_sum ${sum}`,
    `${name}_count ${count}`,
    "",
  ].join("\n");
}
