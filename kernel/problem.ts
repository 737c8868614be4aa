/**
 * Everything that can go wrong, by what the caller can do about it.
 *
 * `kind` is closed and small, because code branches on it. `code` is open and stable, because
 * people search for it: each has a page in docs/problems/. The message is for the caller and leaks
 * nothing; what we know besides goes into `cause`, and only into our logs.
 */
export const kinds = {
  invalid: { status: 400, retry: false }, // Fix the request.
  unauthenticated: { status: 401, retry: false }, // Log in.
  forbidden: { status: 403, retry: false }, // Ask an owner.
  not_found: { status: 404, retry: false }, // It is gone, or it is not yours to see.
  conflict: { status: 409, retry: false }, // Look again, then decide again.
  exhausted: { status: 507, retry: false }, // Free some, or add a host.
  limited: { status: 429, retry: true }, // Too much at once. Slow down.
  unavailable: { status: 503, retry: true }, // Wait. We are already trying.
  bug: { status: 500, retry: false }, // Ours. It carries an incident id.
} as const;

export type Kind = keyof typeof kinds;

/** One thing that is wrong with one field of a request. */
export interface Fault {
  /** Where, as a path: `body.memoryMiB`. */
  readonly field: string;
  readonly reason: string;
}

/** What a Problem may say besides its message. All of it is for the caller to see. */
export interface Details {
  /** What to do or type next. */
  readonly fix?: string;
  readonly faults?: readonly Fault[];
  /** How long to wait before trying the same again, where waiting helps. Seconds. */
  readonly retryAfterSeconds?: number;
  /** Facts for programs, for example the verdict of each host in a refused placement. */
  readonly facts?: Readonly<Record<string, unknown>>;
}

export class Problem extends Error {
  override readonly name = "Problem";
  readonly kind: Kind;
  readonly code: string;
  readonly details: Details;

  constructor(kind: Kind, code: string, message: string, details: Details, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
    this.code = code;
    this.details = details;
  }
}

export const problem = (
  kind: Kind,
  code: string,
  message: string,
  details: Details = {},
  cause?: unknown,
) => new Problem(kind, code, message, details, { cause });

/** A Problem as it travels: the body of every API error, and the refusal inside a job. */
export interface ProblemView extends Details {
  readonly kind: Kind;
  readonly code: string;
  readonly message: string;
}

export const viewOf = ({ kind, code, message, details }: Problem): ProblemView => ({
  kind,
  code,
  message,
  ...details,
});
