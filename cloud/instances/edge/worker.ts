/**
 * The one loop of a manager that carries out passes.
 *
 * One pass at a time: while it runs, whatever arrives is collected and goes into the next, so that the
 * busier it gets the larger the batches are and the less each costs. Projects take turns, and who asks for a few beside
 * a pass with hundreds goes by a side door: written down at once, and given a host with the next pass. Many managers may
 * run this loop on one database; rows are locked by whoever has them in hand.
 *
 * A pass that fails is taken apart and each item tried alone, so that one that cannot be carried out
 * holds up nobody else.
 */
import type { Placer } from "@holdfast/cloud/placement/edge";
import type { InstanceId, JobId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import {
  after,
  type Duration,
  earlier,
  type Instant,
  milliseconds,
  seconds,
} from "@holdfast/kernel/time";
import type { Birth } from "./births.ts";
import { findDue, nextDue } from "./due.ts";
import { fairQueue } from "./fair-queue.ts";
import { type Done, type PassDeps, pass } from "./pass.ts";
import type { Asked, HostReport, Work } from "./work.ts";

export interface Worker {
  /** New instances. Resolves when they are in the database; rejects if they could not be. */
  give(births: readonly Birth[]): Promise<void>;
  /**
   * So many new instances are being prepared, and may be given in a moment: a pass that is about to begin with others waits
   * that long for them, once. To be called back when they are given, or when it turns out that they will not be.
   */
  expect(count: number): () => void;
  /** A person's command. Resolves when it is written down; rejects with the refusal. */
  order(asked: Asked): Promise<void>;
  /** What a host says. Resolves when it is recorded, with those that say something of disks that is not known yet. */
  report(machines: readonly HostReport[], volumes: Work["volumes"]): Promise<readonly HostReport[]>;
  /** Something about these has changed. */
  look(ids: readonly InstanceId[]): void;
  /** Look for whatever is due now. */
  wake(): void;
  close(): Promise<void>;
}

export interface WorkerDeps extends PassDeps {
  /** After each commit. */
  readonly onDone: (done: Done) => void;
  readonly onError: (error: unknown, about: string) => void;
  readonly limits: () => { readonly batch: number; readonly resync: Duration };
}

/** Whoever waits for an item, told once. */
interface Waiting<T, Answer = void> {
  readonly item: T;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}
type Reports = {
  readonly machines: readonly HostReport[];
  readonly volumes: Work["volumes"];
};

/** What a pass was given, with those who wait for it. */
interface Taken {
  readonly births: readonly Waiting<readonly Birth[]>[];
  readonly orders: readonly Waiting<Asked>[];
  readonly reports: readonly Waiting<Reports, readonly HostReport[]>[];
  readonly looks: readonly InstanceId[];
  readonly due: number;
}

/** One thing of it. */
interface Part {
  readonly work: Partial<Work>;
  readonly done: (done: Done) => void;
  readonly failed: (error: unknown) => void;
}

/** How long to leave alone what could not be carried out, or a database that does not answer. */
const pause = seconds(1);
/** However much else there is to do, what is due is taken at least so often: nobody else asks for it while this is busy. */
const dueEvery = seconds(1);
/** Fewer than this right after a pass: more are on their way. */
const trickle = 100;
const moment = milliseconds(3);
/** After the last pass of many nobody asks for so long when anybody will be due; where they do not cease, after so many lulls. */
const lull = milliseconds(30);
const lullsPutOff = 4;
/** A pass with so much to do takes longer than somebody should wait who asks for no more than a few. */
const long = 200;
const few = 16;
/** A pass with births that begins without those who are nearly there costs as much as one with them: worth so long a wait. */
const worthwhile = milliseconds(10);
/**
 * Where more is due than a pass takes, the next takes twice as much, up to so many times the batch: guests of a rack that
 * died are told in fewer messages to each host then. Births and orders have somebody who waits: they keep to the batch, and
 * so does all that is in a pass with them. Reports do as well: a host has said all of its own in one already.
 */
const largest = 4;
/** Nor are they more than this, unless a batch is: others wait for the rows that a pass holds, and it is begun anew if one is taken. */
const mostDue = 2_000;

/** How many of those that are due a pass takes that holds nothing else, after so much growth. */
export const dueAtOnce = (batch: number, growth: number) =>
  Math.min(batch * growth, Math.max(batch, mostDue));

export function startWorker(deps: WorkerDeps): Worker {
  const births = fairQueue<Waiting<readonly Birth[]>>(
    ({ item: [first] }) => first?.seed.project ?? "",
    ({ item }) => item.length,
  );
  const orders = fairQueue<Waiting<Asked>>(
    ({ item }) => item.job.project,
    () => 1,
  );
  const reports: Waiting<Reports, readonly HostReport[]>[] = [];
  const looks = new Set<InstanceId>();
  /** Those that are being prepared and that no pass has waited for. */
  const expected = new Set<Promise<void>>();
  let isDueWanted = true;
  /** How many batches of what is due a pass takes. */
  let growth = 1;
  /** When it was last known that nobody is due who was not taken. */
  let dueKnownAt: Instant | undefined;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  /** Nobody is due before. Not known from when somebody is taken who is due until that has been asked again. */
  let nextAt: Instant | undefined;
  let running: Promise<void> | undefined;
  /** Under way, with the earliest moment that was written since: it may not be in the answer. */
  let question: { soonest: Instant | undefined } | undefined;
  let asking: Promise<void> | undefined;
  /** How often that has been put off for those who came within the lull. */
  let putOff = 0;
  /** Whose births the pass has that is under way, if that is a long one. */
  let crowd: ReadonlySet<string> | undefined;
  let slipping: Promise<void> | undefined;

  return {
    give(item) {
      const given = later<readonly Birth[]>((waiting) => births.push(waiting), item);
      if (item.length <= few) slip();
      return given;
    },
    expect(count) {
      if (count > few) return () => {}; // They cost as much as a pass of their own, and take longer to prepare.
      let called = () => {};
      const arrival = new Promise<void>((resolve) => {
        called = resolve;
      });
      expected.add(arrival);
      return () => {
        expected.delete(arrival);
        called();
      };
    },
    order: (item) => later((waiting) => orders.push(waiting), item),
    report: (machines, volumes) => later((waiting) => reports.push(waiting), { machines, volumes }),
    look(ids) {
      for (const id of ids) looks.add(id);
      if (ids.length > 0) kick();
    },
    wake,
    async close() {
      isOpen = false;
      clearTimeout(timer);
      await slipping;
      await running;
      await asking;
    },
  };

  function later<T, Answer = void>(
    push: (waiting: Waiting<T, Answer>) => void,
    item: T,
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      push({ item, resolve, reject });
      kick();
    });
  }

  function kick(): void {
    if (!isOpen || running) return;
    clearTimeout(timer);
    const now = deps.now();
    if (nextAt !== undefined && now < nextAt) dueKnownAt = now;
    running = drain().finally(() => {
      running = undefined;
      if (hasWork()) kick();
    });
  }

  function hasWork(): boolean {
    return births.length + orders.length + reports.length + looks.size > 0 || isDueWanted;
  }

  /** Long ago is so either way: after a jump of the clock too. */
  function isTimeForDue(): boolean {
    const now = deps.now();
    if (nextAt !== undefined && now >= nextAt) return true;
    return dueKnownAt === undefined || Math.abs(now - dueKnownAt) >= dueEvery;
  }

  function isTrickle(): boolean {
    const waiting = births.length + orders.length + reports.length;
    return waiting > 0 && waiting < trickle;
  }

  async function drain(): Promise<void> {
    while (isOpen && hasWork()) {
      await arrivals();
      if (!isOpen) return;
      await turn();
      // What comes one behind the other is worth a moment: a pass costs the same for one as for many.
      if (isOpen && isTrickle()) await sleep(moment);
    }
    if (!isOpen || question) return;
    // What has just been begun on a host comes before that, and often there is another pass by then.
    if (++putOff > lullsPutOff) ask();
    else timer = setTimeout(ask, lull);
  }

  /** Lets everything that is arriving at this moment into the same pass, and with a birth those that are nearly there. */
  async function arrivals(): Promise<void> {
    if (births.length > 0 && expected.size > 0 && !isLongAhead()) {
      const nearlyThere = Promise.all(expected);
      expected.clear(); // Nobody is waited for again who is not there by then.
      await Promise.race([nearlyThere, sleep(worthwhile)]);
    }
    await new Promise((resolve) => setImmediate(resolve));
  }

  /** Whoever asks for a few would have to sit through it, and goes by the side door sooner. */
  function isLongAhead(): boolean {
    return amountOf(births.size, orders.length, reports, looks.size) >= long;
  }

  async function turn(): Promise<void> {
    const { batch } = deps.limits();
    const asked = { births: births.take(batch), orders: orders.take(batch) };
    const most = asked.births.length + asked.orders.length === 0 ? dueAtOnce(batch, growth) : batch;
    const mine = {
      ...asked,
      reports: reports.splice(0, reportsFor(reports, batch)),
      looks: [...looks].slice(0, batch),
      due: isDueWanted || isTimeForDue() ? most : 0,
    };
    for (const id of mine.looks) looks.delete(id);
    isDueWanted = false;
    if (mine.due > 0) {
      dueKnownAt = deps.now();
      nextAt = undefined;
      question = undefined;
    }
    const told = mine.reports.flatMap(({ item }) => item.machines);
    const born = mine.births.flatMap(({ item }) => item);
    const amount = amountOf(born.length, mine.orders.length, mine.reports, mine.looks.length);
    if (amount >= long || most > batch) crowd = new Set(born.map(({ seed }) => seed.project));
    slip();
    try {
      const done = await once({
        births: born,
        orders: mine.orders.map(({ item }) => item),
        reports: told,
        volumes: mine.reports.flatMap(({ item }) => item.volumes),
        looks: mine.looks,
        due: mine.due,
      });
      growth = done.due === most ? Math.min(growth * 2, largest) : 1;
      for (const waiting of mine.births) answerBirth(waiting, done);
      for (const waiting of mine.reports) heed(waiting, done);
      for (const waiting of mine.orders) answer(waiting, done);
    } catch (error) {
      growth = 1;
      await apart(mine, error);
    } finally {
      crowd = undefined;
    }
  }

  /** Beside the pass that is under way, with nothing that it may hold: the rows of hosts are its own until it is over. */
  function slip(): void {
    if (!crowd || slipping || !isOpen) return;
    slipping = slipThrough().finally(() => {
      slipping = undefined;
      if (hasWork()) kick();
    });
  }

  async function slipThrough(): Promise<void> {
    for (;;) {
      await new Promise((resolve) => setImmediate(resolve));
      const mine = crowd && isOpen ? births.takeFew(crowd, few) : [];
      if (mine.length === 0) return;
      try {
        const births = mine.flatMap(({ item }) => item);
        const done = await once({ ...nothing, births }, placedLater);
        for (const waiting of mine) answerBirth(waiting, done);
      } catch (error) {
        if (mine.length === 1) mine[0]?.reject(error);
        else for (const waiting of mine) births.push(waiting); // Whose fault it is shows in a pass of all.
        if (mine.length > 1) return;
      }
    }
  }

  async function once(work: Work, placer = deps.placer): Promise<Done> {
    const done = await pass({ ...deps, placer }, work);
    deps.onDone(done);
    for (const id of done.again) looks.add(id);
    if (work.due > 0 && done.due === work.due) isDueWanted = true;
    if (nextAt !== undefined) nextAt = earlier(nextAt, done.nextLook);
    if (question) question.soonest = earlier(question.soonest, done.nextLook);
    return done;
  }

  /** What fails alone has nobody to blame but itself. */
  async function apart(mine: Taken, error: unknown): Promise<void> {
    const parts = partsOf(mine);
    if (isAway(error)) {
      for (const { failed } of parts) failed(error);
      await sleep(pause);
      isDueWanted = true;
      return;
    }
    if (parts.length === 0) {
      // Only due instances, and one of them spoils it.
      deps.onError(error, "instances that are due");
      await dueByHalves(mine.due);
      return;
    }
    await together(parts);
    if (mine.due > 0) isDueWanted = true;
  }

  /**
   * Halved until what spoils it is alone: one of five hundred is found in twenty passes, and meanwhile nothing else is
   * looked at.
   */
  async function together(parts: readonly Part[]): Promise<void> {
    try {
      const done = await once(workOf(parts));
      for (const part of parts) part.done(done);
    } catch (error) {
      if (parts.length === 1 || isAway(error)) for (const { failed } of parts) failed(error);
      else {
        const middle = parts.length >> 1;
        await together(parts.slice(0, middle));
        await together(parts.slice(middle));
      }
    }
  }

  function lookPart(id: InstanceId): Part {
    const failed = (error: unknown) =>
      isAway(error) ? void looks.add(id) : deps.onError(error, `instance ${id}`);
    return { work: { looks: [id] }, done: () => {}, failed };
  }

  function partsOf(mine: Taken): readonly Part[] {
    return [
      ...mine.births.map((waiting) => ({
        work: { births: waiting.item },
        done: (done: Done) => answerBirth(waiting, done),
        failed: waiting.reject,
      })),
      ...mine.orders.map((waiting) => ({
        work: { orders: [waiting.item] },
        done: (done: Done) => answer(waiting, done),
        failed: waiting.reject,
      })),
      ...mine.reports.map((waiting) => ({
        work: { reports: waiting.item.machines, volumes: waiting.item.volumes },
        done: (done: Done) => heed(waiting, done),
        failed: waiting.reject,
      })),
      ...mine.looks.map(lookPart),
    ];
  }

  async function dueByHalves(most: number): Promise<void> {
    const ids = await findDue(deps.database, deps.now(), most).catch(() => []);
    if (ids.length === 0) return;
    await together(ids.map(lookPart));
    // Done or not, they are not looked at again at once.
    await deps.database
      .query("update instance set look_at = $2 where id = any($1) and look_at <= $3", [
        ids,
        new Date(deps.now() + 30_000),
        new Date(deps.now()),
      ])
      .catch(() => {});
  }

  function answer(waiting: Waiting<Asked>, { refused, contended }: Done): void {
    const { item, resolve, reject } = waiting;
    const problem = refused.get(item.job.id as JobId);
    if (problem) reject(problem);
    else if (contended.has(item.job.id)) orders.push(waiting);
    else resolve();
  }

  function heed({ item, resolve }: Waiting<Reports, readonly HostReport[]>, { odd }: Done): void {
    resolve(odd.length === 0 ? odd : item.machines.filter((report) => odd.includes(report)));
  }

  function answerBirth(waiting: Waiting<readonly Birth[]>, { refused }: Done): void {
    const [first] = waiting.item;
    const problem = first && refused.get(first.job.id);
    if (problem) waiting.reject(problem);
    else waiting.resolve();
  }

  function ask(): void {
    asking = sleepUntilDue(); // Whoever comes meanwhile does not wait for the answer.
  }

  async function sleepUntilDue(): Promise<void> {
    const mine: typeof question = { soonest: undefined };
    question = mine;
    putOff = 0;
    const answer = await nextDue(deps.database.lookUps).then(
      (at) => ({ at }),
      () => undefined,
    );
    if (!isOpen || question !== mine) return;
    question = undefined;
    const { resync } = deps.limits();
    const now = deps.now();
    nextAt = answer && earlier(after(now, resync), earlier(answer.at, mine.soonest));
    if (running) return;
    const wait = nextAt === undefined ? dueEvery : Math.max(0, nextAt - now) + 1;
    timer = setTimeout(wake, Math.min(wait, resync));
  }

  function wake(): void {
    isDueWanted = true;
    kick();
  }
}

