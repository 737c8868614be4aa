/**
 * People who use the platform while it is being killed: each has instances of its own, asks for one random
 * thing after another, and repeats a request under the same key until it has an answer.
 *
 * Because nobody else touches its instances, a client knows at the end what each of them must be.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Random } from "@holdfast/kernel/random";
import type { Cluster } from "./cluster.ts";

export const project = "/v1/projects/default";
/** There has to be one of this name, and a range of public addresses. */
export const network = "blue";

/** One request that was answered with 202. */
export interface Accepted {
  readonly kind: string;
  readonly job: string;
  readonly instance: string;
}

export interface Owned {
  readonly id: string;
  readonly name: string;
  /** What was last wished; more than one after a cancel, which may come too late. */
  wished: readonly string[];
  lastJob: Accepted | undefined;
}

export interface Client {
  readonly owned: readonly Owned[];
  readonly accepted: readonly Accepted[];
  /** Answers that were neither 202 nor a reasoned refusal. */
  readonly strange: readonly string[];
  readonly cancelled: number;
  readonly refused: number;
  work(isOver: () => boolean): Promise<void>;
}

const wishOf: Readonly<Record<string, string>> = {
  run: "running",
  start: "running",
  stop: "stopped",
  destroy: "destroyed",
  recover: "stopped",
  expunge: "expunged",
};
const opposites: Readonly<Record<string, string>> = {
  run: "destroyed",
  start: "stopped",
  stop: "running",
  destroy: "stopped",
};
const verbs = [
  ...["start", "start", "start", "stop", "stop", "reboot", "reboot"],
  ...["destroy", "recover", "recover", "expunge", "cancel", "migrate", "migrate"],
] as const;

/** What its instances have besides a root volume, one after the other. */
const extras: readonly object[] = [
  { networks: [network] },
  { networks: [network], isPublic: true },
  { volumes: [{ sizeGiB: 1 }] },
  {},
];

export function newClient(cluster: Cluster, name: string, random: Random): Client {
  const owned: Owned[] = [];
  const accepted: Accepted[] = [];
  const strange: string[] = [];
  let requests = 0;
  let cancelled = 0;
  let refused = 0;

  return {
    owned,
    accepted,
    strange,
    get cancelled() {
      return cancelled;
    },
    get refused() {
      return refused;
    },
    async work(isOver) {
      while (!isOver()) {
        const mine = owned.filter(({ wished }) => !wished.includes("expunged"));
        if (mine.length < 3 || (mine.length < 6 && random.below(6) === 0)) await run();
        else await command(mine[random.below(mine.length)]);
        if (random.below(3) > 0) await sleep(random.below(250));
        else await waitFor(accepted.at(-1));
      }
    },
  };

  async function run(): Promise<void> {
    const number = owned.length;
    const asked = { name: `${name}-${number}`, ...(extras[number % extras.length] ?? {}) };
    const { status, body } = await request<Answered>(`${project}/instances`, asked);
    const [born] = body.instances ?? [];
    if (status !== 202 || !born) return note("run", status, body);
    const taken = { kind: "run", job: body.job, instance: born.id };
    accepted.push(taken);
    owned.push({ id: born.id, name: asked.name, wished: ["running"], lastJob: taken });
  }

  async function command(target: Owned | undefined): Promise<void> {
    if (!target) return;
    const verb = verbs[random.below(verbs.length)] ?? "start";
    if (verb === "cancel") return cancel(target);
    const force = random.below(2) === 0;
    const asked = verb === "stop" || verb === "reboot" ? { force } : {};
    const path = `${project}/instances/${target.id}/${verb}`;
    const { status, body } = await request<Answered>(path, asked);
    if (status !== 202) return note(verb, status, body);
    const taken = { kind: verb, job: body.job, instance: target.id };
    accepted.push(taken);
    const wish = wishOf[verb];
    // What was thrown away has stopped, and nothing else becomes of it.
    const isGone = verb === "stop" && target.wished.includes("destroyed");
    if (wish && !isGone) target.wished = [wish];
    target.lastJob = taken;
  }

  async function cancel(target: Owned): Promise<void> {
    const job = target.lastJob;
    if (!job) return;
    const { status, body } = await request<Answered>(`${project}/jobs/${job.job}/cancel`, {});
    if (status !== 202) return note("cancel", status, body);
    cancelled++;
    const opposite = opposites[job.kind];
    if (opposite) target.wished = [...target.wished, opposite];
  }

  function note(what: string, status: number, body: Answered): void {
    // Where to move it to, there may be nowhere.
    if (status === 409 || (what === "migrate" && noRoom.has(body.code ?? ""))) refused++;
    else strange.push(`${what}: ${status} ${JSON.stringify(body)}`);
  }

  function request<T>(path: string, body: object) {
    const headers = { "idempotency-key": `${name}-${++requests}` };
    return cluster.call<T>("POST", path, body, headers);
  }

  /** A moment at most: whoever kills does not wait either. */
  async function waitFor(job: Accepted | undefined): Promise<void> {
    if (job) await cluster.call("GET", `${project}/jobs/${job.job}?waitSeconds=1`);
  }
}

const noRoom: ReadonlySet<string> = new Set(["no_destination", "insufficient_capacity"]);

interface Answered {
  readonly code?: string;
  readonly job: string;
  readonly instances?: readonly { readonly id: string }[];
}
