/**
 * The room: its hosts, the switch between them, and the rounds that keep everything as it is wished.
 *
 * It may be killed at any moment. The hosts run on without it (nobody starts a dead supervisor then, and
 * no watchdog fires), and the next one finds everything by its files.
 */
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { WatchdogTwin } from "@holdfast/drivers/watchdog/simulated";
import { problem } from "@holdfast/kernel/problem";
import type { Logger } from "pino";
import { z } from "zod";
import { type Bmc, bmcUser, simulatedBmc } from "./bmc.ts";
import { clearHost } from "./clear.ts";
import { type HostView, mostHosts, type Order, type RoomView } from "./client.ts";
import { type Host, simulatedHost } from "./host.ts";
import * as network from "./network.ts";
import { type HostPlan, planOf, type RoomPlan, slotOf } from "./plan.ts";
import { afterReboot, HostState, newHost, readState, writeState } from "./state.ts";
import { openWatchdog } from "./watchdog.ts";

export interface RoomOptions {
  /** State directory of the installation. */
  readonly state: string;
  readonly hosts: number;
  /** Script of the supervisor that each host boots. */
  readonly supervisor: string;
  /** Milliseconds on the steady clock. */
  readonly now: () => number;
  readonly log: Logger;
}

export interface Room {
  view(): RoomView;
  perform(host: string, order: Order): Promise<HostView>;
  rest(): Promise<void>;
  rise(): Promise<void>;
  dismantle(): Promise<void>;
  /** The hosts run on. */
  close(): Promise<void>;
}

const Memory = z.object({ slot: z.number().int(), isAtRest: z.boolean() });
/** Between two rounds, in milliseconds. */
const round = 250;

interface Place {
  readonly host: Host;
  readonly bmc: Bmc;
  readonly watchdog: WatchdogTwin;
}

export async function openRoom({ state, hosts, supervisor, now, log }: RoomOptions): Promise<Room> {
  const own = join(state, "chassis");
  mkdirSync(own, { recursive: true, mode: 0o700 });
  const file = join(own, "room.json");
  const known = readState(file, Memory);
  const wanted = known?.slot ?? slotOf(state);
  const slot = network.isOurs(wanted, state) ? wanted : await network.freeSlot(wanted);
  let memory = { slot, isAtRest: known?.isAtRest ?? false };
  writeState(file, memory);

  const room = planOf(state, slot, hosts);
  const machineBoot = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  let isGone = false;
  let filtering: Promise<void> = Promise.resolve();
  await network.ensureSwitch(room);
  // Of an earlier room of this directory that had more hosts, and was killed.
  for (const more of planOf(state, slot, mostHosts).hosts.slice(hosts))
    if (network.namespaceInode(more.namespace) !== undefined) await clearHost(more, "all");
  const places: Place[] = [];
  for (const plan of room.hosts) places.push(await placeOf(plan));
  await refilter();
  const rounds = keepRounds();
  log.info({ bridge: room.bridge, gateway: room.gateway, hosts }, "the room is open");

  return {
    view: () => ({
      gateway: room.gateway,
      bridge: room.bridge,
      isAtRest: memory.isAtRest,
      hosts: places.map(viewOf),
    }),
    async perform(name, order) {
      const place = places.find(({ host }) => host.plan.name === name);
      if (!place || isGone) throw noSuchHost(name, room);
      await place.host.perform(order);
      if (order.do === "bmc") place.bmc.behave(order.is);
      return viewOf(place);
    },
    async rest() {
      remember(true);
      // First of all: whoever finds the hosts silent now must not switch them off for it.
      await Promise.all(places.map(({ bmc }) => bmc.close()));
      await Promise.all(places.map(({ host }) => host.endPrograms()));
    },
    async rise() {
      remember(false);
      for (const { host, bmc } of places) host.change({ bmcPort: await bmc.open() });
      await Promise.all(places.map(({ host }) => host.settle()));
    },
    async dismantle() {
      isGone = true;
      await rounds;
      await Promise.all(places.map(({ bmc }) => bmc.close()));
      await Promise.all(places.map(({ watchdog }) => watchdog.close()));
      await Promise.all(places.map(({ host }) => host.perform({ do: "power-off" })));
      await network.removeSwitch(room);
      // The next time these are new hosts in old cases: they are switched on when their set-up is done.
      for (const { file: own, bootIdFile } of room.hosts)
        for (const path of [own, bootIdFile]) rmSync(path, { force: true });
      remember(false);
    },
    async close() {
      isGone = true;
      await rounds;
      await Promise.all(places.map(({ bmc }) => bmc.close()));
      await Promise.all(places.map(({ watchdog }) => watchdog.close()));
    },
  };

  function remember(isAtRest: boolean): void {
    memory = { slot, isAtRest };
    writeState(file, memory);
  }

  async function placeOf(plan: HostPlan): Promise<Place> {
    const found = readState(plan.file, HostState);
    const before = found ?? newHost(randomBytes(12).toString("base64url"), machineBoot);
    const host = simulatedHost({
      ...{ room, plan, supervisor, now, log },
      state: afterReboot(before, machineBoot),
      isAtRest: () => memory.isAtRest || isGone,
      onNetwork: refilter,
    });
    const bmc = simulatedBmc(host, log);
    if (!memory.isAtRest) host.change({ bmcPort: await bmc.open() });
    const isAtRest = () => memory.isAtRest || isGone;
    const watchdog = await openWatchdog({ host, now, log, isAtRest });
    return { host, bmc, watchdog };
  }

  /** All filters are one text, so two changes at once must not overtake each other. */
  function refilter(): Promise<void> {
    const set = () =>
      network.filter(
        room.table,
        places.map(({ host }) => {
          const { cut, lossPercent } = host.state();
          return { link: host.plan.link, cut, lossPercent };
        }),
      );
    filtering = filtering.then(set, set);
    return filtering;
  }

  async function keepRounds(): Promise<void> {
    while (!isGone) {
      for (const { host } of places)
        if (!isGone)
          await host.settle().catch((error: unknown) => {
            log.error({ host: host.plan.name, error }, "not as it should be; tried again");
          });
      await sleep(round);
    }
  }

  function viewOf({ host }: Place): HostView {
    const state = host.state();
    const { plan } = host;
    return {
      name: plan.name,
      power: state.power,
      bootId: state.bootId,
      boots: state.boots,
      isFrozen: state.isFrozen,
      cut: state.cut,
      lossPercent: state.lossPercent,
      bmc: {
        mood: state.bmcMood,
        url: `http://127.0.0.1:${state.bmcPort}/redfish/v1/Systems/${plan.name}`,
        user: bmcUser,
        password: state.bmcPassword,
      },
      watchdog: {
        socket: plan.watchdogSocket,
        isArmed: state.watchdog !== null,
        fired: state.watchdogFired,
      },
      address: plan.address,
      namespace: plan.namespace,
      state: plan.state,
      bootIdFile: plan.bootIdFile,
      uidsFirst: plan.uidsFirst,
      cgroup: plan.cgroup,
      networkTag: plan.networkTag,
      processes: [...host.processes()],
    };
  }
}

const noSuchHost = (name: string, { hosts }: RoomPlan) =>
  problem("not_found", "host_not_found", `The room has no host ${name}.`, {
    fix: `It has ${hosts.map((host) => host.name).join(", ")}.`,
  });
