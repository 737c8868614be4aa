/**
 * Two writers, looked for by chance: a manager, three hosts and everything that may happen between them
 * in any order. Wishes and reports arrive late or not at all, processes crash, hosts fall silent, come back
 * or are proven dead, do not reach each other any more, people change their minds.
 *
 * The hosts here do what agents do (cloud/agent), no more cleverly: the source stands still once all is sent
 * and runs on only when its wish does not speak of the move any more; the destination runs only when it is
 * told to by the source, or by a wish.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { ExitReport, MachineReport, Wish } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import { after, minutes } from "@holdfast/kernel/time";
import fc from "fast-check";
import { type Order, obey, refuseMove } from "./command.ts";
import { homed } from "./lifecycle.ts";
import { isOver, openMigration } from "./migration.ts";
import { openStates } from "./migration-lifecycle.ts";
import type { Fence, Incarnation, World } from "./model.ts";
import { heard } from "./report.ts";
import { settle } from "./settle.ts";
import { athome, job, moving, now, patience, running, world } from "./testing.ts";
import { departing, placed } from "./transition.ts";
import { arrivalWishOf, farewellOf, type WishInput, wishOf } from "./wish.ts";

const hosts = ["h1", "h2", "h3"] as HostId[];

/**
 * What a process really is. `still`: all of it was sent. `arrived`: all of it is here, and it does not run.
 */
type Is = "running" | "still" | "incoming" | "arrived" | "ended";
interface Process {
  readonly generation: number;
  readonly host: HostId;
  is: Is;
  reason: string | undefined;
  hasRun: boolean;
  /** The other one has run on from the same memory since, so that what is here must never run. */
  isOutdated: boolean;
}
interface Host {
  readonly id: HostId;
  state: "heard" | "silent" | "dead";
  /** The newest wish on its way to it, and the one that it holds. */
  sent: Wish | undefined;
  held: Wish | undefined;
  /** What it has said and nobody has heard yet. */
  readonly says: (MachineReport | "gave-up" | "sent")[];
}

/** Where most of it happens: far enough into a move that two hosts know of it. */
const beginnings: readonly (readonly string[])[] = [
  [],
  ["migrate"],
  ["migrate", "deliver h2", "act h2"],
  ["migrate", "deliver h2", "act h2", "hear h2"],
  ["migrate", "deliver h2", "act h2", "hear h2", "deliver h1"],
  ["migrate", "deliver h2", "act h2", "hear h2", "deliver h1", "act h1"],
  ["migrate", "deliver h2", "act h2", "hear h2", "deliver h1", "act h1", "act h1"],
  ["migrate", "deliver h2", "act h2", "hear h2", "deliver h1", "act h1", "act h1", "silence h2"],
  ["migrate", "deliver h2", "act h2", "hear h2", "deliver h1", "act h1", "act h1", "crash h2"],
];

const acts = [
  "migrate",
  "abort",
  "stop",
  "start",
  "wait",
  "cut",
  "cut-short",
  ...hosts.flatMap((host) => [
    `deliver ${host}`,
    `deliver ${host}`,
    `act ${host}`,
    `act ${host}`,
    `act ${host}`,
    `hear ${host}`,
    `hear ${host}`,
    `silence ${host}`,
    `return ${host}`,
    `prove ${host}`,
    `crash ${host}`,
  ]),
] as const;

class Stage {
  world: World = world(athome(), { incarnation: running });
  version = 1;
  readonly processes: Process[] = [newProcess(1, "h1" as HostId, "running")];
  readonly hosts = hosts.map(
    (id): Host => ({ id, state: "heard", sent: undefined, held: undefined, says: [] }),
  );
  /** Whether the hosts reach each other no more, for good. */
  isCut = false;
  switches = 0;
  aborts = 0;
  restarts = 0;

  constructor() {
    this.look();
  }

  do(act: string): void {
    const [verb = "", name] = act.split(" ");
    const host = this.hosts.find(({ id }) => id === name);
    if (host) this.doOn(host, verb);
    else this.command(verb);
    this.check(act);
  }

