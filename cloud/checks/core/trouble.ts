/**
 * What is wrong now: the lines of `holdfast health`.
 *
 * Every capability contributes its own through a `TroubleSource`, because only it knows what is being done
 * about them. An item is about one thing and says five: what, since when, whom it affects, what is being
 * done, and what a person can do. What heals by itself within seconds does not belong here.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";

/** `outage`: something does not run. `risk`: all runs, and would not survive the next fault as it should. */
export const severities = ["outage", "degraded", "risk"] as const;
export type Severity = (typeof severities)[number];

export interface Trouble {
  /** A stable word for programs: `instance-lost`, `host-suspect`, `check-failed`, … */
  readonly code: string;
  readonly severity: Severity;
  readonly subject: {
    readonly kind: "instance" | "host" | "zone" | "platform";
    readonly id: string;
    readonly name: string;
  };
  /** Whose business it is besides the operators'; undefined: nobody else's. */
  readonly project: ProjectId | undefined;
  readonly since: Instant;
  readonly says: string;
  /** Names of what suffers, besides the subject itself; at most `mostNames`, and how many there are. */
  readonly affects: { readonly count: number; readonly names: readonly string[] };
  /** What the platform is doing about it, and until when if that is known. */
  readonly doing: string;
  readonly fix: string | undefined;
}

/** Everything wrong that one capability knows of, in one project or (undefined) everywhere. */
export type TroubleSource = (scope: {
  readonly project: ProjectId | undefined;
  readonly now: Instant;
}) => Promise<readonly Trouble[]>;

/** More names than this help nobody. */
export const mostNames = 20;

export const nobodyElse: Trouble["affects"] = { count: 0, names: [] };

/** The worst first, and of those the oldest. */
export const inOrder = (troubles: readonly Trouble[]): readonly Trouble[] =>
  [...troubles].sort(
    (a, b) =>
      severities.indexOf(a.severity) - severities.indexOf(b.severity) ||
      a.since - b.since ||
      a.subject.name.localeCompare(b.subject.name),
  );

/** What the caller may see: a project its own, an operator everything. */
export const visible = (
  troubles: readonly Trouble[],
  project: ProjectId | undefined,
): readonly Trouble[] =>
  project === undefined ? troubles : troubles.filter((one) => one.project === project);
