/**
 * A small cloud and a small terminal for the tests of the command line.
 *
 * The cloud is in memory and carries a command out over a few looks at its job, so that waiting has
 * something to wait for. It is served over HTTP with the real routes, and restarted with its memory kept.
 */

import { randomUUID } from "node:crypto";
import { PassThrough, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import {
  defaultProject,
  type FakeManager,
  type FakeOptions,
  serveFake,
} from "@holdfast/client/testing";
import * as access from "@holdfast/cloud/access/api";
import * as hosts from "@holdfast/cloud/hosts/api";
import * as images from "@holdfast/cloud/images/api";
import * as instances from "@holdfast/cloud/instances/api";
import * as jobs from "@holdfast/cloud/jobs/api";
import * as placement from "@holdfast/cloud/placement/api";
import * as settings from "@holdfast/cloud/settings/api";
import * as types from "@holdfast/cloud/types/api";
import { problem } from "@holdfast/kernel/problem";
import { type Handler, handle } from "@holdfast/kernel/route";
import type { Instant } from "@holdfast/kernel/time";
import { cli } from "./cli.ts";
import { accessHandlers } from "./fake-access.ts";
import { fencingHandlers } from "./fake-fencing.ts";
import { networkHandlers } from "./fake-networks.ts";
import { troubleHandlers } from "./fake-troubles.ts";
import { volumeHandlers } from "./fake-volumes.ts";
import type { Environment, Keyboard, World } from "./world.ts";

/** A moment in the past, so that ages are the same in every golden text. */
export const moment = Date.parse("2026-11-21T10:00:00Z") as Instant;

/** An instance that runs; `change` it into whatever a test is about. */
export const anInstance = (
  change: Partial<instances.InstanceView> = {},
): instances.InstanceView => ({
  id: "0197a000-0000-7000-8000-0000000000a1",
  project: "default",
  name: "web",
  type: "tiny",
  cpus: 1,
  memoryMiB: 128,
  image: "tiny",
  volume: "0197a000-0000-7000-8000-0000000000b1",
  desired: "running",
  state: "running",
  op: null,
  job: null,
  generation: 1,
  host: "h1",
  guest: "up",
  begun: null,
  upAt: moment - 176_800,
  cause: null,
  isProtected: false,
  metadata: "on",
  metadataTokens: "optional",
  metadataHops: 1,
  pool: "local",
  recovery: "automatic",
  priority: 0,
  dependsOn: [],
  zone: null,
  hostTags: [],
  antiAffinityGroup: null,
  restarts: 0,
  nextLook: null,
  createdAt: moment - 180_000,
  destroyedAt: null,
  nics: [],
  tags: {},
  disks: [
    {
      volume: "0197a000-0000-7000-8000-0000000000b1",
      name: "web.root",
      kind: "root",
      sizeBytes: 2 ** 30,
      pool: "local",
      encrypted: false,
    },
  ],
  ...change,
});

export const aJob = (change: Partial<jobs.JobView> = {}): jobs.JobView => ({
  id: "0197a000-0000-7000-8000-0000000000c1",
  kind: "run",
  state: "running",
  instances: [anInstance().id],
  total: 1,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  problem: null,
  actor: "operator",
  requestId: "req-1",
  createdAt: moment - 12_000,
  finishedAt: null,
  ...change,
});

export const aHost = (change: Partial<hosts.HostView> = {}): hosts.HostView => ({
  id: "0197a000-0000-7000-8000-0000000000d1",
  name: "h1",
  zone: "default",
  pod: "default",
  cluster: "default",
  state: "up",
  mode: "enabled",
  epoch: 3,
  tags: ["ssd"],
  concerns: [],
  cpus: 8,
  memoryMiB: 16_384,
  reservedCpus: 2,
  reservedMemoryMiB: 1_536,
  instances: 2,
  acceleration: { kind: "tcg", reason: "/dev/kvm is there, but a probe guest did not boot in 5 s" },
  hypervisor: "QEMU 7.2",
  hasGuard: true,
  watchdog: "none",
  pools: [],
  power: null,
  heardAt: moment - 1_000,
  isConnected: true,
  ...change,
});

/** What the fake cloud holds. Tests look into it and change it. */
export interface Cloud {
  readonly instances: Map<string, instances.InstanceView>;
  readonly jobs: Map<string, jobs.JobView>;
  /** The most instances that a page holds. */
  largestPage: number;
  /** How many looks at a job its work takes. */
  looks: number;
  /** What a job fails with, if it is to fail. */
  failure: jobs.JobView["problem"];
  /** What `health` finds. */
  isWell: boolean;
  readonly handlers: readonly Handler[];
}

export function fakeCloud(...present: readonly instances.InstanceView[]): Cloud {
  const known = new Map(present.map((one) => [one.name, one]));
  const asked = new Map<string, jobs.JobView>();
  const keys = new Map<string, string>();
  const cloud: Cloud = {
    instances: known,
    jobs: asked,
    looks: 2,
    largestPage: 1_000,
    failure: null,
    isWell: true,
    handlers: [],
  };

  const find = (name: string) => {
    const found = known.get(name) ?? [...known.values()].find(({ id }) => id === name);
    if (found) return found;
    throw problem("not_found", "instance_not_found", `There is no instance ${name}.`, {
      fix: "See them: holdfast list",
    });
  };
  const accept = (kind: string, about: readonly instances.InstanceView[], key = "") => {
    const repeat = asked.get(keys.get(key) ?? "");
    const job = repeat ?? aJob({ id: randomUUID(), kind, total: about.length });
    asked.set(job.id, job);
    if (key) keys.set(key, job.id);
    return { job: job.id, instances: [...about], warnings: [] };
  };
  const looked = (job: jobs.JobView): jobs.JobView => {
    if (job.state !== "running" || --cloud.looks > 0) return job;
    const { failure: failed } = cloud;
    const over: jobs.JobView = failed
      ? { ...job, state: "failed", failed: job.total, problem: failed, finishedAt: moment }
      : { ...job, state: "succeeded", succeeded: job.total, finishedAt: moment };
    asked.set(job.id, over);
    return over;
  };
  const order = (
    route: typeof instances.startInstance | typeof instances.stopInstance,
    verb: string,
  ) =>
    handle(route as typeof instances.startInstance, async ({ params, idempotencyKey }) => {
      const one = find(params.instance);
      if (one.isProtected && verb === "destroy")
        throw problem("conflict", "instance_protected", `${one.name} is protected.`, {
          fix: `Allow it: holdfast protect ${one.name} --off`,
        });
      return accept(verb, [one], idempotencyKey);
    });

  const handlers: Handler[] = [
    handle(instances.listInstances, async ({ query }) => {
      const some = [...known.values()].filter(({ state }) => state === (query.state ?? state));
      const start = query.after ? some.findIndex(({ id }) => id === query.after) + 1 : 0;
      const page = some.slice(start, start + Math.min(query.limit, cloud.largestPage));
      return {
        instances: page,
        next: start + page.length < some.length ? (page.at(-1)?.id ?? null) : null,
      };
    }),
    handle(instances.getInstance, async ({ params }) => find(params.instance)),
    handle(instances.runInstances, async ({ body, idempotencyKey }) => {
      const made = anInstance({
        name: body.name ?? "bold-otter",
        state: "starting",
        guest: "booting",
      });
      known.set(made.name, made);
      return accept("run", [made], idempotencyKey);
    }),
    order(instances.startInstance, "start"),
    order(instances.stopInstance, "stop"),
    order(instances.rebootInstance, "reboot"),
    order(instances.relaunchInstance, "relaunch"),
    order(instances.destroyInstance, "destroy"),
    order(instances.recoverInstance, "recover"),
    order(instances.expungeInstance, "expunge"),
    handle(instances.protectInstance, async ({ params, body }) => {
      const changed = { ...find(params.instance), isProtected: body.isProtected };
      known.set(changed.name, changed);
      return changed;
    }),
    handle(instances.changeMetadata, async ({ params, body }) => {
      const was = find(params.instance);
      const changed = {
        ...was,
        metadata: body.metadata ?? was.metadata,
        metadataTokens: body.metadataTokens ?? was.metadataTokens,
        metadataHops: body.metadataHops ?? was.metadataHops,
      };
      known.set(changed.name, changed);
      return changed;
    }),
    handle(instances.changeRecovery, async ({ params, body }) => {
      const { recovery, priority, dependsOn } = body;
      const before = find(params.instance);
      const changed = {
        ...before,
        recovery: recovery ?? before.recovery,
        priority: priority ?? before.priority,
        dependsOn: dependsOn ?? before.dependsOn,
      };
      known.set(changed.name, changed);
      return changed;
    }),
    handle(instances.getConsoleLog, async ({ params }) => ({
      lines: [
        { at: moment, text: `\u001b[31mholdfast: ready\u0007 (${find(params.instance).name})` },
      ],
    })),
    handle(instances.listInstanceEvents, async ({ params }) => {
      find(params.instance);
      return { events: [anEvent] };
    }),
    handle(instances.traceInstance, async () => ({
      lines: [{ at: moment, source: "api" as const, text: "POST /v1/projects/default/instances" }],
      missing: ["agent: h2 does not answer"],
    })),
    handle(jobs.getJob, async ({ params }) => {
      const job = asked.get(params.job);
      if (!job) throw problem("not_found", "job_not_found", `There is no job ${params.job}.`);
      return looked(job);
    }),
    handle(jobs.listJobs, async () => ({ jobs: [...asked.values()], next: null })),
    handle(jobs.cancelJob, async ({ params }) => ({
      ...aJob({ id: params.job }),
      state: "cancelled" as const,
    })),
    handle(hosts.listHosts, async () => ({
      hosts: [aHost(), aHost({ name: "h2", state: "suspect" })],
      next: null,
    })),
    handle(hosts.changeHost, async ({ params, body }) =>
      aHost({
        name: params.host,
        ...(body.mode && { mode: body.mode }),
        ...(body.tags && { tags: body.tags }),
      }),
    ),
    handle(hosts.createJoinToken, async ({ body }) => ({
      token: "t",
      expiresAt: moment + body.minutes * 60_000,
      command: `holdfast join 10.0.0.1:7402 --token t`,
    })),
    handle(hosts.revokeHost, async () => ({ revoked: 1 })),
    ...fencingHandlers(moment),
    ...troubleHandlers(moment, () => cloud.isWell),
    handle(images.listImages, async () => ({ images: [anImage], next: null })),
    handle(images.getImage, async ({ params }) => ({ ...anImage, name: params.image })),
    handle(images.importImage, async ({ body }) => ({ ...anImage, name: body.name })),
    handle(images.copyImage, async ({ body }) => ({ ...anImage, name: body.name })),
    handle(images.shareImage, async ({ body }) => ({ ...anImage, sharedWith: body.add })),
    handle(images.setImageWarmth, async ({ params, body }) => ({
      ...anImage,
      name: params.image,
      warm: body.warm,
    })),
    handle(images.deleteImage, async ({ params }) => ({ ...anImage, name: params.image })),
    handle(types.listTypes, async () => ({ types: [tiny] })),
    handle(types.putType, async ({ params, body }) => ({ name: params.type, ...body })),
    handle(placement.explainPlacement, async () => anExplanation),
    ...networkHandlers(moment),
    ...volumeHandlers(moment, anImage),
    handle(settings.listSettings, async () => ({ settings: [aSetting] })),
    handle(settings.changeSetting, async ({ params, body }) => {
      if (params.name !== aSetting.name)
        throw problem("not_found", "setting_not_found", `There is no setting ${params.name}.`);
      return { ...aSetting, value: body.value ?? aSetting.default, isDefault: body.value === null };
    }),
    handle(access.listProjects, async () => ({
      projects: [
        { id: defaultProject, name: "default", organisation: "default", createdAt: moment },
      ],
      next: null,
    })),
    handle(access.createProject, async ({ body }) => ({
      id: "p",
      name: body.name,
      organisation: "default",
      createdAt: moment,
    })),
    ...accessHandlers(moment),
  ];
  return Object.assign(cloud, { handlers });
}

export const anEvent = {
  seq: 7,
  at: moment,
  event: "bootConfirmed",
  from: "starting",
  to: "running",
  generation: 1,
  actor: "holdfast",
  requestId: "req-1",
  job: null,
  detail: null,
};
export const tiny = {
  ...{ name: "tiny", cpus: 1, memoryMiB: 128, diskGiB: 1 },
  ...{ diskIops: null, diskBytesPerSecond: null },
};
export const aSetting = {
  name: "instances.stop_grace",
  value: 30,
  default: 60,
  unit: "s",
  meaning:
    "How long a guest may take to shut down after it was asked to, before its process is ended.",
  isDefault: false,
};
export const anImage: images.ImageView = {
  id: "0197a000-0000-7000-8000-0000000000e1",
  name: "tiny",
  project: null,
  state: "ready",
  source: "built",
  manifest: null,
  warm: false,
  encrypted: false,
  bytes: 1 << 30,
  problem: null,
  createdAt: moment - 3_600_000,
  tags: {},
  sharedWith: [],
};
export const anExplanation: placement.ExplanationView = {
  planner: "spread",
  chosen: null,
  hosts: [
    {
      host: "0197a000-0000-7000-8000-0000000000d1",
      name: "h1",
      verdict: "rejected",
      concerns: [],
      rejections: [
        { rule: "cpu", have: 2, need: 4, unit: "cpus", shortBy: 2 },
        { rule: "memory", have: 512, need: 4096, unit: "MiB", shortBy: 3584 },
      ],
    },
    {
      host: "0197a000-0000-7000-8000-0000000000d2",
      name: "h2",
      verdict: "rejected",
      concerns: ["disk sda reports 12 bad sectors"],
      rejections: [{ rule: "host-state", have: "suspect", need: "up" }],
    },
  ],
  summary: [{ rule: "cpu", hosts: 1 }],
  nearestFixes: [{ kind: "bring-host-up", change: "bring h2 up", wouldAdmit: [] }],
};

/** What a command has printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Desk {
  readonly cloud: Cloud;
  readonly manager: FakeManager;
  /** Runs a command line as if it had been typed. */
  type(line: string, how?: How): Promise<Ran>;
  stop(): Promise<void>;
}

