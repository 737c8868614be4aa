/**
 * The answers to ../api.ts.
 *
 * Nothing is carried out here: what is wanted is written down with its row in the journal, and the next round
 * does it. Only after the commit is one asked for, because before it there is nothing to see.
 */
import { findHostRow } from "@holdfast/cloud/hosts/edge";
import { instanceNotFound } from "@holdfast/cloud/instances/edge";
import type { Settings } from "@holdfast/cloud/settings";
import type { HostId, InstanceId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Caller, handle } from "@holdfast/kernel/route";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { brokenConstraint, type Database, type Sql } from "@holdfast/store/database";
import { appendJournal, type JournalRow } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";
import * as api from "../api.ts";
import { meanings } from "../core/model.ts";
import { refuseWindow } from "../core/windows.ts";
import { endOf, endWork } from "./end-work.ts";
import { setMode } from "./perform.ts";
import { readPolicy, writePolicies } from "./policies.ts";
import { cancelEvent, findEventView, insertEvent, moveEvent, pageOfEvents } from "./scheduled.ts";
import { findWindowView, insertWindow, pageOfWindows, removeWindow, taken } from "./windows.ts";
import {
  changeWork,
  checkTimes,
  insertWork,
  plannedFrom,
  rehearsed,
  viewFates,
  viewOfWork,
} from "./work-rows.ts";
import {
  findWork,
  maintenanceOf,
  pageOfWork,
  readSite,
  type SiteDeps,
  type WorkRow,
} from "./worksites.ts";

export interface EventRouteDeps extends SiteDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly self: string;
  readonly settings: () => Pick<Settings, "events.notice">;
  /** Something is planned, or is no longer; these hosts are wanted otherwise. */
  readonly onChanged: (hosts: readonly HostId[]) => void;
}

type Told = Omit<JournalRow, "at" | "actor" | "requestId">;
interface Asked {
  readonly caller: Caller;
  readonly requestId: string;
}

