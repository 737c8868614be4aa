/**
 * What an action is given, and what it may ask for.
 *
 * An action never changes anything by itself: it asks the native API, in the name of its caller and through the same
 * gate as everybody (rights, quotas, required tags, limits, the record of who did what). It reads for itself, because a
 * page of EC2's is made of other columns than ours.
 */
import type { Limits } from "@holdfast/cloud/checks";
import type { MintId, ProjectId } from "@holdfast/kernel/ids";
import type { Caller, Permission, Route } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import type { z } from "zod";
import type { ActionName } from "../core/actions.ts";
import type { Inputs } from "../core/words.ts";
import type { Output } from "../core/xml.ts";

type Shape = z.ZodType;

/** The native API from the inside. */
export interface Gate {
  /** The project that a caller means, if it may do this there. Rejects with a Problem. */
  enter(caller: Caller, needs: Permission): Promise<ProjectId>;
  /** For a request of nobody who is known, by the address it came from. Rejects with `rate_limited`. */
  admitNobody(source: string): void;
  /** Resolves with what the route answers; rejects with its refusal. */
  ask(
    caller: Caller,
    route: Route<Shape, Shape, Shape, Shape>,
    request: {
      readonly params: unknown;
      readonly query: unknown;
      readonly body: unknown;
      readonly requestId: string;
      readonly idempotencyKey: string | undefined;
      /** Whether it may and can be asked is judged, and no more: resolves with undefined. */
      readonly isDry?: boolean;
    },
  ): Promise<unknown>;
}

export interface Ec2Deps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly mintSecret: () => string;
  /** EC2's names of types of ours, as `t3.nano=small t3.small=medium`. */
  readonly typeAliases: () => string;
  /** How status checks are judged. */
  readonly checkLimits: () => Limits;
  readonly gate: Gate;
}

/** What the route takes, but for the project, which the caller's key says. */
export interface Parts<P extends Shape, Q extends Shape, B extends Shape> {
  readonly params?: Omit<z.input<P>, "project">;
  readonly query?: z.input<Q>;
  readonly body?: z.input<B>;
  readonly idempotencyKey?: string | undefined;
}

export interface Call<Name extends ActionName = ActionName> extends Ec2Deps {
  readonly action: Name;
  readonly input: Inputs[Name];
  readonly caller: Caller;
  readonly project: ProjectId;
  /** The one that the client signed for. */
  readonly region: string;
  /** As the client wrote it, with its port: where this API is, for whoever asks. */
  readonly host: string;
  readonly requestId: string;
  native<P extends Shape, Q extends Shape, B extends Shape, R extends Shape>(
    route: Route<P, Q, B, R>,
    parts?: Parts<P, Q, B>,
  ): Promise<z.output<R>>;
}

export type Answer<Name extends ActionName> = (call: Call<Name>) => Promise<Output<Name>>;
/** Some of the actions, each with what it does. */
export type Answers = { readonly [Name in ActionName]?: Answer<Name> };

export const nativeOf =
  (gate: Gate, caller: Caller, project: ProjectId, requestId: string): Call["native"] =>
  async (route, { params, query = {}, body, idempotencyKey } = {}) => {
    const mine = route.path.includes("/:project") ? { ...params, project } : { ...params };
    const words = Object.entries(query ?? {}).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, String(value)]],
    );
    const said = Object.fromEntries(words); // As a URL would have it.
    const request = { params: mine, query: said, body, requestId, idempotencyKey };
    return gate.ask(caller, route, request) as never; // A route answers with the shape that it declares.
  };

/** Twelve digits that stand for a project wherever EC2 names an account. */
export const accountOf = (project: ProjectId) =>
  (BigInt(`0x${project.replaceAll("-", "").slice(-16)}`) % 1_000_000_000_000n)
    .toString()
    .padStart(12, "0");