  private command(verb: string): void {
    if (verb === "wait") {
      this.world = { ...this.world, now: after(this.world.now, minutes(2)) };
    } else if (verb === "cut" || verb === "cut-short") {
      this.isCut = true;
      // What the source had sent was on its way still.
      for (const one of this.processes)
        if (verb === "cut-short" && one.is === "arrived") one.is = "incoming";
      return;
    } else if (verb === "migrate") {
      const to = this.hosts.find(
        ({ id, state }) => state === "heard" && id !== this.world.instance.home,
      );
      if (!to || refuseMove(this.world)) return;
      const asked = { ...this.world, instance: { ...this.world.instance, job: job("migrate") } };
      this.world = departing(asked, to.id, moving()).world;
    } else {
      const order: Order = {
        verb: verb as Order["verb"], // One of the acts above.
        force: false,
        job: job(verb as "stop"),
        requestId: "r",
      };
      const obeyed = obey(this.world, order);
      if ("refused" in obeyed) return;
      this.world = obeyed.world;
    }
    this.look();
  }

  private doOn(host: Host, verb: string): void {
    if (verb === "prove") {
      // Whatever proves it has first made it so. One host at least is left to run on.
      if (this.hosts.filter(({ state }) => state === "dead").length >= 2) return;
      for (const one of this.on(host)) end(one, "host");
      host.state = "dead";
      host.says.length = 0;
      this.look();
      return;
    }
    if (host.state === "dead") return;
    if (verb === "deliver" && host.state === "heard" && host.sent) {
      if ((host.held?.version ?? 0) < host.sent.version) host.held = host.sent;
    } else if (verb === "act") this.agent(host);
    else if (verb === "hear" && host.state === "heard") this.hear(host);
    else if (verb === "silence" && host.state === "heard") {
      host.state = "silent";
      this.look();
    } else if (verb === "return" && host.state === "silent") {
      host.state = "heard";
      // Its hello says what is, and not how it came about.
      host.says.length = 0;
      for (const one of this.on(host)) this.tell(host, one);
      this.look();
    } else if (verb === "crash") {
      const [one] = this.on(host).filter(({ is }) => is !== "ended");
      if (one) this.ends(host, one, "crash");
    }
  }

  /** One thing that this agent does about the wish that it holds. */
  private agent(host: Host): void {
    const { held } = host;
    if (!held) return;
    const mine = this.on(host);
    const own = mine.find(({ generation }) => generation === held.generation);
    const stale = mine.find(({ generation, is }) => is !== "ended" && generation < held.generation);
    if (stale) {
      this.ends(host, stale, "stale");
      return;
    }
    if (held.want === "nothing") {
      for (const one of mine) if (one.is !== "ended") this.ends(host, one, "nothing");
      return;
    }
    if (!own) {
      this.begin(host, held);
      return;
    }
    if (own.is === "ended") return;
    if (held.want === "stopped") {
      this.ends(host, own, "wished");
      return;
    }
    if (own.is === "incoming" && held.want === "running") {
      this.ends(host, own, "incomplete");
      return;
    }
    if (own.is === "arrived" && held.want === "running") {
      this.runs(host, own);
      return;
    }
    if (own.is === "still") {
      this.standing(host, own, held);
      return;
    }
    if (own.is === "running" && held.migrateTo) this.send(host, own, held.migrateTo);
  }

  private begin(host: Host, { generation, want, wasRunning }: Wish): void {
    const is = want === "incoming" ? "incoming" : "running";
    const one = newProcess(generation, host.id, is);
    this.processes.push(one);
    if (wasRunning || want === "stopped") {
      this.ends(host, one, "record-lost");
      return;
    }
    this.tell(host, one);
  }

  private send(host: Host, own: Process, to: NonNullable<Wish["migrateTo"]>): void {
    const there = this.processes.find(({ generation }) => generation === to.generation);
    if (to.isAborted || this.isCut || there?.is !== "incoming") {
      host.says.push("gave-up");
      return;
    }
    own.is = "still";
    there.is = "arrived";
  }

