/**
 * What the exit code of a command means. This table is the whole truth; `holdfast help exit-codes`
 * prints it, and so does the manual.
 *
 * A job that was accepted and then failed ends with 1 whatever went wrong inside it, except for want of
 * room: a script can add a host and try again, while everything else needs a person to read the cause.
 */
import type { Kind, ProblemView } from "@holdfast/kernel/problem";

export const exits = {
  ok: { code: 0, means: "It was done, or accepted where nothing waits." },
  failed: {
    code: 1,
    means: "The job or the command failed; several failed for different reasons.",
  },
  usage: {
    code: 2,
    means: "The command line was not understood. Nothing was asked of the manager.",
  },
  notFound: { code: 3, means: "There is no such instance, host, image, job, setting or route." },
  conflict: { code: 4, means: "Not in this state, or the name is taken. Look again, then decide." },
  exhausted: { code: 5, means: "No room: no host can take it, or a limit is reached." },
  unavailable: { code: 6, means: "The manager, its database or a host is away. Try again later." },
  denied: { code: 7, means: "The token is missing, not valid, or may not do this." },
  invalid: { code: 8, means: "The manager refused the input; the error names each field." },
  troubled: { code: 9, means: "`health`: something is wrong now, and it says what." },
  interrupted: { code: 130, means: "Interrupted. What was asked for goes on without you." },
} as const satisfies Readonly<Record<string, { readonly code: number; readonly means: string }>>;

export type Exit = (typeof exits)[keyof typeof exits]["code"];

const byKind: Readonly<Record<Kind, Exit>> = {
  invalid: exits.invalid.code,
  unauthenticated: exits.denied.code,
  forbidden: exits.denied.code,
  not_found: exits.notFound.code,
  conflict: exits.conflict.code,
  exhausted: exits.exhausted.code,
  limited: exits.unavailable.code,
  unavailable: exits.unavailable.code,
  bug: exits.failed.code,
};

/** For a request that was refused. */
export const exitFor = (kind: Kind): Exit => byKind[kind];

/** For a job that is over. */
export function exitOfJob(job: {
  readonly state: string;
  readonly problem: { readonly kind: string } | null;
}): Exit {
  if (job.state === "succeeded") return exits.ok.code;
  const kind: ProblemView["kind"] = "exhausted";
  return job.problem?.kind === kind ? exits.exhausted.code : exits.failed.code;
}

/** For several things at once: what they all ended with, or 1 where they differ. */
export const together = (a: Exit, b: Exit): Exit =>
  a === b || b === exits.ok.code ? a : a === exits.ok.code ? b : exits.failed.code;

/** The table, for people. */
export const exitText = () =>
  Object.values(exits)
    .map(({ code, means }) => `${String(code).padStart(5)}  ${means}`)
    .join("\n");
