/**
 * The drill of planned work: a host is emptied as its operators would have it emptied, and given back.
 *
 * Looked at from three sides: what the owners are told, what the guests themselves hear at the metadata
 * address, and where everybody is in the end.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { allHosts } from "@holdfast/client/pages";
import {
  endMaintenance,
  type FateView,
  getMaintenance,
  listScheduledEvents,
  previewMaintenance,
} from "@holdfast/cloud/events/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { listMigrations } from "@holdfast/cloud/instances/migration-api";
import { onePage } from "@holdfast/kernel/pages";
import { Problem } from "@holdfast/kernel/problem";
import { glance, type Plot, patience } from "./plot.ts";
import { notReady } from "./readiness.ts";
import { type Report, reportOf, type Stage, type Step, type Testimony } from "./report.ts";
import { openShell } from "./shell.ts";
import { orAway, watch } from "./victims.ts";

const metadata = "http://169.254.169.254/latest/meta-data/events/maintenance/scheduled";
/** A guest on emulated processors takes its time for a program. Milliseconds. */
const hearingTime = 8_000;

export async function depart(stage: Stage, plot: Plot): Promise<Report> {
  const { client, say } = stage;
  const { name, subject, guests, host, mending } = plot;
  if (!host || guests.length === 0)
    throw notReady("No guest is up there, so there is nothing to empty it of.", {
      fix: "Start one: holdfast run --wait",
    });
  const params = { host: host.name };
  const { instances: fates } = await client.call(previewMaintenance, { params, body: {} });
  const stuck = fates.find(({ obstacle, does }) => obstacle !== null || does === "wait");
  if (stuck)
    throw notReady(`${stuck.name} would not leave: ${stuck.says}`, {
      fix: `See all of it: holdfast maintenance ${host.name} --dry-run`,
    });

  const movesBefore = await Promise.all(guests.map((guest) => movesOf(client, guest)));
  const injectedAt = await plot.strike();
  const steps: Step[] = [];
  const step = async (what: string, isSo: () => Promise<boolean | undefined>) => {
    while (Date.now() - injectedAt < patience) {
      if (await orAway(isSo())) {
        steps.push({ what, at: Date.now() - injectedAt });
        say(what);
        return true;
      }
      await sleep(glance);
    }
    return false;
  };
  const told = fates.filter(({ code }) => code !== null);
  const projects = [...new Set(told.map(({ project }) => project))];
  const isTold = async () => {
    const lists = await Promise.all(
      projects.map((project) =>
        onePage("events", (after) =>
          client.call(listScheduledEvents, { params: { project }, query: { after } }),
        ),
      ),
    );
    const codes = new Map(
      lists.flatMap(({ events }) => events.map((one) => [one.instance, one.code])),
    );
    return told.every((one) => codes.get(one.name) === one.code);
  };
  const isAllTold = await step("owners told", isTold);
  const heard = await Promise.all(
    guests.map((guest) => hear(stage, guest, fateOf(fates, guest)?.code ?? null)),
  );
  const isEmpty = await step("host empty", async () => {
    const { state } = await client.call(getMaintenance, { params });
    return state === "in-maintenance";
  });
  await mending.all();
  steps.push({ what: "given back", at: Date.now() - injectedAt });
  const isBack = await step("host in use", async () =>
    (await allHosts(client.call)).some(({ id, mode }) => id === host.id && mode === "enabled"),
  );
  const witnesses: Testimony[] = [];
  for (const [index, guest] of guests.entries()) {
    const faults = await faultsOf(stage, guest, fateOf(fates, guest), movesBefore[index] ?? 0);
    const said = heard[index] ?? { spoke: false };
    const all = said.fault ? [said.fault, ...faults] : faults;
    witnesses.push({
      name: guest.name,
      spoke: said.spoke,
      faults: all,
      says: wordsFor(said.spoke),
    });
  }
  steps.push({ what: "all guests well", at: Date.now() - injectedAt });
  const isAsExpected =
    isAllTold && isEmpty && isBack && witnesses.every(({ faults }) => faults.length === 0);
  const back = isBack ? steps.at(-1)?.at : undefined;
  return reportOf(name, subject, { injectedAt, steps, witnesses, back, isAsExpected });
}

/** Gives the host back if nothing else has. */
export async function giveBack(client: Stage["client"], host: string): Promise<void> {
  await client.call(endMaintenance, { params: { host } }).catch((error: unknown) => {
    if (!(error instanceof Problem) || error.code !== "maintenance_not_found") throw error;
  });
}

const fateOf = (fates: readonly FateView[], { id }: InstanceView) =>
  fates.find(({ instance }) => instance === id);

const wordsFor = (spoke: boolean) =>
  spoke
    ? "has heard of it at the metadata address, and is well"
    : "is well; it could not be asked what it heard";

/** What its own metadata says, typed at its console. */
async function hear(
  { client }: Stage,
  { id, project, nics }: InstanceView,
  code: string | null,
): Promise<{ readonly spoke: boolean; readonly fault?: string }> {
  if (nics.length === 0 || code === null) return { spoke: false };
  try {
    const shell = await openShell(client, project, id);
    try {
      await shell.type("echo shell-$((40+2))");
      if ((await shell.hears(/shell-42/, hearingTime)) === undefined) return { spoke: false };
      await shell.type(`wget -qO- ${metadata}; echo; echo over-$((40+2))`);
      if (await shell.hears(new RegExp(`"Code":"${code}"`), hearingTime)) return { spoke: true };
      return { spoke: false, fault: `its metadata do not tell of ${code}` };
    } finally {
      shell.close();
    }
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    return { spoke: false };
  }
}

/** How often it has been moved while it ran. */
async function movesOf(
  client: Stage["client"],
  { id, project }: Pick<InstanceView, "id" | "project">,
): Promise<number> {
  const asked = { params: { project }, query: { instance: id, limit: 1_000 } };
  const { migrations } = await client.call(listMigrations, asked);
  return migrations.filter(({ state }) => state === "switched" || state === "done").length;
}

async function faultsOf(
  { client }: Stage,
  { id, project, host, generation }: InstanceView,
  fate: FateView | undefined,
  movesBefore: number,
): Promise<readonly string[]> {
  const isSettled = (now: InstanceView) => now.state === "running" && now.guest === "up";
  const now = await watch(client, { id, project }, isSettled, patience);
  if (!now) return ["the manager does not answer"];
  const moves = (await movesOf(client, { id, project })) - movesBefore;
  const launches = now.generation - generation - moves; // Where it has moved to, it is a later generation.
  const expected = fate?.does === "migrate" ? 0 : 1;
  return [
    !isSettled(now) && `it is ${now.state}, guest ${now.guest ?? "gone"}`,
    launches !== expected && `it was launched ${launches} times, not ${expected}`,
    fate?.does !== "reboot" && now.host === host && "it is where it was",
    fate?.does === "reboot" && now.host !== host && "it has not come back to its host",
  ].filter((fault) => typeof fault === "string");
}
