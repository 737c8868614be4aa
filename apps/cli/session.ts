/**
 * One command being carried out: its options, its manager, and how it speaks.
 *
 * Everything that a group of commands needs is here, so that the groups themselves read like a table of
 * what is asked and what is shown. Nothing is read or connected before a command asks for it: `help`
 * and usage errors work on a machine that has nothing.
 */
import { type Client, connect, type Input } from "@holdfast/client/client";
import { type Patience, patiently } from "@holdfast/client/patience";
import { Problem, type ProblemView, viewOf } from "@holdfast/kernel/problem";
import type { Route } from "@holdfast/kernel/route";
import type { Instant } from "@holdfast/kernel/time";
import { findConnection } from "./connection.ts";
import { type Exit, exitFor, exits, together } from "./exits.ts";
import { type Noun, suggesting } from "./names.ts";
import { type Progress, progressOn } from "./progress.ts";
import { problemText } from "./text/problems.ts";
import { ansiPaint, noPaint, type Paint } from "./text/table.ts";
import type { World } from "./world.ts";

/** The options that every command takes. */
export interface Globals {
  readonly json: boolean;
  readonly project: string;
  readonly state: string;
  readonly verbose: boolean;
  readonly color: boolean;
}

// Shapes of a route, as kernel/route.ts has them; zod itself is not the command line's business.
type Shape = Route<never, never, never, never>["params"] extends never ? Parameters<Client["call"]>[0]["params"] : never;

/** A table of contents of what a command may do. */
export interface Session {
  readonly world: World;
  readonly options: Globals;
  readonly requestId: string;
  readonly paint: Paint;
  readonly progress: Progress;
  /** Waits for a manager that is away, and says so. */
  readonly patience: Patience;
  readonly exitCode: Exit;
  now(): Instant;
  client(): Promise<Client>;
  /** Calls a route; anything longer than a second is shown. */
  call<P extends Shape, Q extends Shape, B extends Shape, R extends Shape>(
    route: Route<P, Q, B, R>,
    ...input: Input<P, Q, B>
  ): ReturnType<typeof connect>["call"] extends never ? never : Promise<unknown>;
}
