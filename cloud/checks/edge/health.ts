/**
 * Gathers what is wrong now from everybody who may know, and knows of three kinds itself: checks that have
 * failed, instances that are not where they should be, and hosts.
 *
 * A source that fails must not make the picture look better than it is: what could not be found out is
 * part of the answer. And one silent host must not be five hundred lines: what follows from it is what it
 * affects, except to a project, which may see its instances and not the host.
 */
import type { InstanceState } from "@holdfast/cloud/instances";
import type { HostId, ProjectId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { checkNames, type Limits } from "../core/model.ts";
import {
  inOrder,
  mostNames,
  nobodyElse,
  type Trouble,
  type TroubleSource,
  visible,
} from "../core/trouble.ts";
import { loadStatuses } from "./statuses.ts";

export interface NamedSource {
  /** What it knows of, for the line that says that it could not be found out. */
  readonly about: string;
  readonly find: TroubleSource;
}

interface Found {
  readonly troubles: readonly Trouble[];
  readonly unknown: readonly string[];
}

/** Of these projects, each as those see it who see nothing else; undefined: of everything. */
export async function findTroubles(
  sources: readonly NamedSource[],
  projects: readonly ProjectId[] | undefined,
  now: Instant,
): Promise<Found> {
  const whole = projects === undefined ? [undefined] : projects;
  const found: Found[] = [];
  for (const project of whole) found.push(await findIn(sources, project, now));
  return {
    troubles: inOrder(found.flatMap(({ troubles }) => troubles)),
    unknown: [...new Set(found.flatMap(({ unknown }) => unknown))],
  };
}

async function findIn(
  sources: readonly NamedSource[],
  project: ProjectId | undefined,
  now: Instant,
): Promise<Found> {
  const found = await Promise.all(
    sources.map(async ({ about, find }) => {
      try {
        return { troubles: await find({ project, now }), unknown: [] };
      } catch (error) {
        const why = error instanceof Problem ? error.message : "a bug; see the manager's log";
        return { troubles: [], unknown: [`${about}: ${why}`] };
      }
    }),
  );
  return {
    troubles: visible(
      found.flatMap(({ troubles }) => troubles),
      project,
    ),
    unknown: found.flatMap(({ unknown }) => unknown),
  };
}

/** Checks that have failed, on hosts that are up. */
export const checkTroubles =
  (database: Database, limits: () => Limits): TroubleSource =>
  async ({ project, now }) => {
    const which = { onlySuspicious: true, ...(project ? { projects: [project] } : {}) };
    const statuses = await loadStatuses(database, which, limits(), now);
    return statuses
      .filter(({ summary, subject }) => summary === "impaired" && subject.host?.state === "up")
      .flatMap(({ id, project: owner, subject, checks }) =>
        checkNames
          .filter((name) => checks[name].status === "failed")
          .map((name): Trouble => {
            const { says, fix, impairedSince, changedAt } = checks[name];
            return {
              code: "check-failed",
              severity: "degraded",
              subject: { kind: "instance", id, name: subject.name },
              project: owner,
              since: impairedSince ?? changedAt,
              says: `Its ${name} check has failed. ${says}`,
              affects: nobodyElse,
              doing: "It is looked at again every few seconds; its alarms act on it.",
              fix,
            };
          }),
      );
  };

interface InstanceRow {
  readonly id: string;
  readonly name: string;
  readonly project: ProjectId;
  readonly state: InstanceState;
  readonly step: string | null;
  readonly since: number | null;
  readonly deadline: number | null;
  readonly causeAt: number | null;
  readonly says: string | null;
  readonly fix: string | null;
  /** When it came into its state. */
  readonly movedAt: number | null;
  readonly hostName: string | null;
  readonly hostState: string | null;
  readonly createdAt: Instant;
}

/** A deadline is followed by its action within a second; this late, something does not do its work. */
const late = 10_000;

/** Instances that are lost, have failed, find no host, or wait longer than they should. */
export const instanceTroubles =
  (database: Database): TroubleSource =>
  async ({ project, now }) => {
    const rows = await database.query<InstanceRow>(
      `select i.id, i.name, i.project_id as project, i.state, i.op->>'step' as step,
         (i.op->>'since')::float as since, (i.op->>'deadline')::float as deadline,
         (i.cause->>'at')::float as "causeAt", i.cause->>'says' as says, i.cause->'problem'->>'fix' as fix,
         (select extract(epoch from max(j.at)) * 1000 from journal j
          where j.subject = i.id and j.to_state = i.state and j.from_state <> i.state)::float as "movedAt",
         h.name as "hostName", h.state as "hostState", i.created_at as "createdAt"
       from instance i left join host h on h.id = i.home
       where ($1::uuid is null or i.project_id = $1)
         and (i.state in ('lost', 'failed') or (i.op->>'deadline')::float < $2
           or i.state = 'stopped' and i.desired = 'running' and i.cause->>'class' = 'insufficient-capacity')
       order by i.id limit 10000`,
      [project ?? null, now - late],
    );
    return rows
      .filter(
        ({ state, hostState }) => project !== undefined || state !== "lost" || hostState === "up",
      )
      .map(instanceTrouble);
  };

function instanceTrouble(row: InstanceRow): Trouble {
  const { id, name, project, state, step, since, deadline, causeAt, says, hostName } = row;
  const common = {
    subject: { kind: "instance" as const, id, name },
    project,
    affects: nobodyElse,
    severity: "outage" as const,
  };
  if (state === "failed")
    return {
      ...common,
      code: "instance-failed",
      since: (causeAt ?? row.createdAt) as Instant, // Written by the platform from an Instant.
      says: says ?? "Automation has given it up.",
      doing: "Nothing more by itself: automation has spent its budget.",
      fix: `See why, mend it, then start it: holdfast why ${name}; holdfast start ${name}`,
    };
  if (state === "lost")
    return {
      ...common,
      code: "instance-lost",
      since: (since ?? row.createdAt) as Instant, // As above.
      says: `Its host${hostName ? ` ${hostName}` : ""} is silent. It may be running, or not.`,
      doing: "A proof is looked for that it cannot be running; then it is started elsewhere.",
      fix: `See what is known: holdfast show ${name}`,
    };
  if (state === "stopped")
    return {
      ...common,
      code: "instance-homeless",
      since: (row.movedAt ?? row.createdAt) as Instant, // As above.
      says: `It should run, and no host takes it. ${says ?? ""}`.trimEnd(),
      doing: "It is tried again every few seconds, for as long as it takes.",
      fix: row.fix ?? `See why: holdfast show ${name}`,
    };
  return {
    ...common,
    code: "instance-overdue",
    severity: "degraded",
    since: (deadline ?? row.createdAt) as Instant, // As above.
    says: `It is ${state}${step ? ` (${step})` : ""}, and that is overdue.`,
    doing: "A manager takes the next step as soon as it can.",
    fix: "See whether the managers are up, and their logs: holdfast hosts",
  };
}

interface HostRow {
  readonly id: HostId;
  readonly name: string;
  readonly state: "up" | "suspect" | "down";
  readonly mode: string;
  readonly concerns: string[];
  readonly concernedAt: Instant | null;
  readonly vitalConcerns: string[];
  readonly flapConcern: string | null;
  /** When its vitals, or its record of falling silent, last changed. */
  readonly notedAt: { readonly vitals: number | null; readonly flapping: number | null };
  readonly heardAt: Instant | null;
  readonly createdAt: Instant;
  readonly count: number;
  readonly names: string[] | null;
}

/** Hosts that are silent or down, and what is waited for; that have no guard, or that somebody has concerns about. */
export function hostTroubles(
  database: Database,
  /** Undefined: this manager has not heard from it. */
  hasGuard: (host: HostId) => boolean | undefined,
  /** What would prove this silent host dead next, and by when if that is known. */
  hopeFor: (host: string) => Hope | undefined,
): TroubleSource {
  /** Nobody writes down when a guard went; this manager remembers when it missed it first. */
  const missed = new Map<HostId, Instant>();
  return async ({ project, now }) => {
    if (project !== undefined) return [];
    const rows = await database.query<HostRow>(
      `select h.id, h.name, h.state, h.mode, h.concerns, h.created_at as "createdAt",
         l.renewed_at as "heardAt",
         (select max(j.at) from journal j where j.subject = h.id and j.event = 'changed'
            and j.detail ? 'concerns') as "concernedAt",
         h.vital_concerns as "vitalConcerns", h.flap_concern as "flapConcern",
         (select json_build_object(
            'vitals', extract(epoch from max(j.at) filter (where j.detail ? 'vitals')) * 1000,
            'flapping', extract(epoch from max(j.at) filter (where j.detail ? 'flapping')) * 1000)
          from journal j where j.subject = h.id and j.event = 'concernsChanged') as "notedAt",
         (select count(*)::int from instance i where i.home = h.id) as count,
         array(select i.name from instance i where i.home = h.id order by i.name limit ${mostNames}) as names
       from host h left join host_lease l on l.host_id = h.id order by h.name`,
      [],
    );
    return rows.flatMap((row) => [
      ...stateTrouble(row, hopeFor(row.name), now),
      ...concernTrouble(row),
      ...guardTrouble(row, now),
    ]);
  };

  function guardTrouble(row: HostRow, now: Instant): Trouble[] {
    if (row.state !== "up" || hasGuard(row.id) !== false) {
      missed.delete(row.id);
      return [];
    }
    const since = missed.get(row.id) ?? now;
    missed.set(row.id, since);
    return [
      {
        ...about(row),
        code: "host-unguarded",
        severity: "risk",
        since,
        says: "Its guard does not answer its agent. If this host falls silent, nothing ends its guests by themselves.",
        doing: "Its supervisor starts the guard again.",
        fix: `See its log on ${row.name}: logs/guard.log`,
      },
    ];
  }
}

const about = ({ id, name, count, names }: HostRow) => ({
  subject: { kind: "host" as const, id, name },
  project: undefined,
  affects: { count, names: names ?? [] },
});

interface Hope {
  readonly waitingFor: string;
  readonly until: Instant | undefined;
}

const waiting = ({ waitingFor, until }: Hope, now: Instant) =>
  until === undefined || until <= now
    ? waitingFor
    : `${waitingFor}; in ${Math.ceil((until - now) / 1_000)} s it is certain at the latest`;

function stateTrouble(row: HostRow, hope: Hope | undefined, now: Instant): Trouble[] {
  const { state, heardAt, createdAt, name } = row;
  if (state === "up") return [];
  const since = heardAt ?? createdAt;
  if (state === "suspect")
    return [
      {
        ...about(row),
        code: "host-suspect",
        severity: "outage",
        since,
        says: "It is not heard. What it runs may be well, and must not be started twice.",
        doing: `Its instances are started elsewhere once it is proven dead. Holdfast waits for ${hope ? waiting(hope, now) : "a proof"}.`,
        fix: `Look at it. If you know that it is off: holdfast attest ${name} --reason TEXT`,
      },
    ];
  return [
    {
      ...about(row),
      code: "host-down",
      severity: row.count > 0 ? "outage" : "risk",
      since,
      says: "It is proven that nothing runs there.",
      doing: "What it ran is started elsewhere; it is taken back when its agent is heard again.",
      fix: `Repair it, or take it out: holdfast hosts revoke ${name}`,
    },
  ];
}

/** One for each who has concerns, because each is over in its own way. */
function concernTrouble(row: HostRow): Trouble[] {
  const { name, state, concerns, concernedAt, vitalConcerns, flapConcern, notedAt } = row;
  if (state !== "up") return [];
  const common = { ...about(row), code: "host-concern", severity: "risk" } as const;
  const since = (at: number | null) => (at ?? row.createdAt) as Instant; // Written by the platform from an Instant.
  const troubles: Trouble[] = [];
  if (concerns.length > 0)
    troubles.push({
      ...common,
      since: since(concernedAt),
      says: `There are concerns about it: ${concerns.join("; ")}.`,
      doing: "New instances go elsewhere while there is room.",
      fix: `When it is over: holdfast hosts set ${name} --no-concerns`,
    });
  if (vitalConcerns.length > 0)
    troubles.push({
      ...common,
      since: since(notedAt.vitals),
      says: `Its hardware gives reason to worry: ${vitalConcerns.join("; ")}.`,
      doing: "New instances go elsewhere while there is room, until its readings are normal again.",
      fix: `Look after it. To keep all new instances away: holdfast hosts set ${name} --mode draining`,
    });
  if (flapConcern)
    troubles.push({
      ...common,
      since: since(notedAt.flapping),
      says: `It comes and goes: ${flapConcern}.`,
      doing: "New instances go elsewhere while there is room, until it has been steady.",
      fix: `Look for a bad cable or supply. When it is mended: holdfast hosts set ${name} --mode enabled`,
    });
  return troubles;
}
