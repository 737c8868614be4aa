/** The answers to ../api.ts. A handler checks, writes down what is wanted, and returns. */
import { createHash } from "node:crypto";
import { findImage } from "@holdfast/cloud/images/edge";
import { countRunningJobs, findRepeats, type NewJob, type Repeat } from "@holdfast/cloud/jobs/edge";
import type { Settings } from "@holdfast/cloud/settings";
import { findType } from "@holdfast/cloud/types/edge";
import type { InstanceId, JobId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { handle, type Request } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { brokenConstraint, type Database } from "@holdfast/store/database";
import { appendJournal, readJournal } from "@holdfast/store/journal";
import { shared, together } from "@holdfast/store/reads";
import * as api from "../api.ts";
import type { Order } from "../core/command.ts";
import type { JobKind } from "../core/model.ts";
import { type Birth, birthOf } from "./births.ts";
import { changeRecovery, checkPool, findDependencies } from "./recovery.ts";
import { findInstance, pageOfInstances, viewInstances } from "./views.ts";
import type { Worker } from "./worker.ts";

export interface InstanceRouteDeps {
  readonly database: Database;
  readonly worker: Worker;
  readonly settings: () => Settings;
  readonly clock: Clock;
  readonly mintId: MintId;
  /** A pronounceable name that nobody has chosen. */
  readonly mintName: () => string;
  /** Reads that only the host can answer. */
  readonly hosts: HostReader;
}

export interface HostReader {
  consoleLog(instance: InstanceId, lines: number): Promise<{ at: number; text: string }[]>;
  trace(instance: InstanceId, lines: number): Promise<{ lines: TraceLine[]; missing: string[] }>;
}
export interface TraceLine {
  readonly at: number;
  readonly source: "journal" | "api" | "placement" | "manager" | "agent" | "hypervisor" | "guest";
  readonly text: string;
}

type Told = Pick<Request<unknown, unknown, unknown>, "caller" | "requestId" | "idempotencyKey">;

export function instanceRoutes(deps: InstanceRouteDeps) {
  const { database, worker, settings, clock, mintId, mintName, hosts } = deps;
  const { typeOf, imageOf, runningJobs, viewsOf } = sharedReads(database);
  const commanded =
    (verb: Order["verb"]) =>
    async ({ params, body, ...told }: Told & { params: Of; body: { force?: boolean } }) =>
      command(verb, params, body.force ?? false, told);

  return {
    runInstances: handle(api.runInstances, async ({ params, body, ...told }) => {
      const asked = JSON.stringify(body);
      return once(params.project, told, asked, async () => {
        for (let tries = 1; ; tries++) {
          const births = await plan(params.project, body, told, asked);
          const [first] = births;
          if (!first) throw new Error("a request for instances made none");
          try {
            await worker.give(births);
            return first.job;
          } catch (error) {
            if (brokenConstraint(error) !== "instance_by_name") throw error;
            // A name that we made up ourselves is no business of the caller's: make up another.
            if (body.name !== undefined || tries === 5) throw nameTaken(births);
          }
        }
      });
    }),

    listInstances: handle(api.listInstances, ({ params, query }) =>
      pageOfInstances(database, params.project, query),
    ),
    getInstance: handle(api.getInstance, ({ params }) =>
      findInstance(database, params.project, params.instance),
    ),
    startInstance: handle(api.startInstance, commanded("start")),
    stopInstance: handle(api.stopInstance, commanded("stop")),
    rebootInstance: handle(api.rebootInstance, commanded("reboot")),
    destroyInstance: handle(api.destroyInstance, commanded("destroy")),
    relaunchInstance: handle(api.relaunchInstance, commanded("relaunch")),
    recoverInstance: handle(api.recoverInstance, commanded("recover")),
    expungeInstance: handle(api.expungeInstance, commanded("expunge")),

    changeRecovery: handle(api.changeRecovery, async ({ params, body, caller, requestId }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      const who = { at: clock.now(), actor: caller.name, requestId };
      await changeRecovery(database, params.project, id as InstanceId, body, who); // A view's id is plain text.
      return findInstance(database, params.project, id);
    }),

    protectInstance: handle(api.protectInstance, async ({ params, body, caller, requestId }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      await database.transaction(async (sql) => {
        const [row] = await sql.query(
          "update instance set is_protected = $2, version = version + 1 where id = $1 and is_protected <> $2 returning id",
          [id, body.isProtected],
        );
        const event = body.isProtected ? "protected" : "unprotected";
        const entry = {
          at: clock.now(),
          kind: "instance",
          subject: id,
          event,
          actor: caller.name,
          requestId,
        } as const;
        if (row) await appendJournal(sql, [entry]);
      });
      return findInstance(database, params.project, id);
    }),

    listInstanceEvents: handle(api.listInstanceEvents, async ({ params, query }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      const rows = await readJournal(database, id, query.after, query.limit);
      return {
        events: rows.map(({ kind: _, subject: __, ...row }) => ({
          ...row,
          from: row.from ?? null,
          to: row.to ?? null,
          generation: row.generation ?? null,
          requestId: row.requestId ?? null,
          job: row.job ?? null,
          detail: row.detail ?? null,
        })),
      };
    }),

    getConsoleLog: handle(api.getConsoleLog, async ({ params, query }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      return { lines: await hosts.consoleLog(id as InstanceId, query.lines) };
    }),
    traceInstance: handle(api.traceInstance, async ({ params, query }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      return hosts.trace(id as InstanceId, query.lines);
    }),
  };

  async function command(
    verb: Order["verb"],
    { project, instance }: Of,
    force: boolean,
    told: Told,
  ) {
    const asked = JSON.stringify({ verb, instance, force });
    return once(project, told, asked, async () => {
      const { id } = await findInstance(database, project, instance);
      const target = id as InstanceId; // A view's id is plain text.
      const job = newJob(project, verb, [target], told, asked);
      const order: Order = {
        verb,
        force,
        job: { id: job.id, kind: verb },
        requestId: told.requestId,
      };
      await worker.order({ instance: target, order, job, actor: told.caller.name });
      return job;
    });
  }

  /** What the caller's key stands for if it was used before, otherwise what `act` has made. */
  async function once(project: ProjectId, told: Told, asked: string, act: () => Promise<NewJob>) {
    const repeat = await findRepeat(project, told, asked);
    if (repeat) return accepted(repeat.job, repeat.targets);
    try {
      const { id, targets } = await act();
      return accepted(id, targets);
    } catch (error) {
      if (told.idempotencyKey === undefined) throw error;
      // The same request may have been carried out meanwhile; then whatever stopped this one is its doing.
      const faster = await findRepeat(project, told, asked);
      if (!faster) throw error;
      return accepted(faster.job, faster.targets);
    }
  }

  async function plan(
    project: ProjectId,
    body: api.RunRequest,
    told: Told,
    asked: string,
  ): Promise<readonly Birth[]> {
    const limits = settings();
    const most = limits["manager.instances_per_request"];
    if (body.count > most) throw tooMany(body.count, most);
    const [type, image] = await Promise.all([
      typeOf(body.type),
      imageOf(`${project} ${body.image}`),
      runningJobs(project).then((count) => checkJobs(count, limits["manager.concurrent_jobs"])),
    ]);
    const { manifest } = image;
    if (manifest && type.memoryMiB < manifest.smallestMemoryMiB)
      throw memoryTooSmall(type.memoryMiB, image.name, manifest.smallestMemoryMiB);
    const volumeBytes = volumeSize(
      body,
      type.diskGiB,
      image.name,
      manifest?.disk.virtualBytes ?? 0,
    );
    const pool = body.pool ?? limits["volumes.default_pool"];
    if (pool !== "local") await checkPool(database, pool);
    const dependsOn = await findDependencies(database, project, body.dependsOn);
    const ids = Array.from({ length: body.count }, () => mintId<"Instance">());
    const job = newJob(project, "run", ids, told, asked);
    const name = body.name ?? mintName();
    return ids.map((id, index) =>
      birthOf(
        {
          id,
          project,
          name: body.count === 1 ? name : `${name}-${index + 1}`,
          type: type.name,
          cpus: type.cpus,
          memoryMiB: type.memoryMiB,
          image: image.id,
          volume: mintId<"Volume">(),
          zone: body.zone,
          hostTags: body.hostTags,
          antiAffinityGroup: body.antiAffinityGroup,
          userData: body.userData,
          startPaused: body.startPaused,
          isProtected: body.isProtected,
          recovery: body.recovery,
          priority: body.priority,
          dependsOn,
          requestId: told.requestId,
        },
        { volumeBytes, pool, image: image.state === "ready" ? "ready" : "importing" },
        job,
      ),
    );
  }

  function newJob(
    project: ProjectId,
    kind: JobKind,
    targets: readonly InstanceId[],
    { caller, requestId, idempotencyKey: key }: Told,
    asked: string,
  ): NewJob {
    const idempotency = key === undefined ? undefined : { key, hash: hashOf(kind, asked) };
    return {
      id: mintId<"Job">(),
      project,
      kind,
      targets,
      actor: caller.name,
      requestId,
      idempotency,
      createdAt: clock.now(),
    };
  }

  /** Rejects with `idempotency_key_reused` when the key stands for another request. */
  async function findRepeat(
    project: ProjectId,
    told: Told,
    asked: string,
  ): Promise<Repeat | undefined> {
    const key = told.idempotencyKey;
    if (key === undefined) return undefined;
    const [repeat] = await findRepeats(database, [{ project, key }]);
    if (repeat && ![...jobKinds].some((kind) => repeat.hash === hashOf(kind, asked)))
      throw keyReused(key);
    return repeat;
  }

  async function accepted(job: JobId, instances: readonly InstanceId[]) {
    return { job: job as string, instances: [...((await viewsOf(instances)) ?? [])] };
  }
}

/** What many requests at the same moment ask of the database: read once for all of them. */
function sharedReads(database: Database) {
  return {
    typeOf: shared((name) => findType(database, name)),
    /** By project and name. */
    imageOf: shared((key) => {
      const [project = "", image = ""] = key.split(" ");
      return findImage(database, project as ProjectId, image); // Ids and names hold no spaces.
    }),
    runningJobs: shared((project) => countRunningJobs(database, project as ProjectId)), // Keys are text.
    viewsOf: together(async (lists: readonly (readonly InstanceId[])[]) => {
      const views = await viewInstances(database, lists.flat());
      const byId = new Map(views.map((view) => [view.id, view]));
      return new Map(lists.map((ids) => [ids, ids.flatMap((id) => byId.get(id) ?? [])]));
    }),
  };
}

function checkJobs(running: number, most: number): void {
  if (running < most) return;
  throw problem(
    "exhausted",
    "too_many_jobs",
    `${running} jobs are under way in this project; ${most} is the limit.`,
    {
      fix: "Wait until some are done, or raise it: holdfast settings set manager.concurrent_jobs N",
      retryAfterSeconds: 5,
    },
  );
}

interface Of {
  readonly project: ProjectId;
  readonly instance: string;
}

const jobKinds: readonly JobKind[] = [
  "run",
  "start",
  "stop",
  "reboot",
  "destroy",
  "recover",
  "expunge",
];
const hashOf = (kind: string, asked: string) =>
  createHash("sha256").update(`${kind} ${asked}`).digest("hex");

const gib = 2 ** 30;

function volumeSize(
  body: api.RunRequest,
  typeGiB: number,
  image: string,
  imageBytes: number,
): number {
  const asked = (body.diskGiB ?? typeGiB) * gib;
  if (asked >= imageBytes) return asked;
  const needed = Math.ceil(imageBytes / gib);
  if (body.diskGiB === undefined) return needed * gib;
  throw problem(
    "invalid",
    "disk_too_small",
    `${body.diskGiB} GiB is less than the disk of ${image}.`,
    {
      fix: `Ask for ${needed} GiB or more: --disk ${needed}`,
      faults: [{ field: "body.diskGiB", reason: `must be at least ${needed}` }],
    },
  );
}

function nameTaken(births: readonly Birth[]): Problem {
  const [first] = births;
  const name = first?.seed.name ?? "";
  const which = births.length > 1 ? `One of the names from ${name} on` : `The name ${name}`;
  return problem("conflict", "name_taken", `${which} is taken in this project.`, {
    fix: "Choose another, or leave it out to have one made up. Names are free again once their instance is expunged.",
    faults: [{ field: "body.name", reason: "is taken" }],
  });
}

const tooMany = (count: number, most: number) =>
  problem(
    "invalid",
    "too_many_instances",
    `${count} instances in one request; ${most} is the limit.`,
    {
      fix: "Ask several times, or raise it: holdfast settings set manager.instances_per_request N",
      faults: [{ field: "body.count", reason: `must be at most ${most}` }],
    },
  );

const memoryTooSmall = (have: number, image: string, need: number) =>
  problem(
    "invalid",
    "memory_too_small",
    `${image} needs ${need} MiB of memory; this type has ${have}.`,
    {
      fix: "Choose a larger type: holdfast types",
      faults: [{ field: "body.type", reason: `has less than ${need} MiB` }],
    },
  );

const keyReused = (key: string) =>
  problem(
    "conflict",
    "idempotency_key_reused",
    `The key ${key} was used for a different request.`,
    {
      fix: "Use a new Idempotency-Key for a new request.",
    },
  );
