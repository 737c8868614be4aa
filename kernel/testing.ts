/** A capability's routes, asked without a server, and ids in order. Only for tests. */
import type { AccountId, MintId, ProjectId } from "./ids.ts";
import { Problem } from "./problem.ts";
import type { Caller, Handler } from "./route.ts";

/** Valid ids, the same in each run: 1, 2, 3 … at their end. */
export function countedIds(): MintId {
  let minted = 0;
  return () => `0197a000-0000-7000-8000-${(++minted).toString(16).padStart(12, "0")}` as never; // Every kind of id is a UUID.
}

/** An owner, who may be told to stay in one project. */
const tester: Caller = {
  name: "tester",
  account: "0197a000-0000-7000-8000-000000000000" as AccountId,
  by: { kind: "key", id: "HFTESTER" },
  grants: [{ role: "owner", on: "platform" }],
  only: undefined,
};

type Paired = Readonly<Record<string, Pick<Handler, "route"> & { readonly answer: unknown }>>;
type Reply<Pair> = Pair extends { answer: (request: never) => Promise<infer R> } ? R : never;

export interface Asking<Routes> {
  /** Asks as an operator, or as a member of a project. */
  ask<N extends keyof Routes>(
    name: N,
    params: Readonly<Record<string, string>>,
    body?: unknown,
    member?: ProjectId,
    query?: Readonly<Record<string, string>>,
  ): Promise<Reply<Routes[N]>>;
  /** The problem it is refused with. Rejects if it is not, or if the route does not say so. */
  refusal(
    name: keyof Routes,
    params: Readonly<Record<string, string>>,
    body?: unknown,
    member?: ProjectId,
    query?: Readonly<Record<string, string>>,
  ): Promise<Problem>;
}

/** Bodies and replies are held to what the routes declare, as a server would. Of this project where no other is named. */
export function asking<Routes extends Paired>(routes: Routes, project: ProjectId): Asking<Routes> {
  const ask: Asking<Routes>["ask"] = async (name, params, body, member, query = {}) => {
    const { route, answer } = routes[name] as Handler;
    const request = {
      params: { project: member ?? project, ...params },
      query: route.query.parse(query),
      body: route.body.parse(body),
      caller: { ...tester, only: member },
      requestId: "req-1",
      idempotencyKey: undefined,
    };
    const reply = await answer(request as never); // Its route has parsed the body.
    return route.reply[1].parse(reply) as never; // The shape is the route's own.
  };
  return {
    ask,
    async refusal(name, ...rest) {
      const refused = await ask(name, ...rest).then(
        () => new Error(`${String(name)} was not refused`),
        (error: unknown) => error,
      );
      if (!(refused instanceof Problem)) throw refused;
      if (routes[name]?.route.fails[refused.code] !== refused.kind)
        throw new Error(`${String(name)} does not say that it fails with ${refused.code}`);
      return refused;
    },
  };
}