export function eventRoutes(deps: EventRouteDeps) {
  const { database, clock, mintId, self, settings, onChanged } = deps;

  async function change<T>(
    { caller, requestId }: Asked,
    work: (sql: Sql, tell: (row: Told) => void, now: Instant) => Promise<T>,
    hosts: readonly HostId[] = [],
  ): Promise<T> {
    const reply = await database.transaction(async (sql) => {
      const now = clock.now();
      const rows: JournalRow[] = [];
      const reply = await work(
        sql,
        (row) => rows.push({ at: now, actor: caller.name, requestId, ...row }),
        now,
      );
      await appendJournal(sql, rows);
      const news = { from: self, events: true, instances: [] } as const;
      await announce(sql, hosts.length > 0 ? { ...news, hosts } : news);
      return reply;
    });
    onChanged(hosts);
    return reply;
  }

  return {
    previewMaintenance: handle(api.previewMaintenance, async ({ params, body }) => {
      const host = await findHostRow(database, params.host);
      const now = clock.now();
      const asked = { ...body, work: body.work ?? "empty" };
      checkTimes(asked, now);
      const planned = plannedFrom(asked, settings()["events.notice"], now);
      const at = { id: host.id as HostId, mode: host.mode }; // A view's id is plain text.
      const work = { id: undefined, maintenance: rehearsed(planned) };
      const site = await readSite(database, deps, at, work, now);
      return { instances: await viewFates(database, site) };
    }),

    planMaintenance: handle(api.planMaintenance, async (request) => {
      const { params, body, caller } = request;
      const { id, name } = await findHostRow(database, params.host);
      const host = id as HostId; // The same.
      await change(request, async (sql, tell, now) => {
        const [locked] = await sql.query("select from host where id = $1 for update", [host]);
        const known = locked && (await findWork(sql, host));
        const asked = { ...body, work: body.work ?? known?.work ?? "empty" };
        const reason = body.reason ?? known?.reason ?? "planned work";
        checkTimes(asked, now);
        const planned = plannedFrom(asked, settings()["events.notice"], now, known);
        const isStartGiven = body.startsAt !== undefined;
        if (known) {
          const words = await changeWork(sql, known, reason, planned, isStartGiven, now);
          for (const word of words) tell(word);
        } else
          await insertWork(
            sql,
            { id: mintId<"Maintenance">(), host, reason, by: caller.name },
            planned,
            now,
          );
        const event = known ? "maintenanceChanged" : "maintenancePlanned";
        tell({ kind: "host", subject: host, event, detail: { host: name, reason, ...planned } });
      });
      return detail(host, name);
    }),

    listMaintenance: handle(api.listMaintenance, async ({ query }) => {
      const { items, next } = await pageOfWork(database, query);
      return { maintenance: items.map(viewOfWork), next };
    }),

    getMaintenance: handle(api.getMaintenance, async ({ params }) => {
      const { id, name } = await findHostRow(database, params.host);
      return detail(id as HostId, name); // The same.
    }),

    endMaintenance: handle(api.endMaintenance, async (request) => {
      const { id, name } = await findHostRow(database, request.params.host);
      const host = id as HostId; // The same.
      return change(
        request,
        async (sql, tell, now) => {
          // As a round does: how far it is decides what has to be taken back.
          const mine = "select from maintenance where host_id = $1 and state <> 'ended' for update";
          await sql.query(mine, [host]);
          const row = await mustFind(sql, host, name);
          const ended = await endWork(sql, row, now);
          for (const word of ended.journal) tell(word);
          if (row.state !== "planned") await setMode(sql, host, "enabled");
          const states = { from: row.state, to: "ended" };
          tell({ kind: "host", subject: host, event: "maintenance", ...states });
          return viewOfWork({ ...row, state: "ended", since: now, obstacles: [] });
        },
        [host],
      );
    }),

    getMaintenancePolicy: handle(api.getMaintenancePolicy, async ({ params }) => {
      const { id } = await findInstance(database, params.project, params.instance);
      return { policy: await readPolicy(database, id) };
    }),

    setMaintenancePolicy: handle(api.setMaintenancePolicy, (request) =>
      change(request, async (sql, tell) => {
        const { project, instance } = request.params;
        const { policy } = request.body;
        const { id } = await findInstance(sql, project, instance);
        await writePolicies(sql, [{ instance: id, policy }]);
        const event = "maintenancePolicyChanged";
        tell({ kind: "instance", subject: id, event, detail: { policy } });
        return { policy };
      }),
    ),

    listScheduledEvents: handle(api.listScheduledEvents, ({ params, query }) =>
      pageOfEvents(database, params.project, query),
    ),

    moveScheduledEvent: handle(api.moveScheduledEvent, (request) =>
      change(request, async (sql, tell, now) => {
        const { project, event } = request.params;
        const to = request.body.notBefore as Instant; // Its shape: a moment.
        const { view, instance, from } = await moveEvent(sql, project, event, to, now);
        const detail = { event, code: view.code, from, to };
        tell({ kind: "instance", subject: instance, event: "eventMoved", detail });
        return view;
      }),
    ),

    scheduleEvent: handle(api.scheduleEvent, (request) =>
      change(request, async (sql, tell, now) => {
        const { body } = request;
        const project = await findProject(sql, body.project);
        const { id: instance, name } = await findInstance(sql, project, body.instance);
        const notBefore = (body.notBefore ?? now) as Instant; // The same.
        for (const field of ["notAfter", "deadline"] as const)
          if ((body[field] ?? Number.POSITIVE_INFINITY) <= notBefore) throw timesWrong(field);
        const event = {
          ...{
            id: mintId<"Event">(),
            instance,
            maintenance: undefined,
            code: body.code,
            notBefore,
          },
          says: body.says ?? meanings[body.code].says,
          notAfter: body.notAfter as Instant | undefined, // The same.
          deadline: body.deadline as Instant | undefined, // The same.
          createdAt: now,
        };
        if (!(await insertEvent(sql, event))) throw needless(name);
        const { id, code, says } = event;
        const detail = { event: id, code, notBefore, says };
        tell({ kind: "instance", subject: instance, event: "eventScheduled", detail });
        return findEventView(sql, project, id);
      }),
    ),

    cancelScheduledEvent: handle(api.cancelScheduledEvent, (request) =>
      change(request, async (sql, tell, now) => {
        const { event } = request.params;
        const { view, ended } = await cancelEvent(sql, event, now);
        tell(endOf(ended));
        return view;
      }),
    ),

    listWindows: handle(api.listWindows, ({ params, query }) =>
      pageOfWindows(database, params.project, query),
    ),

    createWindow: handle(api.createWindow, async (request) => {
      const { params, body } = request;
      const { project } = params;
      const { name, ranges } = body;
      const refused = refuseWindow(ranges);
      if (refused) throw refused;
      const id = mintId<"EventWindow">();
      try {
        return await change(request, async (sql, tell, now) => {
          const named: Found[] = [];
          for (const one of new Set(body.instances ?? []))
            named.push(await findInstance(sql, project, one));
          const instances = body.instances && named;
          await insertWindow(sql, project, { id, name, ranges, instances, createdAt: now });
          tell({ kind: "window", subject: id, event: "created", detail: { name, ranges } });
          return findWindowView(sql, project, id);
        });
      } catch (error) {
        const broken = brokenConstraint(error);
        if (broken === "event_window_project_id_name_key") throw nameTaken(name);
        // Somebody was faster.
        if (broken?.startsWith("event_window")) throw taken("that was made just now", null);
        throw error;
      }
    }),

    deleteWindow: handle(api.deleteWindow, (request) =>
      change(request, async (sql, tell) => {
        const { project, window } = request.params;
        const view = await findWindowView(sql, project, window);
        await removeWindow(sql, view.id);
        tell({ kind: "window", subject: view.id, event: "deleted", detail: { name: view.name } });
        return view;
      }),
    ),
  };

  async function detail(host: HostId, name: string): Promise<api.MaintenanceDetail> {
    const row = await mustFind(database, host, name);
    const work = { id: row.id, maintenance: maintenanceOf(row) };
    const at = { id: host, mode: row.mode };
    const site = await readSite(database, deps, at, work, clock.now());
    return { ...viewOfWork(row), instances: await viewFates(database, site, row.id) };
  }

  /** Rejects with `maintenance_not_found`. */
  async function mustFind(sql: Sql, host: HostId, name: string): Promise<WorkRow> {
    const row = await findWork(sql, host);
    if (row) return row;
    throw problem("not_found", "maintenance_not_found", `Nothing is planned for ${name}.`, {
      fix: "See what is: holdfast maintenance list",
    });
  }
}

