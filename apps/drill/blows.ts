/**
 * How each thing is broken, and how it is put right where it does not mend by itself.
 *
 * What a blow says is as close to the harm as can be told from outside: the signal that was sent, the first write
 * that failed, the moment when the guest said that it begins. Blows must not be softer than what they stand for: no
 * blow tells the platform anything.
 */
import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "@holdfast/client/client";
import { planMaintenance } from "@holdfast/cloud/events/api";
import type { HostView } from "@holdfast/cloud/hosts/api";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { type ProcessId, signal } from "@holdfast/drivers/hypervisor/process";
import type { Power } from "@holdfast/drivers/power";
import { problem } from "@holdfast/kernel/problem";
import type { Order, Room } from "../chassis/client.ts";
import { jumpClock } from "./debugger.ts";
import { giveBack } from "./departures.ts";
import type { DrillName } from "./drills.ts";
import { failWrites } from "./failing-disk.ts";
import type { Mending } from "./mending.ts";
import { openShell } from "./shell.ts";
import { notPossible, type Site } from "./site.ts";

/** What a drill may lay hands on. What it does not need is not looked at. */
export interface Scene {
  readonly client: Client;
  readonly site: Site;
  readonly project: string;
  instance(): InstanceView;
  host(): HostView;
  /** Every blow promises here what it will have to put right, before it strikes. */
  readonly mending: Mending;
  /** How long whatever lasts, lasts; milliseconds. */
  readonly lasting: number;
  /** The host's BMC, where its operator has given it. */
  readonly power: Power | undefined;
  /** The BMC of a simulated host does not answer. */
  readonly isBmcDead: boolean;
}

/** Resolves with when it hit, in milliseconds since the epoch. */
type Strike = (scene: Scene) => Promise<number>;

export const blows: Readonly<Record<DrillName, Strike>> = {
  "guest-panic": (scene) => hurt(scene, "panic"),
  "guest-hang": (scene) => hurt(scene, "hang", untilFed),
  "guest-oom": (scene) => hurt(scene, "memory-panic"),
  "qemu-kill": async ({ site, instance }) => kill((await site.machineOf(instance())).qemu),
  "qemu-crash": async ({ site, instance }) =>
    send((await site.machineOf(instance())).qemu, "SIGSEGV"),
  "disk-error": failDisk,
  "agent-hang": async ({ site, host, mending }) => {
    const agent = await site.agentOf(host());
    mending.promise(async () => void signal(agent, "SIGCONT"));
    return send(agent, "SIGSTOP");
  },
  "agent-kill": async ({ site, host }) => kill(await site.agentOf(host())),
  "clock-jump": async (scene) => jump(scene, await scene.site.agentOf(scene.host())),
  "host-cut": cutHost,
  "host-power-loss": pullPlug,
  maintenance: plan,
  "manager-kill": async ({ site }) => kill(await site.manager()),
  "manager-clock-jump": async (scene) => jump(scene, await scene.site.manager()),
  "database-kill": async ({ site }) => kill(await site.database()),
};

/** The one blow that tells the platform something: that is what is practised. */
async function plan({ client, host, mending, lasting }: Scene): Promise<number> {
  const params = { host: host().name };
  mending.promise(() => giveBack(client, params.host));
  const body = { noticeSeconds: Math.ceil(lasting / 1_000), reason: "a drill" };
  await client.call(planMaintenance, { params, body });
  return Date.now();
}

const hour = 3_600_000;
/** A shell on emulated processors takes its time when the machine is busy; milliseconds. */
const typingTime = 20_000;

/** A guest that stops in its first second, before it feeds its watchdog, has not told anybody that it is to be watched. */
const untilFed = "for i in 1 2 3 4 5 6 7 8; do pidof watchdog >/dev/null && break; sleep 1; done; ";

async function hurt({ client, instance }: Scene, way: string, first = ""): Promise<number> {
  const { id, name, project } = instance();
  const shell = await openShell(client, project, id);
  try {
    await shell.type(`${first}holdfast-hurt ${way}`);
    // The echo of what was typed has a dash where this has a colon.
    const at = await shell.hears(/holdfast: hurt/, typingTime);
    if (at !== undefined) return at;
    throw notPossible(
      `${name} did not take the command: nobody is at its console, or it has no holdfast-hurt.`,
      {
        fix: "Log in on its console first, or use an instance of the tiny image.",
      },
    );
  } finally {
    shell.close();
  }
}

const kill = (target: ProcessId) => send(target, "SIGKILL");

function send(target: ProcessId, how: NodeJS.Signals): number {
  const at = Date.now();
  if (signal(target, how)) return at;
  throw problem("conflict", "drill_failed", `Process ${target.pid} could not be sent ${how}.`, {
    fix: "Run the drill as root; if the process had just ended by itself, try again.",
  });
}

/** The process puts itself right after its time; what is promised is to wait for that. */
async function jump({ mending, lasting }: Scene, target: ProcessId): Promise<number> {
  let jumped: Promise<number> | undefined;
  mending.promise(async () => {
    const at = await jumped?.catch(() => undefined);
    if (at !== undefined) await sleep(Math.max(0, at + lasting - Date.now()));
  });
  jumped = jumpClock(target, hour, lasting);
  return jumped;
}

/** Every write of QEMU to the volume fails, as its storage would fail it: in the system call. */
async function failDisk({ client, site, instance, mending }: Scene): Promise<number> {
  const { id, project } = instance();
  const { qemu, volume } = await site.machineOf(instance());
  const shell = await openShell(client, project, id);
  try {
    const failing = await failWrites(qemu, volume, mending);
    await shell.type("echo drill >/data/drill; sync");
    const at = await failing.first(typingTime);
    if (at !== undefined) return at;
    throw notPossible("The guest wrote nothing to its disk.", {
      fix: "Log in on its console first: holdfast console",
    });
  } finally {
    shell.close();
  }
}

async function cutHost(scene: Scene): Promise<number> {
  const { room } = scene.site;
  if (!room) throw noRoom("A cable can only be cut");
  return order(scene, room, { do: "cut", direction: "both" });
}

async function pullPlug(scene: Scene): Promise<number> {
  const { site, power, mending } = scene;
  if (site.room) return order(scene, site.room, { do: "power-off" });
  if (!power) throw noRoom("A plug can only be pulled");
  mending.promise(() => power.powerOn());
  const at = Date.now();
  await power.powerOff();
  return at;
}

async function order(
  { host, isBmcDead, mending }: Scene,
  room: Room,
  wanted: Order,
): Promise<number> {
  const { name } = host();
  const mend = () => mended(room, name);
  if (isBmcDead) {
    mending.promise(mend);
    await room.perform(name, { do: "bmc", is: "dead" });
  }
  mending.promise(mend); // Again: nothing more is broken if somebody has interrupted meanwhile.
  const at = Date.now();
  await room.perform(name, wanted);
  return at;
}

/** As it was: whoever fenced it may have switched it off meanwhile. */
async function mended(room: Room, name: string): Promise<void> {
  await room.perform(name, { do: "bmc", is: "ok" });
  await room.perform(name, { do: "heal" });
  const { hosts } = await room.view();
  const isOff = hosts.some((host) => host.name === name && host.power === "off");
  if (isOff) await room.perform(name, { do: "power-on", post: 0 });
}

const noRoom = (what: string) =>
  notPossible(`${what} where hosts are simulated, or through the host's BMC.`, {
    fix: "Try it in a machine room: holdfast up --hosts 3 --state DIRECTORY. With a BMC: drill host-power-loss HOST --bmc URL --bmc-user NAME",
  });
