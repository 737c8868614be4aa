/**
 * One world in which one operation happens and one process ends at one point of it; and what came of that.
 */
import { agentOf } from "../hosts.ts";
import { isWatched, leftovers, newVigil, newWatch } from "../invariants.ts";
import type { Databases } from "../server.ts";
import { guardOf } from "../station.ts";
import { type Line, newStory } from "../story.ts";
import { after, live, sleepFor, worldTime } from "../time.ts";
import { real } from "../timers.ts";
import { openWorld, type World } from "../world.ts";
import { census, restless, strays } from "./census.ts";
import { clear } from "./clear.ts";
import { newCrasher, type Point } from "./crasher.ts";
import type { Operation, Stage } from "./operation.ts";
import { newUser, type User } from "./user.ts";

/** How it is without a crash. */
export interface Reference {
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly points: readonly Point[];
}

export interface Trial {
  /** In words; undefined: it is broken. */
  readonly outcome: string | undefined;
  /** What is wrong. */
  readonly wrong: readonly string[];
  readonly before: readonly string[];
  readonly after: readonly string[];
  readonly points: readonly Point[];
  readonly lines: readonly Line[];
  /** Milliseconds of the world, from the act to rest; and real ones for all of it. */
  readonly settledIn: number;
  readonly took: number;
}

/** Longer than any deadline that is waited for where only one process has died. */
const longest = 1_200_000;
const lookEvery = 500;
/** What is right stays right for so long. */
const steady = 2_500;
const sweepEvery = 500;

export const asWithout = "as without";
export const asBefore = "as before";

