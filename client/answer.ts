/**
 * What came back, as a value or as a Problem.
 *
 * Anything can stand at an address: a manager, a proxy whose manager is away, somebody's router. Only
 * a body that reads like ours is believed; the rest is told apart by what the caller can do about it.
 */
import { parsed } from "@holdfast/kernel/parsed";
import { type Kind, kinds, type Problem, problem } from "@holdfast/kernel/problem";
import { ProblemShape } from "@holdfast/kernel/shapes";
import type { z } from "zod";

/** An HTTP answer, from whatever spoke HTTP. */
export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly retryAfter?: string | undefined;
  /** Who was asked, for messages. */
  readonly url: string;
}

/**
 * The reply in an answer, checked against the shape that its route declares.
 *
 * It comes back as it was sent, with whatever a newer manager has added. Throws the Problem that the
 * manager reports, `manager_unreachable` for a proxy's word that it is away, `not_holdfast` for
 * anybody else, and `unexpected_reply` for a manager that speaks another version.
 */
export function replyOf<R extends z.ZodType>(shape: R, answer: Answer): z.output<R> {
  const body = parsed(answer.text);
  if (answer.status < 200 || answer.status > 299) throw problemOf(answer, body);
  if (body === undefined) throw notHoldfast(answer);
  const checked = shape.safeParse(body);
  if (checked.success) return body as z.output<R>; // Replies are plain data: what was checked is what was sent.
  throw problem(
    "bug",
    "unexpected_reply",
    `The manager at ${answer.url} replied in another shape.`,
    {
      fix: "Use the command line and the manager of the same version: `holdfast --version`, and /openapi.json of the manager.",
      faults: checked.error.issues
        .slice(0, 5)
        .map(({ path, message }) => ({ field: ["reply", ...path].join("."), reason: message })),
    },
  );
}

/** The Problem in the body of a refusal, or one that says why there is none. */
function problemOf(answer: Answer, body: unknown): Problem {
  const read = ProblemShape.safeParse(body);
  if (read.success) return problemFrom(read.data, answer);
  if ([502, 503, 504].includes(answer.status))
    return unreachable(answer.url, `A proxy answers for it with status ${answer.status}.`);
  return notHoldfast(answer);
}

/** A Problem as it travels, taken up again. Kinds that this version does not know go by their status. */
export function problemFrom(
  { kind, code, message, ...details }: z.output<typeof ProblemShape>,
  { status, retryAfter }: Pick<Answer, "status" | "retryAfter">,
): Problem {
  const known = (Object.keys(kinds) as Kind[]).find((one) => one === kind);
  const byStatus = (Object.keys(kinds) as Kind[]).find((one) => kinds[one].status === status);
  const wait = details.retryAfterSeconds ?? (retryAfter ? Number.parseFloat(retryAfter) : NaN);
  const { fix, faults, facts } = details;
  return problem(known ?? byStatus ?? "bug", code, message, {
    ...(fix !== undefined && { fix }),
    ...(faults !== undefined && { faults }),
    ...(facts !== undefined && { facts }),
    ...(Number.isFinite(wait) && { retryAfterSeconds: wait }),
  });
}

/** Nobody is there, or nobody who answers. Worth waiting for. */
export function unreachable(url: string, why: string, cause?: unknown): Problem {
  const isHere = /\/\/(localhost|127\.|\[::1\])/.test(url);
  const fix = isHere
    ? "Start it: holdfast up"
    : `Check that ${url} is its address and that it runs there: holdfast up`;
  const message = `The manager at ${url} cannot be reached. ${why}`;
  return problem("unavailable", "manager_unreachable", message, { fix }, cause);
}

function notHoldfast({ url, status }: Answer): Problem {
  const message = `Something at ${url} answered with status ${status}, but it does not speak like a manager of Holdfast.`;
  return problem("invalid", "not_holdfast", message, {
    fix: "Check HOLDFAST_URL, or the address in client.json below the state directory.",
  });
}
