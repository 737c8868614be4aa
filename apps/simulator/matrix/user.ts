/**
 * Somebody who asks until there is an answer, as `holdfast` does, and remembers what they were told.
 */
import type { JobView } from "@holdfast/cloud/jobs/api";
import type { Answer, ApiCall } from "../keep.ts";
import { sleepFor } from "../time.ts";
import type { World } from "../world.ts";

export interface Told {
  readonly about: string;
  readonly status: number;
  readonly code: string | undefined;
  /** There was no answer at first: what they are told now may be of what they had asked for then. */
  readonly wasRepeated: boolean;
  readonly job: string | undefined;
}

export interface User {
  readonly told: readonly Told[];
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  /** The same for what comes in by another door: it is tried until something comes of it. */
  visit(about: string, work: () => Promise<unknown>): Promise<unknown>;
  /** What they can see of an answer: whether it was kept. Undefined while that is not known. */
  seen(told: Told): Promise<"kept" | "refused" | undefined>;
  forget(): void;
}

export const project = "/v1/projects/default";
const patience = 2_000;
const mostTries = 200;

export function newUser({ managers }: World): User {
  let told: Told[] = [];
  let keys = 0;
  return {
    ask,
    visit,
    seen,
    get told() {
      return told;
    },
    forget() {
      told = [];
    },
  };

  async function ask(method: string, path: string, body?: unknown): Promise<Answer> {
    const key = method === "POST" ? { key: `key-${++keys}` } : {};
    const { answer, wasRepeated } = await insist({ method, path, body, ...key });
    const said = (answer.body ?? {}) as {
      readonly code?: string;
      /** Of what has been accepted, and is carried out now. */
      readonly job?: string;
      /** That of a job, if there is a total of its instances. */
      readonly id?: string;
      readonly total?: number;
    };
    const { code } = said;
    const job = typeof said.job === "string" ? said.job : said.total ? said.id : undefined;
    if (method !== "GET")
      told.push({
        ...{ about: `${method} ${path}`, status: answer.status, wasRepeated },
        ...{ code, job },
      });
    return answer;
  }

  async function insist(call: ApiCall): Promise<{ answer: Answer; wasRepeated: boolean }> {
    for (let tries = 0; tries < mostTries; tries++) {
      const manager = managers[tries % managers.length];
      const answer = await Promise.race([
        manager?.call(call).catch(() => undefined),
        sleepFor(patience),
      ]);
      if (answer && answer.status !== 503) return { answer, wasRepeated: tries > 0 };
      await sleepFor(100);
    }
    throw new Error(`nobody answers: ${call.method} ${call.path}`);
  }

  async function visit(about: string, work: () => Promise<unknown>): Promise<unknown> {
    for (let tries = 0; tries < mostTries; tries++) {
      try {
        const result = await Promise.race([work(), sleepFor(patience).then(() => silence)]);
        if (result === silence) continue;
        told.push({ about, status: 200, code: undefined, wasRepeated: tries > 0, job: undefined });
        return result;
      } catch (error) {
        const { kind, code } = error as { kind?: string; code?: string };
        if (kind !== undefined && kind !== "unavailable") {
          told.push({ about, status: 409, code, wasRepeated: tries > 0, job: undefined });
          return undefined;
        }
        await sleepFor(100);
      }
    }
    throw new Error(`nobody answers: ${about}`);
  }

  async function seen({ status, job, wasRepeated }: Told) {
    if (status >= 300)
      return wasRepeated && (status === 404 || status === 409) ? "kept" : "refused";
    if (job === undefined) return "kept";
    const { answer } = await insist({ method: "GET", path: `${project}/jobs/${job}` });
    const { state } = answer.body as JobView; // The one route that was asked.
    if (state === "running") return undefined;
    return state === "failed" ? "refused" : "kept"; // Only who has asked for it can have cancelled it.
  }
}

const silence = Symbol("silence");
