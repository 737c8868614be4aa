/**
 * The shape of every controller: observe all of it, decide purely, perform idempotently.
 *
 * It works on batches of keys, so that a thousand instances cost a few queries and not a thousand.
 * A controller is told which keys to look at and never what happened to them, so there is one code
 * path for the first attempt, the retry, the restart and the missed message.
 */
export interface Controller<Key, World, Action> {
  readonly name: string;
  /** Everything `decide` may know, for each key that still exists. */
  observe(keys: readonly Key[]): Promise<ReadonlyMap<Key, World>>;
  /** Pure. An empty list means settled. */
  decide(world: World): readonly Action[];
  /** Idempotent, in groups. May fail; the next pass sees what is left. */
  perform(plan: readonly Step<World, Action>[]): Promise<void>;
}

export interface Step<World, Action> {
  readonly world: World;
  readonly actions: readonly Action[];
}

/** One pass over a batch of keys. Returns those that acted, which are worth another look soon. */
export async function reconcile<Key, World, Action>(
  controller: Controller<Key, World, Action>,
  keys: readonly Key[],
): Promise<readonly Key[]> {
  const worlds = await controller.observe(keys);
  const acted: Key[] = [];
  const plan: Step<World, Action>[] = [];
  for (const [key, world] of worlds) {
    const actions = controller.decide(world);
    if (actions.length === 0) continue;
    plan.push({ world, actions });
    acted.push(key);
  }
  if (plan.length > 0) await controller.perform(plan);
  return acted;
}
