/** The answers to ../api.ts. */
import { visibleProjects } from "@holdfast/cloud/access/edge";
import type { MintId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { brokenConstraint, type Database } from "@holdfast/store/database";
import { appendJournal, readJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import type { Check, Limits } from "../core/model.ts";
import type { Trouble } from "../core/trouble.ts";
import {
  countAlarms,
  findAlarmView,
  findInstanceId,
  insertAlarm,
  pageOfAlarms,
} from "./alarm-rows.ts";
import { findTroubles, type NamedSource } from "./health.ts";
import { loadStatuses, pageOfStatuses, type Status } from "./statuses.ts";

interface Deps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  /** Unguessable text: 128 bits or more. */
  readonly mintSecret: () => string;
  readonly limits: () => Limits;
  readonly sources: readonly NamedSource[];
}

/** Each is evaluated every interval, for every instance that it watches. */
const mostAlarms = 1_000;

export function checkRoutes(deps: Deps) {
  const { database, clock, mintId, mintSecret, limits, sources } = deps;
  return {
    getStatus: handle(api.getStatus, async ({ params }) => {
      const id = await findInstanceId(database, params.project, params.instance);
      const [status] = await loadStatuses(database, { ids: [id] }, limits(), clock.now());
      if (!status) throw gone(params.instance);
      return statusView(status);
    }),

    listStatuses: handle(api.listStatuses, async ({ params, query }) => {
      const { statuses, next } = await pageOfStatuses(
        database,
        params.project,
        query,
        limits(),
        clock.now(),
      );
      return { statuses: statuses.map(statusView), next };
    }),

    getHealth: handle(api.getHealth, async ({ caller }) => {
      const projects = await visibleProjects(database, caller);
      const { troubles, unknown } = await findTroubles(sources, projects, clock.now());
      const isWell = troubles.length === 0 && unknown.length === 0;
      return { isWell, troubles: troubles.map(troubleView), unknown: [...unknown] };
    }),

    createAlarm: handle(
      api.createAlarm,
      async ({ params: { project }, body, caller, requestId }) => {
        const id = mintId<"Job">(); // Alarms have no kind of their own: nothing but their own table holds them.
        const createdAt = clock.now();
        const instance =
          body.instance === undefined
            ? null
            : await findInstanceId(database, project, body.instance);
        const secret = body.webhook === undefined ? null : (body.secret ?? mintSecret());
        const row = {
          id,
          project,
          name: body.name,
          instance,
          check: body.check,
          periods: body.periods,
          action: body.action,
          webhookUrl: body.webhook ?? null,
          webhookSecret: secret,
        };
        try {
          await database.transaction(async (sql) => {
            if ((await countAlarms(sql, project)) >= mostAlarms) throw tooMany();
            await insertAlarm(sql, { ...row, createdAt, createdBy: caller.name });
            const { secret: _, ...detail } = body; // The journal is for everybody in the project.
            const entry = { at: createdAt, kind: "alarm", subject: id, event: "created" } as const;
            await appendJournal(sql, [{ ...entry, actor: caller.name, requestId, detail }]);
          });
        } catch (error) {
          if (brokenConstraint(error) === "alarm_project_id_name_key") throw nameTaken(body.name);
          throw error;
        }
        return { ...(await findAlarmView(database, project, id)), secret };
      },
    ),

    listAlarms: handle(api.listAlarms, ({ params, query }) =>
      pageOfAlarms(database, params.project, query),
    ),

    getAlarm: handle(api.getAlarm, ({ params }) =>
      findAlarmView(database, params.project, params.alarm),
    ),

    deleteAlarm: handle(api.deleteAlarm, async ({ params, caller, requestId }) => {
      const view = await findAlarmView(database, params.project, params.alarm);
      await database.transaction(async (sql) => {
        const [row] = await sql.query("delete from alarm where id = $1 returning id", [view.id]);
        if (!row) return; // Somebody else was faster.
        const entry = { at: clock.now(), kind: "alarm", subject: view.id } as const;
        await appendJournal(sql, [
          {
            ...entry,
            event: "deleted",
            actor: caller.name,
            requestId,
            detail: { name: view.name },
          },
        ]);
      });
      return view;
    }),

    getAlarmHistory: handle(api.getAlarmHistory, async ({ params, query }) => {
      const { id } = await findAlarmView(database, params.project, params.alarm);
      const rows = await readJournal(database, id, query.after, query.limit);
      return {
        events: rows.map(({ seq, at, event, from, to, actor, detail }) => ({
          seq,
          at,
          event,
          from: from ?? null,
          to: to ?? null,
          actor,
          detail: detail ?? null,
        })),
      };
    }),
  };
}

function statusView(status: Status): api.StatusView {
  const { id, subject, checks, summary, observedAt } = status;
  return {
    instance: id,
    name: subject.name,
    state: subject.state,
    host: subject.host?.name ?? null,
    summary,
    checks: {
      system: checkView(checks.system),
      instance: checkView(checks.instance),
      volume: checkView(checks.volume),
    },
    observedAt: observedAt ?? null,
  };
}

const checkView = ({ status, impairedSince, says, fix }: Check): api.CheckView => ({
  status,
  impairedSince: impairedSince ?? null,
  says,
  fix: fix ?? null,
});

const troubleView = ({ project: _, fix, affects, ...trouble }: Trouble): api.TroubleView => ({
  ...trouble,
  affects: { count: affects.count, names: [...affects.names] },
  fix: fix ?? null,
});

const gone = (name: string) =>
  problem("not_found", "instance_not_found", `There is no instance ${name}.`, {
    fix: "See them: holdfast list",
  });

const nameTaken = (name: string) =>
  problem("conflict", "alarm_name_taken", `There is an alarm ${name} in this project.`, {
    fix: "Choose another name, or delete that one: holdfast alarms delete",
    faults: [{ field: "body.name", reason: "is taken" }],
  });

const tooMany = () =>
  problem(
    "exhausted",
    "too_many_alarms",
    `There are ${mostAlarms} alarms in this project, which is the most there can be.`,
    { fix: "Delete some. One alarm can watch all instances: leave the instance out." },
  );