const isAway = (error: unknown) =>
  error instanceof Problem && error.code === "database_unavailable";

const workOf = (parts: readonly Part[]): Work => ({
  births: parts.flatMap(({ work }) => work.births ?? []),
  orders: parts.flatMap(({ work }) => work.orders ?? []),
  reports: parts.flatMap(({ work }) => work.reports ?? []),
  volumes: parts.flatMap(({ work }) => work.volumes ?? []),
  looks: parts.flatMap(({ work }) => work.looks ?? []),
  due: 0,
});

const nothing: Work = { births: [], orders: [], reports: [], volumes: [], looks: [], due: 0 };

/** Finds no host for anybody, and asks for another look at once. */
const placedLater: Placer = {
  session: () => ({
    place: async (wants) => new Map(wants.map(({ instance }) => [instance, "contended"])),
    release: async () => {},
    committed() {},
    abandoned() {},
  }),
};

/** How much there is to do: each order, and each instance that is born, told of or looked at. */
const amountOf = (
  births: number,
  orders: number,
  reports: readonly { readonly item: Reports }[],
  looks: number,
) => reports.reduce((sum, { item }) => sum + item.machines.length, births + orders + looks);

/** How many of the waiting reports tell of `most` machines and volumes together; one may tell of more than that alone. */
function reportsFor(reports: readonly { readonly item: Reports }[], most: number): number {
  let told = 0;
  const full = reports.findIndex(({ item: { machines, volumes } }) => {
    told += machines.length + volumes.length;
    return told >= most;
  });
  return full < 0 ? reports.length : full + 1;
}

const sleep = (duration: Duration) => new Promise((resolve) => setTimeout(resolve, duration));