export async function tryOne(
  operation: Operation,
  databases: Databases,
  against?: { readonly reference: Reference; readonly point: Point },
): Promise<Trial> {
  const began = real.now();
  const story = newStory();
  let isChanged = false;
  let world: World | undefined;
  const crasher = newCrasher((process) => kill(world, process), against?.point);
  world = await openWorld(
    {
      seed: 1,
      hosts: 3,
      managers: 1,
      points: crasher,
      ...(operation.settings && { settings: operation.settings }),
    },
    databases,
    story,
    (tables) => {
      isChanged ||= isWatched(tables);
    },
  );
  const here = world;
  const vigil = newVigil(here);
  const watch = newWatch(here, vigil.since);
  story.couldAct = vigil.couldAct;
  const user = newUser(here);
  const wrong: string[] = [];
  let outcome: string | undefined;
  let before: readonly string[] = [];
  let end: readonly string[] = [];
  let settledIn = 0;
  let isDone = false;
  let failure: unknown;
  const uncaught = (error: unknown) =>
    story.accuse(`nobody catches ${error instanceof Error ? error.stack : error}`);
  process.on("unhandledRejection", uncaught);
  try {
    void tell()
      .catch((error: unknown) => {
        failure = error;
      })
      .then(() => {
        isDone = true;
      });
    await live(
      () => isDone || story.violations.length > 0,
      async () => {
        if (!isChanged) return;
        isChanged = false;
        await watch();
      },
      uncaught,
    );
    if (failure) wrong.push(failure instanceof Error ? failure.message : String(failure));
    if (story.violations.length === 0 && !failure) await watch(true);
  } finally {
    process.off("unhandledRejection", uncaught);
    await here.close();
  }
  const broken = [...story.violations, ...wrong];
  return {
    outcome: broken.length === 0 ? outcome : undefined,
    ...{ wrong: broken, before, after: end, points: crasher.passed, lines: story.lines, settledIn },
    took: real.now() - began,
  };

  async function tell(): Promise<void> {
    sweep();
    const stage = stageOf(here, user);
    await operation.prepare?.(stage);
    await stage.rest();
    await sleepFor(steady);
    before = await census(here);
    user.forget();
    const actedAt = worldTime();
    crasher.arm();
    story.tell("matrix", `${operation.name} begins`);
    await operation.act(stage);
    settledIn = (await settle()) - actedAt;
    crasher.disarm();
    if (against && !crasher.hasStruck()) throw new Error("the point was never reached");
    if (outcome === undefined) return;
    story.tell("matrix", "everything is expunged");
    await clear(stage);
    await waitFor("something is left", async () => [
      ...(await leftovers(here)),
      ...(await strays(here)),
    ]);
  }

  /** Resolves with the moment in which everything had come to its end. */
  async function settle(): Promise<number> {
    const late = worldTime() + (operation.within ?? longest);
    let since: number | undefined;
    let was = "";
    for (;;) {
      const { is, why } = await judged();
      if (is === undefined || is !== was) since = undefined;
      was = is ?? "";
      if (is !== undefined) since ??= worldTime();
      if (since !== undefined && worldTime() - since >= steady) {
        outcome = is;
        return since;
      }
      if (worldTime() > late) throw new Error(why.slice(0, 6).join("; "));
      await sleepFor(lookEvery);
    }
  }

  async function judged(): Promise<{ is: string | undefined; why: readonly string[] }> {
    const busy = [...(await restless(here)), ...(await strays(here))];
    if (busy.length > 0) return { is: undefined, why: busy };
    end = await census(here);
    const seen = await Promise.all(user.told.map((told) => user.seen(told)));
    if (seen.includes(undefined)) return { is: undefined, why: ["a job has not ended"] };
    const isKept = !seen.includes("refused");
    if (!against) return isKept ? { is: asWithout, why: [] } : { is: undefined, why: told(seen) };
    const { reference } = against;
    const more = without(end, reference.after);
    const less = without(reference.after, end);
    if (more.length + less.length === 0 && isKept) return { is: asWithout, why: [] };
    if (end.join() === reference.before.join() && !isKept) return { is: asBefore, why: [] };
    const other = operation.also?.find(({ when }) => when(more, less, isKept));
    if (other) return { is: other.is, why: [] };
    const there = more.map((line) => `there is: ${line}`);
    const missing = less.map((line) => `there is not: ${line}`);
    return { is: undefined, why: [...there, ...missing, ...told(seen)] };
  }

  function told(seen: readonly unknown[]): readonly string[] {
    return user.told.map(
      ({ about, status, code }, index) => `${about}: ${status} ${code ?? ""} ${seen[index]}`,
    );
  }

  async function waitFor(what: string, look: () => Promise<readonly string[]>): Promise<void> {
    const late = worldTime() + longest;
    for (;;) {
      const left = await look();
      if (left.length === 0) return;
      if (worldTime() > late) throw new Error(`${what}: ${left.slice(0, 5).join("; ")}`);
      await sleepFor(lookEvery);
    }
  }

  function sweep(): void {
    here.judge.sweep();
    vigil.look();
    after(sweepEvery, sweep);
  }
}

/** What is in the one and not in the other; the same line may be there twice. */
function without(lines: readonly string[], others: readonly string[]): readonly string[] {
  const left = [...others];
  return lines.filter((line) => {
    const found = left.indexOf(line);
    if (found >= 0) left.splice(found, 1);
    return found < 0;
  });
}

/** What a supervisor needs to start it again. */
const pause = 500;

function kill(world: World | undefined, process: string): void {
  for (const manager of world?.managers ?? [])
    if (manager.name === process) manager.kill(pause, false);
  for (const { station } of world?.sites ?? []) {
    if (agentOf(station.name) === process) station.killAgent();
    if (guardOf(station.name) === process) station.killGuard();
  }
  world?.story.tell("matrix", `${process} is killed`);
}

function stageOf(world: World, user: User): Stage {
  const stage: Stage = {
    world,
    user,
    ask: user.ask,
    async must(method, path, body) {
      const answer = await user.ask(method, path, body);
      if (answer.status >= 300)
        throw new Error(`${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
      return answer.body as Record<string, unknown>; // Every route answers with an object.
    },
    async rest() {
      await stage.until("it rests", async () => (await restless(world)).length === 0);
    },
    async until(what, isSo) {
      const late = worldTime() + longest;
      while (!(await isSo())) {
        if (worldTime() > late)
          throw new Error(`never: ${what}: ${(await restless(world)).join("; ")}`);
        await sleepFor(lookEvery);
      }
    },
  };
  return stage;
}
