/**
 * Carries out what alarms have asked for, each once, by whichever manager takes it first.
 *
 * To take an action is to push its next attempt into the future, so that a manager that dies with it in
 * its hands only delays it. An order to an instance travels under the action's own id as its idempotency
 * key: the second manager, or the second attempt, finds the job there and reboots nothing twice. A webhook
 * has no such luck; it may arrive twice, with the same delivery id.
 */
import { createHmac } from "node:crypto";
import { isKeyReused, type Worker } from "@holdfast/cloud/instances/edge";
import type { NewJob } from "@holdfast/cloud/jobs/edge";
import type { Reach, Webhooks } from "@holdfast/drivers/webhook";
import type { InstanceId, JobId, MintId, ProjectId } from "@holdfast/kernel/ids";
import { Problem, viewOf } from "@holdfast/kernel/problem";
import { type Clock, type Instant, seconds } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { type AlarmAction, retryPause } from "../core/alarm.ts";
import { hashOfAction } from "./alarms.ts";

export interface ActionDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly worker: Pick<Worker, "order">;
  readonly webhooks: Webhooks;
  readonly reach: () => Reach;
  readonly attempts: () => number;
}

interface Action {
  readonly id: string;
  readonly alarm: string;
  readonly alarmName: string;
  readonly project: ProjectId;
  readonly instance: InstanceId;
  readonly action: AlarmAction;
  readonly webhookUrl: string | null;
  readonly webhookSecret: string | null;
  readonly body: unknown;
  readonly attempts: number;
  readonly createdAt: Instant;
}

/** How long a manager that has taken an action may be silent before another one tries. */
const claim = seconds(60);
const atOnce = 20;

/** Carries out whatever is due. Resolves with how many it took. */
export async function carryOut(deps: ActionDeps): Promise<number> {
  const { database, clock } = deps;
  const now = clock.now();
  const taken = await database.query<Action>(
    `update alarm_action set attempts = attempts + 1, due_at = $2 where id in (
       select id from alarm_action where state = 'pending' and due_at <= $1
       order by due_at limit $3 for update skip locked)
     returning id, alarm_id as alarm, alarm_name as "alarmName", project_id as project,
       instance_id as instance, action, webhook_url as "webhookUrl", webhook_secret as "webhookSecret",
       body, attempts, created_at as "createdAt"`,
    [new Date(now), new Date(now + claim), atOnce],
  );
  await Promise.all(taken.map((action) => one(deps, action)));
  return taken.length;
}

async function one(deps: ActionDeps, action: Action): Promise<void> {
  try {
    if (action.action === "notify") await notify(deps, action);
    else await order(deps, action, action.action);
    await finish(deps, action, "done");
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const isWorthIt = error.kind === "unavailable" && action.attempts < deps.attempts();
    if (isWorthIt) await postpone(deps, action);
    else await finish(deps, action, "failed", error);
  }
}

/** Polite ones: what a guest can still save it may save; the platform forces it when its grace is over. */
const verbs = { recover: "relaunch", reboot: "reboot", stop: "stop" } as const satisfies Readonly<
  Record<Exclude<AlarmAction, "notify">, string>
>;

async function order(
  { worker, mintId }: ActionDeps,
  { id, alarmName, project, instance, createdAt }: Action,
  action: keyof typeof verbs,
): Promise<void> {
  const verb = verbs[action];
  const requestId = `alarm-${id}`;
  const actor = `alarm ${alarmName}`;
  const job: NewJob = {
    id: mintId<"Job">(),
    project,
    kind: verb,
    targets: [instance],
    actor,
    requestId,
    idempotency: { key: `alarm/${id}`, hash: hashOfAction(id) },
    createdAt,
  };
  const given = { verb, force: false, job: { id: job.id as JobId, kind: verb }, requestId };
  await worker.order({ instance, order: given, job, actor }).catch((error: unknown) => {
    if (!isKeyReused(error)) throw error; // It is under way already.
  });
}

async function notify(
  { webhooks, reach, clock }: ActionDeps,
  { id, webhookUrl, webhookSecret, body }: Action,
): Promise<void> {
  const text = JSON.stringify({ id, ...(body as object) }); // Written by alarms.ts, always an object.
  const at = clock.now();
  await webhooks.post({
    url: webhookUrl ?? "",
    body: text,
    reach: reach(),
    headers: {
      "holdfast-delivery": id,
      "holdfast-signature": signature(webhookSecret ?? "", at, text),
    },
  });
}

/**
 * `t=<milliseconds>,v1=<hex>`: HMAC-SHA256 under the alarm's secret of the time, a dot and the body. The time
 * is under the signature, so that whoever records a message cannot send it again much later.
 */
export function signature(secret: string, at: Instant, body: string): string {
  return `t=${at},v1=${createHmac("sha256", secret).update(`${at}.${body}`).digest("hex")}`;
}

async function postpone({ database, clock }: ActionDeps, { id, attempts }: Action): Promise<void> {
  await database.query("update alarm_action set due_at = $2 where id = $1 and state = 'pending'", [
    id,
    new Date(clock.now() + retryPause(attempts)),
  ]);
}

async function finish(
  { database, clock }: ActionDeps,
  { id, alarm, alarmName, action, instance, attempts }: Action,
  state: "done" | "failed",
  problem?: Problem,
): Promise<void> {
  const at = clock.now();
  await database.transaction(async (sql) => {
    const [row] = await sql.query(
      "update alarm_action set state = $2, finished_at = $3 where id = $1 and state = 'pending' returning id",
      [id, state, new Date(at)],
    );
    if (!row) return; // Somebody else was faster.
    const event = state === "done" ? "acted" : "actionFailed";
    const [subject] = await sql.query<{ name: string }>("select name from instance where id = $1", [
      instance,
    ]);
    const detail = {
      alarm: alarmName,
      action,
      instance: subject?.name ?? instance, // By name, as in every other row of it.
      attempts,
      ...(problem ? { says: problem.message, problem: viewOf(problem) } : {}),
    };
    await appendJournal(sql, [
      { at, kind: "alarm", subject: alarm, event, actor: "holdfast", detail },
    ]);
  });
}