/** Only those of paths are looked up before a handler sees them. Rejects with `project_not_found`. */
async function findProject(sql: Sql, nameOrId: string): Promise<ProjectId> {
  const [row] = await sql.query<{ id: ProjectId }>(
    "select id from project where name = $1 or id = as_uuid($1)",
    [nameOrId],
  );
  if (row) return row.id;
  throw problem("not_found", "project_not_found", `There is no project ${nameOrId}.`, {
    fix: "See them: holdfast projects",
  });
}

interface Found {
  readonly id: InstanceId;
  readonly name: string;
}

/** Rejects with `instance_not_found`. */
async function findInstance(sql: Sql, project: ProjectId, nameOrId: string): Promise<Found> {
  const [row] = await sql.query<Found>(
    `select id, name from instance
     where project_id = $1 and ((name = $2 and not is_expunged) or id = as_uuid($2))`,
    [project, nameOrId],
  );
  if (row) return row;
  throw instanceNotFound(nameOrId);
}

const timesWrong = (field: string) =>
  problem("invalid", "event_times_wrong", "These times do not fit together.", {
    fix: "It begins, and ends or reaches its deadline after that.",
    faults: [{ field: `body.${field}`, reason: "must be after notBefore" }],
  });

const needless = (name: string) =>
  problem("conflict", "event_needless", `${name} is on no host, or has such an event already.`, {
    fix: `See what is planned: holdfast events list --instance ${name}`,
  });

const nameTaken = (name: string) =>
  problem("conflict", "name_taken", `There is an event window ${name} in this project.`, {
    fix: "Choose another name, or delete that one: holdfast events windows",
    faults: [{ field: "body.name", reason: "is taken" }],
  });