export interface How {
  readonly environment?: Environment;
  readonly stdin?: Keyboard;
  readonly isTTY?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called with everything that is printed to the error stream, as it comes. */
  readonly onErr?: (text: string) => void;
  readonly onOut?: (text: string) => void;
  readonly now?: Instant;
  readonly buildImage?: World["buildImage"];
}

/** A cloud, a manager for it, and a terminal in front. */
export async function desk(cloud = fakeCloud(anInstance()), options?: FakeOptions): Promise<Desk> {
  const manager = await serveFake(cloud.handlers, options);
  const type = (line: string, how: How = {}) =>
    run(line, { environment: { HOLDFAST_URL: manager.url, HOLDFAST_TOKEN: "secret" }, ...how });
  return { cloud, manager, type, stop: () => manager.stop() };
}

/** Runs a command line in an environment of its own. A text is split at spaces. */
export async function run(line: string | readonly string[], how: How): Promise<Ran> {
  const { environment = {}, stdin = new PassThrough().end(), isTTY = false, onErr, onOut } = how;
  const out = sink(isTTY, onOut);
  const err = sink(isTTY, onErr);
  const begun = performance.now();
  const base = how.now ?? moment;
  const world: World = {
    environment,
    stdin: stdin as Keyboard, // A stream is a keyboard without raw mode.
    stdout: out.stream,
    stderr: err.stream,
    clock: {
      now: () => (base + Math.floor(performance.now() - begun)) as Instant,
      sleep: async (duration) => {
        await sleep(Math.min(duration, 50)); // Fake managers have no reason to be slow.
      },
    },
    buildImage: how.buildImage ?? (() => Promise.reject(new Error("nothing is built here"))),
    mintId: () => randomUUID(),
    interrupted: how.interrupted ?? new AbortController().signal,
  };
  const code = await cli(typeof line === "string" ? line.split(" ").filter(Boolean) : line, world);
  return { code, out: out.text(), err: err.text() };
}

function sink(isTTY: boolean, onText?: (text: string) => void) {
  const pieces: string[] = [];
  const stream = new Writable({
    write(piece, _, done) {
      pieces.push(String(piece));
      onText?.(String(piece));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 120 }), text: () => pieces.join("") };
}
