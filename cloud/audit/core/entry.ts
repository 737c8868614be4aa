/** One line of the audit log: who asked for what, from where, and what became of it. */
import type { AccountId, ProjectId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";

export interface AuditEntry {
  readonly at: Instant;
  readonly requestId: string;
  /** Which door it came in by. */
  readonly api: "native" | "ec2" | "console";
  readonly method: string;
  /** As declared, or the action; what was asked for is `path`. */
  readonly route: string;
  readonly path: string;
  readonly status: number;
  /** Of the problem, where there was one. */
  readonly code: string | undefined;
  readonly who: Who | undefined;
  readonly source: string;
  readonly project: ProjectId | undefined;
  readonly milliseconds: number;
}

export interface Who {
  readonly account: AccountId;
  readonly name: string;
  readonly by: { readonly kind: "key" | "session"; readonly id: string };
}

export type Decision = "allowed" | "refused" | "failed";

/** Said no to whoever asked, and not to what was asked. */
const refusals = new Set([
  ...["unauthenticated", "forbidden", "project_not_found", "organisation_not_found"],
  ...["rate_limited", "quota_exceeded", "tag_required", "sign_in_refused"],
]);

export function decisionOf({ status, code }: Pick<AuditEntry, "status" | "code">): Decision {
  if (status < 400) return "allowed";
  const isRefusal = status === 401 || status === 403 || status === 429;
  return isRefusal || (code !== undefined && refusals.has(code)) ? "refused" : "failed";
}
