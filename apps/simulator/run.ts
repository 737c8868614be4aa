/**
 * One run of a simulated cloud: it comes up, its plan happens to it, everything is mended and must come to rest, and
 * in the end all is expunged and nothing may be left.
 *
 * It ends at the first thing that must never be.
 */

import { newFaults } from "./faults.ts";
import { isWatched, leftovers, newVigil, newWatch, unrest } from "./invariants.ts";
import { type Deed, drawPlan, type Item, type KindOfFault } from "./plan.ts";
import type { Databases } from "./server.ts";
import { type Line, newStory } from "./story.ts";
import { after, live, sleepFor, turnsTaken, worldTime } from "./time.ts";
import { real } from "./timers.ts";
import { newUsers, type Users } from "./users.ts";
import { openWorld, type World } from "./world.ts";

export interface RunOptions {
  readonly seed: number;
  readonly hosts: number;
  readonly instances: number;
  readonly managers: number;
  readonly faults: readonly KindOfFault[];
  /** Milliseconds in which the plan happens. */
  readonly length: number;
  readonly faultEvery: number;
  readonly wishEvery: number;
  /** Instead of what the seed would draw. */
  readonly plan?: readonly Item[];
  readonly doubts?: boolean;
  readonly settings?: Readonly<Record<string, number | string>>;
  /** How long it may take until all is calm, once nothing is broken any more; milliseconds. */
  readonly restWithin?: number;
  /** Looks as well, after every commit that may have broken something. Resolves with what is broken, in words. */
  readonly monitor?: (world: World) => Promise<readonly string[]>;
  /** What somebody wants to know who looks for what broke. */
  readonly autopsy?: (world: World) => Promise<void>;
}

export interface Outcome {
  readonly options: RunOptions;
  readonly plan: readonly Item[];
  readonly violations: readonly string[];
  readonly lines: readonly Line[];
  /** Of everything that happened. The same seed has the same. */
  readonly fingerprint: string;
  readonly faults: ReadonlyMap<Deed, number>;
  readonly users: Users["counts"];
  readonly launches: number;
  readonly deaths: ReadonlyMap<string, number>;
  /** From a death to the guest being up again; milliseconds, ascending. */
  readonly recoveries: readonly number[];
  readonly turns: number;
  readonly statements: number;
  readonly blocked: number;
  readonly deadlocks: number;
  /** Milliseconds of the world, and real ones. */
  readonly worldTime: number;
  readonly realTime: number;
  /** What PostgreSQL has used; milliseconds of a processor. */
  readonly databaseTime: number;
}

/** Longer than any deadline that something waits for where nothing is broken. */
const usualRest = 600_000;
const sweepEvery = 500;