  private standing(host: Host, own: Process, held: Wish): void {
    const to = held.migrateTo;
    if (!to) {
      this.runs(host, own);
      return;
    }
    host.says.push("sent");
    if (this.isCut) return;
    const there = this.processes.find(({ generation }) => generation === to.generation);
    const other = this.hosts.find(({ id }) => id === there?.host);
    // Too late to break it off: the word to go on gets through, or nobody is there to hear it.
    // That it was heard is another matter.
    if (there?.is === "running") this.ends(host, own, "migrated");
    else if (there?.is === "arrived" && other && other.state !== "dead") this.runs(other, there);
  }

  private runs(host: Host, one: Process): void {
    assert.ok(!one.isOutdated, "an old memory runs on a disk that has changed since");
    for (const other of this.processes)
      if (other.is === "arrived" || other.is === "still") other.isOutdated = true;
    Object.assign(one, { is: "running", hasRun: true, isOutdated: false });
    this.tell(host, one);
  }

  private ends(host: Host, one: Process, reason: string): void {
    end(one, reason);
    this.tell(host, one);
  }

  private tell(host: Host, { generation, is, reason, hasRun }: Process): void {
    const phase = is === "ended" ? "exited" : is === "running" ? "running" : "incoming";
    host.says.push({
      instance: this.world.instance.id,
      generation,
      phase,
      guest: "up",
      reboots: 0,
      at: this.world.now,
      ...(phase === "incoming" ? { relay: "192.0.2.9:1" } : {}),
      ...(phase === "exited" ? { exit: exitFor(reason, hasRun) } : {}),
    });
  }

  private hear(host: Host): void {
    const report = host.says.shift();
    const migration = openMigration(this.world);
    if (!report) return;
    if (report === "gave-up" || report === "sent") {
      const news = report === "sent" ? { hasSent: true } : { hasGivenUp: true };
      if (migration?.from === host.id && migration.state === "copying")
        this.world = { ...this.world, migration: { ...migration, ...news } };
      this.look();
      return;
    }
    const { incarnation, instance } = this.world;
    const isFor = (one: Incarnation | undefined): one is Incarnation =>
      one?.generation === report.generation && one.host === host.id && one.phase !== "exited";
    if (isFor(incarnation))
      this.world = { ...this.world, incarnation: heard(incarnation, report, instance) };
    else if (migration && isFor(migration.arrival)) {
      const arrival = heard(migration.arrival, report, instance);
      const relay = report.relay ?? migration.relay;
      this.world = { ...this.world, migration: { ...migration, arrival, relay } };
    }
    this.look();
  }

  /** A pass of the manager. */
  private look(): void {
    const was = this.world.instance;
    const before = openMigration(this.world);
    const settled = settle(this.known());
    let next = settled.world;
    if (settled.wantsPlace) {
      this.checkProofs();
      const to = this.hosts.find(({ state }) => state === "heard");
      if (to) {
        next = settle(placed(next, to.id).world).world;
        this.restarts++;
      }
    }
    if (before && next.migration?.state === "switched") this.switches++;
    if (before && next.migration && !openStates.has(next.migration.state)) this.aborts++;
    this.world = { ...next, migration: openMigration(next) ?? undefined };
    const { instance, incarnation, lease, migration } = next;
    const versioned = { ...instance, version: ++this.version };
    const input: WishInput = {
      ...{ instance: versioned, incarnation, lease, migration },
      ...{ manifest: undefined, disks: [], nics: [], lastDeath: undefined },
    };
    const open = openMigration(next);
    const isSaid = instance.home && !(open && incarnation?.phase === "exited");
    if (isSaid) this.say(instance.home, wishOf(input, 1, patience));
    const arrival = arrivalWishOf(input, 1, patience);
    if (open && arrival) this.say(open.arrival.host, arrival);
    if (before && was.home && migration?.state === "switched")
      this.say(was.home, farewellOf(versioned, 1, was.generation));
  }

  private say(id: HostId | undefined, wish: Wish): void {
    const host = this.hosts.find((one) => one.id === id);
    if (host) host.sent = wish;
  }

