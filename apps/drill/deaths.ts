/**
 * Drills that guests die of, or stand still in: each is followed until it is up again, and what the
 * platform has written down about it is compared with what was done.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { HostView } from "@holdfast/cloud/hosts/api";
import { type InstanceView, relaunchInstance } from "@holdfast/cloud/instances/api";
import { glance, type Plot, patience } from "./plot.ts";
import { notReady, wellness } from "./readiness.ts";
import { type Outcome, type Report, reportOf, type Stage } from "./report.ts";
import { type Certificate, isNamedRight, timelineOf } from "./timeline.ts";
import { deathOf, journalOf, untilBack, type Victim, victimOf, watch } from "./victims.ts";

/** They die, and are started again. */
export async function die(stage: Stage, plot: Plot): Promise<Report> {
  const { client } = stage;
  const { name, subject, expects, guests, host, mending } = plot;
  const movable = host ? guests.filter(({ pool }) => pool !== "local") : guests;
  if (movable.length === 0)
    throw notReady(
      `No guest on ${subject} could be started elsewhere: none runs there with a volume in a shared pool.`,
      { fix: "Start one whose volume is in a shared pool: see docs/pools.md" },
    );
  const victims = await Promise.all(movable.map((guest) => victimOf(client, guest)));
  const injectedAt = await plot.strike();
  const outcomes = await Promise.all(
    victims.map((victim) => fate(stage, plot, victim, injectedAt)),
  );
  await mending.all();
  const back = host && (await untilHostIsIn(stage, host, injectedAt));
  const final = host ? await Promise.all(outcomes.map(amended)) : outcomes;
  const isAsExpected = final.every(({ isRight, timeline }) => isRight && timeline.up !== undefined);
  return reportOf(name, subject, { injectedAt, outcomes: final, back, isAsExpected });

  async function amended(outcome: Outcome, index: number): Promise<Outcome> {
    const victim = victims[index];
    const death = victim && (await deathOf(client, victim));
    if (!death || death.cause === outcome.named) return outcome;
    const isRight = outcome.isRight && isNamedRight(expects, death) === true;
    return { ...outcome, amendedTo: death.cause, isRight };
  }
}

/** Follows one guest until it is up again, and reads what was written down about it. */
async function fate(
  { client, say }: Stage,
  { expects }: Plot,
  victim: Victim,
  injectedAt: number,
): Promise<Outcome> {
  const after = await untilBack(client, victim, patience);
  const death: Certificate | undefined = await deathOf(client, victim);
  const events = await journalOf(client, victim, victim.seq);
  const timeline = timelineOf(injectedAt, victim, events, death, after);
  const isUp = timeline.up !== undefined;
  say(`${victim.name}: ${isUp ? "up again" : "NOT up again"}`);
  return {
    instance: victim.name,
    timeline,
    named: death?.cause,
    says: death?.says,
    confidence: death?.confidence,
    isRight: isNamedRight(expects, death) === true,
    ...(isUp ? {} : { stuck: stuckAt(after) }),
    from: victim.host,
    to: after?.host ?? null,
  };
}

/** Its disk reports errors, so it stands still; once that is over it is launched anew, as an alarm would do. */
export async function stall(stage: Stage, plot: Plot): Promise<Report> {
  const { client, say } = stage;
  const { name, subject, guests, mending } = plot;
  const [guest] = guests;
  if (!guest) throw new Error("a drill on an instance has one");
  const victim = await victimOf(client, guest);
  const isStill = (now: InstanceView | undefined) =>
    now?.guest === "io-error" && now.generation === victim.generation;
  mending.promise(async () => {
    // Its disk is well again: that was promised later, so it is done by now. The news may still be under way.
    if (!isStill(await watch(client, victim, (now) => now.guest !== "up", 1_000))) return;
    const params = { project: victim.project, instance: victim.id };
    await client.call(relaunchInstance, { params });
  });
  const injectedAt = await plot.strike();
  const still = await watch(client, victim, (now) => now.guest !== "up", 30_000);
  const seen = Date.now() - injectedAt;
  const isRight = isStill(still);
  say(isRight ? "it stands still; its disk is mended, and it is launched anew" : "it went on");
  await mending.all();
  const after = isRight ? await untilBack(client, victim, patience) : still;
  const timeline = timelineOf(injectedAt, victim, [], undefined, after);
  const isUp = timeline.up !== undefined;
  const outcome: Outcome = {
    instance: victim.name,
    timeline: isRight ? { ...timeline, detected: seen, cause: seen } : timeline,
    named: still?.guest ?? undefined,
    says: undefined,
    confidence: undefined,
    isRight,
    ...(isUp ? {} : { stuck: stuckAt(after) }),
    from: victim.host,
    to: after?.host ?? null,
  };
  return reportOf(name, subject, {
    ...{ injectedAt, outcomes: [outcome] },
    isAsExpected: isRight && isUp,
  });
}

async function untilHostIsIn(
  { client }: Stage,
  host: HostView,
  injectedAt: number,
): Promise<number | undefined> {
  const isWell = await wellness(client, host);
  for (const until = performance.now() + patience; performance.now() < until; await sleep(glance))
    if (await isWell()) return Date.now() - injectedAt;
  return undefined;
}

function stuckAt(now: InstanceView | undefined): string {
  if (!now) return "the manager does not answer";
  const why = now.cause ? `: ${now.cause.says}` : "";
  return `${now.state}${now.guest ? `, guest ${now.guest}` : ""}${why}`;
}