export async function run(
  options: RunOptions,
  databases: Databases,
  onLine?: (line: Line) => void,
): Promise<Outcome> {
  const began = real.now();
  const plan = options.plan ?? drawPlan(options);
  const { restWithin = usualRest } = options;
  const story = newStory(onLine);
  let isChanged = false;
  const world = await openWorld(options, databases, story, (tables) => {
    isChanged ||= isWatched(tables);
  });
  const users = newUsers(world);
  const faults = newFaults(world, users);
  const vigil = newVigil(world);
  const watch = newWatch(world, vigil.since);
  story.couldAct = vigil.couldAct;
  let isDone = false;
  let failure: unknown;
  let databaseTime = 0;
  const uncaught = (error: unknown) =>
    story.accuse(`nobody catches ${error instanceof Error ? error.stack : error}`);
  process.on("unhandledRejection", uncaught);
  let figures: Figures = { deaths: new Map(), recoveries: [] };
  try {
    const ended = tell().catch((error: unknown) => {
      failure = error;
    });
    void ended.then(() => {
      isDone = true;
    });
    await live(
      () => isDone || story.violations.length > 0,
      async () => {
        if (!isChanged) return;
        isChanged = false;
        await watch();
        for (const what of (await options.monitor?.(world)) ?? []) story.accuse(what);
      },
      uncaught,
    );
    if (failure) throw failure;
    if (story.violations.length === 0) await watch(true);
    figures = await readFigures(world);
    if (story.violations.length > 0) await options.autopsy?.(world);
    databaseTime = world.backends.processorTime();
  } finally {
    process.off("unhandledRejection", uncaught);
    await world.close();
  }
  const { counts } = world.backends;
  return {
    ...{ options, plan, ...figures },
    violations: story.violations,
    lines: story.lines,
    fingerprint: story.fingerprint(),
    faults: faults.counts,
    users: users.counts,
    launches: world.judge.machines.length,
    turns: turnsTaken(),
    ...counts,
    worldTime: worldTime(),
    realTime: real.now() - began,
    databaseTime,
  };

  async function tell(): Promise<void> {
    sweep();
    for (const item of plan) after(item.at, () => faults.strike(item));
    await sleepFor(options.length);
    story.tell("world", "everything is mended");
    await faults.mend();
    await endMaintenance();
    await calm("it does not come to rest", restWithin, () => unrest(world.sql));
    story.tell("world", "all is calm; everything is expunged");
    await watch(true);
    await clear();
    await calm("something is left", restWithin, () => leftovers(world));
    story.tell("world", "nothing is left");
  }

  /** Also what was begun by a request that has waited until now. */
  async function endMaintenance(): Promise<void> {
    while (users.waiting() > 0) await sleepFor(100);
    const hosts = await world.sql.query<{ name: string }>(
      `select distinct h.name from maintenance m join host h on h.id = m.host_id
       where m.state <> 'ended' order by 1`,
    );
    for (const { name } of hosts)
      await users.ask({ method: "DELETE", path: `/v1/hosts/${name}/maintenance` });
  }

  function sweep(): void {
    world.judge.sweep();
    vigil.look();
    after(sweepEvery, sweep);
  }

  async function calm(
    what: string,
    within: number,
    look: () => Promise<readonly string[]>,
  ): Promise<void> {
    const end = worldTime() + within;
    for (;;) {
      const wrong = await look();
      if (wrong.length === 0 && users.waiting() === 0) return;
      if (worldTime() > end) return story.accuse(`${what}: ${wrong.slice(0, 5).join("; ")}`);
      await sleepFor(1_000);
    }
  }

  /** All at once, as somebody would who has had enough: one after the other was a third of what a run asked of PostgreSQL. */
  async function clear(): Promise<void> {
    const at = "/v1/projects/default";
    const post = (path: string) => users.ask({ method: "POST", path: at + path, body: {} });
    const remove = (path: string) => users.ask({ method: "DELETE", path: at + path });
    const alive =
      "select name from instance where state not in ('destroyed', 'expunging', 'expunged') order by id";
    await all(await find(alive), (name) => post(`/instances/${name}/destroy`));
    await calm("it is not destroyed", restWithin, () => find(alive));
    const snapshots = await find("select id::text as name from snapshot order by id");
    await all(snapshots, (id) => remove(`/snapshots/${id}`));
    const destroyed = "select id::text as name from instance where state = 'destroyed' order by id";
    await all(await find(destroyed), (id) => post(`/instances/${id}/expunge`));
    const volumes = await find(
      `select v.id::text as name from volume v where v.state not in ('expunging', 'expunged')
         and v.kind = 'data' order by v.id`,
    );
    await all(volumes, async (id) => {
      await post(`/volumes/${id}/detach`);
      await remove(`/volumes/${id}`);
    });
  }

  async function find(text: string): Promise<readonly string[]> {
    return (await world.sql.query<{ name: string }>(text)).map(({ name }) => name);
  }
}

const all = (ids: readonly string[], act: (id: string) => Promise<unknown>) =>
  Promise.all(ids.map(act));

type Figures = Pick<Outcome, "deaths" | "recoveries">;

async function readFigures({ sql }: World): Promise<Figures> {
  const deaths = await sql.query<{ cause: string; count: number }>(
    "select cause, count(*)::int as count from death group by 1 order by 1",
  );
  const recoveries = await sql.query<{ took: number }>(
    `select (extract(epoch from r.at - d.at) * 1000)::float8 as took
     from journal d join lateral (select at from journal u where u.subject = d.subject and u.seq > d.seq
         and u.to_state = 'running' and u.from_state = 'starting' order by u.seq limit 1) r on true
     where d.from_state in ('running', 'lost') and d.to_state = 'stopped' and d.event in ('exitObserved', 'fenceProven')
     order by 1`,
  );
  return {
    deaths: new Map(deaths.map(({ cause, count }) => [cause, count])),
    recoveries: recoveries.map(({ took }) => took),
  };
}
