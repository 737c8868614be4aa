/**
 * Drills that no guest may notice: something of the platform dies, hangs or is wrong for a while, and comes back.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { ProcessId } from "@holdfast/drivers/hypervisor/process";
import { glance, type Plot, patience } from "./plot.ts";
import { notReady, wellness } from "./readiness.ts";
import { type Report, reportOf, type Stage, type Testimony } from "./report.ts";
import { type Witness, witnessOf } from "./witnesses.ts";

/** So many guests are asked at most; a drill is no census. */
const mostWitnesses = 8;

export async function survive(stage: Stage, plot: Plot): Promise<Report> {
  const { client, site, say } = stage;
  const { name, subject, guests, host, mending, lasting } = plot;
  if (guests.length === 0)
    throw notReady("No guest runs there that could be asked whether it noticed.", {
      fix: "Start one: holdfast run --wait",
    });
  const watched = await Promise.all(
    guests.slice(0, mostWitnesses).map((guest) => witnessOf(client, site, guest)),
  );
  const isWell = await wellness(client, host);
  const struck = await target(stage, plot);
  const injectedAt = await plot.strike();
  const after = () => Date.now() - injectedAt;
  const holds = !name.endsWith("kill");
  const last = patience + (holds ? lasting : 0);
  let isEnded = !holds;
  let noticed: number | undefined;
  let back: number | undefined;
  while (back === undefined && after() < last) {
    if (!isEnded && after() >= lasting) {
      await mending.all();
      isEnded = true;
    }
    const isGood = await isWell();
    if (!isGood) noticed ??= after();
    const present = holds ? undefined : await target(stage, plot);
    const isAnew = holds || (present !== undefined && present !== struck);
    if (isGood && isEnded && isAnew) back = after();
    else await sleep(glance);
  }
  say(back === undefined ? "it did NOT come back" : "it is back; the guests are asked");
  const witnesses = await Promise.all(watched.map(testimony));
  const isAsExpected = back !== undefined && witnesses.every(({ faults }) => faults.length === 0);
  return reportOf(name, subject, { injectedAt, witnesses, noticed, back, isAsExpected });
}

const testimony = async ({ name, spoke, faults }: Witness): Promise<Testimony> => ({
  name,
  spoke,
  faults: await faults(),
});

/** The process that is struck; another one after that is its successor. Undefined while there is none. */
async function target({ site }: Stage, { name, host }: Plot): Promise<number | undefined> {
  const pidOf = (found: Promise<ProcessId>) =>
    found.then(
      ({ pid }) => pid,
      () => undefined,
    );
  if (name === "agent-kill" && host) return pidOf(site.agentOf(host));
  if (name === "manager-kill") return pidOf(site.manager());
  if (name === "database-kill") return pidOf(site.database());
  return undefined;
}
