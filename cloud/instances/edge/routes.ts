/** The answers to ../api.ts. A handler checks, writes down what is wanted, and returns. */
import type { Settings } from "@holdfast/cloud/settings";
import { ephemeralWarning } from "@holdfast/cloud/volumes";
import type { HostId, InstanceId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { brokenConstraint, byKey, type Database } from "@holdfast/store/database";
import { appendJournal, readJournal } from "@holdfast/store/journal";
import { together } from "@holdfast/store/reads";
import * as api from "../api.ts";
import type { Order } from "../core/command.ts";
import { changeMetadata } from "./change-metadata.ts";
import { changeType } from "./change-type.ts";
import { nameTaken, type PlanDeps, planning } from "./planning.ts";
import { changeRecovery } from "./recovery.ts";
import { type Begun, repeats, type Told } from "./repeats.ts";
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
  readonly keys: PlanDeps["keys"];
  /** This manager, as it signs its news. */
  readonly self: string;
  /** The wishes of these hosts are newer. */
  readonly onWishes: (hosts: readonly HostId[]) => void;
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

export function instanceRoutes(deps: InstanceRouteDeps) {
  const { database, worker, clock, hosts } = deps;
  const plan = planning(deps);
  const { newJob, once } = repeats(deps);
  const viewsOf = sharedViews(database);
  const commanded =
    (verb: Order["verb"]) =>
    async ({ params, body, ...told }: Told & { params: Of; body: { force?: boolean } }) =>
      command(verb, params, body.force ?? false, told);

  return {
    runInstances: handle(api.runInstances, async ({ params, body, ...told }) => {
      const asked = JSON.stringify(body);
      const jobFor = (ids: readonly InstanceId[]) =>
        newJob(params.project, "run", ids, told, asked);
      const begun = await once(params.project, told, asked, async () => {
        for (let tries = 1; ; tries++) {
          const prepared = worker.expect(body.count);
          const births = await plan(params.project, body, told.requestId, jobFor).finally(prepared);
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
      return accepted(begun);
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

    changeInstanceType: handle(
      api.changeInstanceType,
      async ({ params, body, caller, requestId }) => {
        const { id } = await findInstance(database, params.project, params.instance);
        const who = { at: clock.now(), actor: caller.name, requestId };
        await changeType(database, params.project, id as InstanceId, body.type, who); // A view's id is plain text.
        return findInstance(database, params.project, id);
      },
    ),

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

    changeMetadata: handle(api.changeMetadata, async ({ params, body, caller, requestId }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      const who = { self: deps.self, at: clock.now(), actor: caller.name, requestId };
      const hosts = await changeMetadata(database, id as InstanceId, body, who); // A view's id is plain text.
      if (hosts.length > 0) deps.onWishes(hosts);
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
    const begun = await once(project, told, asked, async () => {
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
    return accepted(begun, verb);
  }

  async function accepted({ id, targets }: Begun, verb?: Order["verb"]) {
    const instances = [...((await viewsOf(targets)) ?? [])];
    const warnings = verb && losing.has(verb) ? instances.flatMap(warningsOf) : [];
    return { job: id as string, instances, warnings };
  }
}

/** These end the process, and with it what its ephemeral disks are made for. */
const losing: ReadonlySet<Order["verb"]> = new Set(["stop", "destroy", "relaunch"]);

/** Of one that has run: before that there is nothing to lose. */
function warningsOf({ name, disks, generation }: api.InstanceView): string[] {
  const count = disks.filter(({ kind }) => kind === "ephemeral").length;
  return count > 0 && generation > 0 ? [ephemeralWarning(name, count)] : [];
}

/** Many requests end at the same moment: what all of them answer with is read once. Those of a crowd by themselves. */
function sharedViews(database: Database) {
  const read = (ids: readonly InstanceId[]) =>
    database.transaction((sql) => viewInstances(sql, ids), byKey);
  const shared = together(async (lists: readonly (readonly InstanceId[])[]) => {
    const all = lists.flat();
    const views = await (all.length > crowd ? read(all) : viewInstances(database.lookUps, all));
    const byId = new Map(views.map((view) => [view.id, view]));
    return new Map(lists.map((ids) => [ids, ids.flatMap((id) => byId.get(id) ?? [])]));
  });
  return (ids: readonly InstanceId[]) => (ids.length > crowd ? read(ids) : shared(ids));
}

/** So many instances take longer to read than anybody should wait for who asks about one. */
const crowd = 100;

interface Of {
  readonly project: ProjectId;
  readonly instance: string;
}
