/**
 * The routes of status checks, alarms, deaths and invariants for the tests of the command line: `web` is impaired and
 * died once, everything else is well.
 *
 * A fake of the answers and not of the rules; those are tested where they are.
 */
import * as checks from "@holdfast/cloud/checks/api";
import * as deaths from "@holdfast/cloud/deaths/api";
import * as invariants from "@holdfast/cloud/invariants/api";
import { problem } from "@holdfast/kernel/problem";
import { type Handler, handle } from "@holdfast/kernel/route";

const passed = { status: "passed", impairedSince: null, says: "It is well.", fix: null } as const;

export const aStatus = (moment: number): checks.StatusView => ({
  instance: "0197a000-0000-7000-8000-0000000000a1",
  name: "web",
  state: "running",
  host: "h1",
  summary: "impaired",
  checks: {
    system: passed,
    instance: {
      status: "failed",
      impairedSince: moment - 43_000,
      says: "Its kernel has \u001b[31mpanicked.",
      fix: "See its last words: holdfast log web",
    },
    volume: { ...passed, status: "insufficient-data" },
  },
  observedAt: moment - 7_000,
});

export const aTrouble = (moment: number): checks.TroubleView => ({
  code: "host-suspect",
  severity: "outage",
  subject: { kind: "host", id: "h", name: "h2" },
  since: moment - 12_000,
  says: "It is not heard.",
  affects: { count: 3, names: ["db", "web"] },
  doing: "A proof is looked for.",
  fix: null,
});

export const anAlarm = (moment: number): checks.AlarmView => ({
  id: "0197a000-0000-7000-8000-0000000000e1",
  name: "wake-up",
  instance: null,
  check: "instance",
  periods: 2,
  action: "reboot",
  webhook: null,
  state: "alarm",
  since: moment - 30_000,
  ringing: ["web"],
  createdAt: moment - 7_200_000,
  createdBy: "ann",
});

const aDeath = (moment: number): deaths.DeathView => ({
  instance: "0197a000-0000-7000-8000-0000000000a1",
  name: "web",
  project: "default",
  generation: 3,
  host: { id: "0197a000-0000-7000-8000-0000000000d1", name: "h1" },
  at: moment - 90_000,
  recordedAt: moment - 89_960,
  cause: "guest-panic",
  layer: "application",
  says: "Its kernel panicked.",
  confidence: "certain",
  evidence: [],
  sought: [],
  console: [],
  recovery: "in-place",
  fence: null,
  amended: null,
  did: [],
  next: "Read the trace: holdfast log web.",
});

export function invariantsReply(moment: number, holds: boolean) {
  const seen = { checkedAt: moment - 2_000, graceSeconds: 0, graceBecause: null };
  const writer: invariants.RuleView = {
    ...{ ...seen, name: "one-writer", about: "instance", says: "Only one may be running." },
    ...{ why: "Two that write to one disk destroy it.", subjects: 31, violations: 0 },
    ...{ roundAt: moment - 180_000, roundOf: 500 },
  };
  const capacity: invariants.RuleView = {
    ...{ ...seen, name: "capacity-adds-up", about: "host", says: "What is taken is needed." },
    ...{ why: "Room leaks.", subjects: 4, violations: holds ? 0 : 1, roundAt: null, roundOf: null },
  };
  const violation: invariants.ViolationView = {
    ...{ rule: "capacity-adds-up", about: "host", name: "h1", since: moment - 40_000 },
    subject: "0197a000-0000-7000-8000-0000000000d1",
    ...{ says: "5 processors are taken, and 4 are needed", rows: { reservedCpus: 5 } },
  };
  return {
    ...{ holds, checkedAt: moment - 2_000, manager: "m1", broken: holds ? 0 : 1 },
    ...{ rules: [writer, capacity], violations: holds ? [] : [violation] },
  };
}

export function troubleHandlers(moment: number, isWell: () => boolean): readonly Handler[] {
  const [status, alarm, death] = [aStatus(moment), anAlarm(moment), aDeath(moment)];
  const ofInstance = (name: string) => {
    if (name !== "web") throw noInstance(name);
    return death;
  };
  return [
    handle(checks.getStatus, async ({ params }) => {
      if (params.instance !== "web") throw noInstance(params.instance);
      return status;
    }),
    handle(checks.listStatuses, async ({ query }) => ({
      statuses: query.summary === undefined || query.summary === status.summary ? [status] : [],
      next: null,
    })),
    handle(checks.getHealth, async () => ({
      isWell: isWell(),
      troubles: isWell() ? [] : [aTrouble(moment)],
      unknown: [],
    })),
    handle(invariants.getInvariants, async () => invariantsReply(moment, isWell())),
    handle(checks.listAlarms, async ({ params }) => ({
      alarms: params.project === "default" ? [alarm] : [],
      next: null,
    })),
    handle(checks.createAlarm, async ({ body }) => {
      const { name, instance = null, check, periods, action, webhook = null } = body;
      if (instance !== null && instance !== "web") throw noInstance(instance);
      const made = { ...alarm, name, instance, check, periods, action, webhook };
      return { ...made, secret: webhook && (body.secret ?? "made-up") };
    }),
    handle(checks.getAlarm, async ({ params }) => ({ ...alarm, name: params.alarm })),
    handle(checks.deleteAlarm, async ({ params }) => ({ ...alarm, name: params.alarm })),
    handle(checks.getAlarmHistory, async () => ({
      events: [
        {
          ...{ seq: 1, at: moment, event: "rang", from: "ok", to: "alarm", actor: "holdfast" },
          detail: { alarm: "wake-up", instance: "web", check: "instance", says: "It hangs." },
        },
      ],
    })),
    handle(deaths.getDeath, async ({ params }) => {
      const { instance, name, generation, says } = ofInstance(params.instance);
      const about = { instance, name, generation, says, state: "running", desired: "running" };
      return { ...about, order: null, death };
    }),
    handle(deaths.listDeaths, async ({ params, query }) => {
      const one = ofInstance(params.instance);
      const older = { ...one, generation: 2, cause: "guest-hang", at: moment - 86_400_000 };
      return { deaths: [one, older].slice(0, query.limit), next: null };
    }),
    handle(deaths.listFleetDeaths, async ({ query: { cause, since = 0 } }) => ({
      deaths: death.at >= since && (cause ?? death.cause) === death.cause ? [death] : [],
      next: null,
    })),
  ];
}

const noInstance = (name: string) =>
  problem("not_found", "instance_not_found", `There is no instance ${name}.`, {
    fix: "See them: holdfast list",
  });
