/**
 * The commands that change the life of instances. All are the same shape: each name becomes one order,
 * one that is refused does not keep the others from being given, and the exit code tells of all.
 */
import {
  destroyInstance,
  expungeInstance,
  getInstance,
  rebootInstance,
  recoverInstance,
  relaunchInstance,
  startInstance,
  stopInstance,
} from "@holdfast/cloud/instances/api";
import { ephemeralWarning } from "@holdfast/cloud/volumes";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Group } from "../group.ts";
import { patientCall, type Session } from "../session.ts";
import { type Accepted, waitForJobs } from "../wait.ts";

interface Order {
  readonly verb: string;
  readonly summary: string;
  readonly route: typeof startInstance | typeof stopInstance;
  /** Where the command can be told to skip the polite steps: the same route, and what that means. */
  readonly forced?: { readonly means: string; readonly route: typeof stopInstance };
  /** It ends the process, and with it what the ephemeral disks of the instance are made for. */
  readonly isLosing?: true;
}

const orders: readonly Order[] = [
  { verb: "start", summary: "start instances", route: startInstance },
  {
    verb: "stop",
    summary: "ask guests to shut down, and end them if they do not",
    route: stopInstance,
    forced: { means: "end them at once", route: stopInstance },
    isLosing: true,
  },
  {
    verb: "reboot",
    summary: "reboot instances on the same host",
    route: rebootInstance,
    forced: { means: "press the reset button", route: rebootInstance },
  },
  {
    verb: "relaunch",
    summary: "end instances without asking, and start them anew wherever there is room",
    route: relaunchInstance,
    isLosing: true,
  },
  {
    verb: "destroy",
    summary: "pull the plug; volumes are kept for the undo window",
    route: destroyInstance,
    isLosing: true,
  },
  { verb: "recover", summary: "take destroyed instances back", route: recoverInstance },
  {
    verb: "expunge",
    summary: "delete destroyed instances and their volumes now, for ever",
    route: expungeInstance,
  },
];

interface Options {
  readonly force?: true;
  readonly yes?: true;
  readonly wait?: true;
  readonly idempotencyKey?: string;
}

/** Enough to keep a manager's pass full, few enough to be polite. */
const atOnce = 16;

export const ordersGroup: Group = (program, open) => {
  for (const order of orders) {
    const { verb, summary, forced, route, isLosing } = order;
    const command = program
      .command(verb)
      .summary(summary)
      .description(route.summary)
      .argument("<instances...>", "their names or ids")
      .option("--wait", "wait until it is done")
      .option("--idempotency-key <key>", "the same key and the same request are carried out once");
    if (isLosing) command.option("--yes", "also if what is on ephemeral disks is lost with it");
    if (forced) command.option("--force", forced.means);
    command.action(async (instances: readonly string[], options: Options, self) => {
      const session = open(self);
      const accepted = await giveAll(session, order, [...new Set(instances)], options);
      if (options.wait) await waitForJobs(session, accepted);
    });
  }
};

async function giveAll(
  session: Session,
  order: Order,
  instances: readonly string[],
  options: Options,
): Promise<readonly Accepted[]> {
  const accepted: Accepted[] = [];
  for (let start = 0; start < instances.length; start += atOnce) {
    const group = instances.slice(start, start + atOnce);
    const replies = await Promise.allSettled(
      group.map((instance) => give(session, order, instance, options)),
    );
    for (const reply of replies) {
      if (reply.status === "rejected") refuse(session, reply.reason);
      else {
        accepted.push(reply.value);
        if (!options.wait) tell(session, order, reply.value);
      }
    }
  }
  return accepted;
}

async function give(
  session: Session,
  { route, forced, verb, isLosing }: Order,
  instance: string,
  { force, yes, wait, idempotencyKey: given }: Options,
) {
  const params = { project: session.options.project, instance };
  if (isLosing && !yes) await mustLoseNothing(session, instance, verb);
  const idempotencyKey = given ? `${given}/${instance}` : session.world.mintId();
  const ask = () =>
    force && forced
      ? session.call(forced.route, { params, body: { force }, idempotencyKey })
      : session.call(route, { params, body: {}, idempotencyKey });
  return session.named("instance", instance, wait ? patientCall(session, ask) : ask());
}

/** Rejects with `ephemeral_data_lost` if it would lose something that nobody has a copy of. */
async function mustLoseNothing(session: Session, instance: string, verb: string): Promise<void> {
  const params = { project: session.options.project, instance };
  const view = await session.named("instance", instance, session.call(getInstance, { params }));
  const count = view.disks.filter(({ kind }) => kind === "ephemeral").length;
  if (count === 0 || view.host === null) return;
  throw problem("conflict", "ephemeral_data_lost", ephemeralWarning(view.name, count), {
    fix: `Copy what is needed, then: holdfast ${verb} ${view.name} --yes`,
  });
}

function tell(session: Session, { verb }: Order, reply: Accepted): void {
  const [one] = reply.instances;
  session.show(
    reply,
    () => `${one?.name}: ${verb} asked for, it is ${one?.state} (job ${reply.job})`,
  );
}

function refuse(session: Session, error: unknown): void {
  if (!(error instanceof Problem)) throw error;
  session.report(error);
}