  /** What the database says of the hosts, as of now. */
  private known(): World {
    const { incarnation, migration } = this.world;
    const leaseOf = (id: HostId | undefined): World["lease"] => {
      const state = this.hosts.find((one) => one.id === id)?.state;
      return state === "dead"
        ? "fenced"
        : state === "silent"
          ? "expired"
          : state
            ? "valid"
            : "none";
    };
    const fenceOf = (id: HostId | undefined): Fence | undefined =>
      leaseOf(id) === "fenced"
        ? { certificate: "c", proof: "power-off", says: "off", provenAt: now }
        : undefined;
    const at = this.world.instance.home && incarnation?.host;
    return {
      ...this.world,
      lease: leaseOf(at),
      fence: fenceOf(at),
      migration: migration && {
        ...migration,
        lease: leaseOf(migration.arrival.host),
        fence: fenceOf(migration.arrival.host),
      },
    };
  }

  private on(host: Host): Process[] {
    return this.processes.filter((one) => one.host === host.id);
  }

  /** Nothing is started while anything that was ever launched could still run. */
  private checkProofs(): void {
    // What stands still has been followed by the one that it was sent to, and ends as soon as it hears of that.
    const alive = this.processes.filter(({ is }) => is !== "ended" && is !== "still");
    assert.deepEqual(alive, [], "a start while another may write");
  }

  private check(act: string): void {
    const writers = this.processes.filter(({ is }) => is === "running");
    assert.ok(writers.length <= 1, `after ${act}: two writers`);
    const { instance, incarnation, migration } = this.world;
    const { state, home, generation, lastGeneration } = instance;
    assert.equal(home !== undefined, homed.has(state), act);
    assert.ok(generation <= lastGeneration, act);
    if (openMigration(this.world)) {
      assert.ok(["migrating", "stopping", "lost"].includes(state), `${act}: a move in ${state}`);
      assert.notEqual(migration?.arrival.host, home);
    } else assert.notEqual(state, "migrating", act);
    if (state === "running") assert.ok(!isOver(incarnation, "valid"), act);
  }

  /** Everything that is said arrives, silent hosts come back, and time passes. */
  comeToRest(): void {
    for (const { id } of this.hosts) this.do(`return ${id}`);
    for (let round = 0; round < 12; round++) {
      for (const { id } of this.hosts)
        for (const verb of [
          "deliver",
          "act",
          "act",
          "act",
          "act",
          "hear",
          "hear",
          "hear",
          "hear",
          "hear",
        ])
          this.do(`${verb} ${id}`);
      this.do("wait");
    }
  }
}

const newProcess = (generation: number, host: HostId, is: Is): Process => ({
  ...{ generation, host, is, reason: undefined },
  hasRun: is === "running",
  isOutdated: false,
});

function end(one: Process, reason: string): void {
  if (one.is === "ended") return;
  one.is = "ended";
  one.reason = reason;
}

const exitFor = (reason: string | undefined, hasRun: boolean): ExitReport => ({
  at: 0,
  status: reason === "record-lost" ? "never-launched" : { code: 0 },
  ...(reason === "migrated" ? { reason } : {}),
  ...(hasRun || reason === "crash" ? {} : { neverRan: true }), // After a crash its host may not know.
  requested: true,
  ...{ hypervisorLog: [], consoleTail: [], oomKills: 0, events: [], kernelLog: [] },
  ...{ watchdogFired: false, bootTimedOut: false },
});

const days = { minLength: 5, maxLength: 50 };

test("whatever happens in whatever order: never two writers, no start without proof, and it comes to rest", () => {
  const seen = { switches: 0, aborts: 0, restarts: 0 };
  fc.assert(
    fc.property(
      fc.constantFrom(...beginnings),
      fc.array(fc.constantFrom(...acts), days),
      (first, then) => {
        const stage = new Stage();
        for (const act of [...first, ...then]) stage.do(act);
        stage.comeToRest();
        const { state, desired } = stage.world.instance;
        assert.ok(!["migrating", "lost", "stopping"].includes(state), `it rests in ${state}`);
        if (state === "running") assert.equal(desired, "running");
        seen.switches += stage.switches;
        seen.aborts += stage.aborts;
        seen.restarts += stage.restarts;
      },
    ),
    { seed: 20_261_121, numRuns: 1_500 },
  );
  // It has been somewhere, and not only refused.
  assert.ok(seen.switches > 200 && seen.aborts > 100 && seen.restarts > 100, JSON.stringify(seen));
});
