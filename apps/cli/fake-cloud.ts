/**
 * A small cloud for the tests of the command line.
 *
 * It is in memory and carries a command out over a few looks at its job, so that waiting has something to wait for. It
 * is served over HTTP with the real routes, and restarted with its memory kept.
 */
import { randomUUID } from "node:crypto";
import { defaultProject } from "@holdfast/client/testing";
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
import { accessHandlers } from "./fake-access.ts";
import { fencingHandlers } from "./fake-fencing.ts";
import { networkHandlers } from "./fake-networks.ts";
import { troubleHandlers } from "./fake-troubles.ts";
import { volumeHandlers } from "./fake-volumes.ts";
import {
  aHost,
  aJob,
  anEvent,
  anExplanation,
  anImage,
  anInstance,
  aSetting,
  moment,
  tiny,
} from "./samples.ts";

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
