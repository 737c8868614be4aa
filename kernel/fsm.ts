/**
 * Finite state machines as data.
 *
 * A machine is a table: state, event, next state. Being data, it can be drawn, walked exhaustively
 * by a test, and shared with the console. Being typed, an arrow to a state that does not exist is
 * a compile error, not an incident.
 *
 * A machine is total: for every pair of state and event `react` has an answer. Where the table has
 * no arrow the answer is either `ignored` (the event says what is already so) or `refused`, with the
 * states that would have accepted it. Nothing throws, nothing is "unexpected".
 */
type Table<T> = { readonly [S in keyof T]: Readonly<Record<string, keyof T & string>> };
type Rows = Readonly<Record<string, Readonly<Record<string, string>>>>;
type States<T> = keyof T & string;
type Events<T> = { [S in keyof T]: keyof T[S] & string }[keyof T];

/** What became of an event. */
export type Reaction<S extends string> =
  | { readonly to: S }
  | { readonly ignored: true }
  | { readonly refused: true; readonly accepting: readonly S[] };

/** Events that change nothing in these states, because they ask for what already is. */
export type Ignored<T> = { readonly [S in keyof T]?: readonly Events<T>[] };

export interface Machine<T> {
  readonly table: T;
  readonly states: readonly States<T>[];
  readonly events: readonly Events<T>[];
  /** Where `event` leads from `state`, or undefined where the table has no such arrow. */
  next(state: States<T>, event: Events<T>): States<T> | undefined;
  /** The same, total: what happens for any pair whatever. */
  react(state: States<T>, event: Events<T>): Reaction<States<T>>;
  /** The states that accept `event`: what a 409 reports and a disabled button explains. */
  accepting(event: Events<T>): readonly States<T>[];
}

export type StateOf<M> = M extends Machine<infer T> ? States<T> : never;
export type EventOf<M> = M extends Machine<infer T> ? Events<T> : never;

export function machine<const T extends Table<T>>(table: T, ignored: Ignored<T> = {}): Machine<T> {
  const states = Object.keys(table) as States<T>[];
  const rows: Rows = table;
  const events = [
    ...new Set(Object.values(rows).flatMap((row) => Object.keys(row))),
  ] as Events<T>[];
  const next = (state: States<T>, event: Events<T>) =>
    Object.hasOwn(table[state], event) ? table[state][event] : undefined;
  const accepting = (event: Events<T>) => states.filter((state) => next(state, event));
  const react = (state: States<T>, event: Events<T>): Reaction<States<T>> => {
    const to: States<T> | undefined = next(state, event);
    if (to !== undefined) return { to };
    return ignored[state]?.includes(event)
      ? { ignored: true }
      : { refused: true, accepting: accepting(event) };
  };
  return { table, states, events, next, react, accepting };
}

/** The same table as a Mermaid state diagram, for the docs. */
export function draw({ table }: { readonly table: Rows }): string {
  const arrows = Object.entries(table).flatMap(([from, row]) =>
    Object.entries(row).map(([event, to]) => `  ${from} --> ${to}: ${event}`),
  );
  return ["stateDiagram-v2", ...arrows].join("\n");
}

/** Every state that can be reached from `from`, itself included. */
export function reachable({ table }: { readonly table: Rows }, from: string): ReadonlySet<string> {
  const reached = new Set([from]);
  for (const state of reached) for (const to of Object.values(table[state] ?? {})) reached.add(to);
  return reached;
}
