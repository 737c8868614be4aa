/**
 * The words that scripts are written in. Each does one thing to the cloud and says so in the story, or waits
 * for something to be so; after each wait the story takes in what has been written down until then.
 *
 * A script waits for conditions. `stays` is for what must not happen, and takes the time it is given.
 */
import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import {
  befall,
  isAlive,
  type Misfortune,
  type SimulatedMachine,
} from "@holdfast/drivers/hypervisor/simulated";
import type { BmcConduct } from "@holdfast/drivers/power/simulated";
import { milliseconds } from "@holdfast/kernel/time";
import { wallClock } from "../../../drivers/hypervisor/fixture-host.ts";
import type { Direction } from "./cable.ts";
import type { Cloud, Keep } from "./cloud.ts";
import type { Sited } from "./site.ts";
import type { Tale } from "./tale.ts";

export interface Instance {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly host: string | null;
  readonly generation: number;
  readonly cause: { readonly class: string; readonly says: string } | null;
}
interface Host {
  readonly name: string;
  readonly state: string;
  readonly epoch: number;
}
export interface Wanted {
  /** On the host's own disks. */
  readonly isLocal?: boolean;
  readonly recovery?: "automatic" | "in-place" | "elsewhere" | "none";
  readonly priority?: number;
  readonly dependsOn?: readonly string[];
  readonly group?: string;
  readonly type?: string;
}

/** Seconds. */
export interface Takes {
  readonly copying?: number;
  readonly switching?: number;
}

export type HostName = `host-${number}`;
const at = "/v1/projects/default/instances";
const moves = "/v1/projects/default/migrations";
const lease = 5_000;
/** Longer than anything may take: a budget of restarts with its pauses, a deadline and a fence. */
const patience = 120_000;
const lookEvery = 250;

export type Day = ReturnType<typeof newDay>;

export function newDay(cloud: Cloud, tale: Tale) {
  const { call } = cloud;
  const station = (name: HostName) => found(cloud.stations, name);
  const manager = (name: string) => found(cloud.managers, name);
  const show = async (name: string) => (await call<Instance>("GET", `${at}/${name}`)).body;
  const hosts = async () => (await call<{ hosts: Host[] }>("GET", "/v1/hosts")).body.hosts;
  const did = tale.did;

  return {
    cloud,
    call,
    show,
    station,
    did,

    /** Run an instance on this host. Later it may go to any. */
    async run(name: string, host: HostName, wanted: Wanted = {}): Promise<void> {
      const { isLocal, group, type, ...rest } = wanted;
      const tags = { tags: [name] };
      for (const { name: each } of cloud.stations)
        await call("PATCH", `/v1/hosts/${each}`, each === host ? tags : { tags: [] });
      const { status, body } = await call<{ message?: string }>("POST", at, {
        ...{ name, hostTags: [name], ...rest },
        ...(isLocal ? { pool: "local" } : {}),
        ...(group ? { antiAffinityGroup: group } : {}),
        ...(type ? { type } : {}),
      });
      assert.equal(status, 202, JSON.stringify(body));
      await runs(name, 1);
    },
    /** All of them may go anywhere. Call after the last `run`. */
    async free(): Promise<void> {
      const rows = await cloud.database.query<{ name: string }>("select name from instance");
      for (const { name } of cloud.stations)
        await call("PATCH", `/v1/hosts/${name}`, { tags: rows.map((row) => row.name) });
      await tale.hear();
    },
    async order(name: string, verb: string, body: object = {}): Promise<void> {
      did(`${verb} ${name}`);
      const { status, body: answer } = await call("POST", `${at}/${name}/${verb}`, body);
      assert.equal(status, 202, JSON.stringify(answer));
    },

    /** Over a wire that takes so many seconds for its memory, and for the last step. */
    async migrate(name: string, to: HostName, takes: Takes = {}): Promise<void> {
      const { copying = 20, switching = 0 } = takes;
      for (const { world } of cloud.stations) {
        world.wireSpeed = (128 * 2 ** 20) / copying;
        world.switchTime = milliseconds(switching * 1_000);
      }
      did(`migrate ${name} to ${to}`);
      const { status, body } = await call("POST", `${at}/${name}/migrate`, { host: to });
      assert.equal(status, 202, JSON.stringify(body));
    },
    /** The latest of this instance is in this state. */
    async moveIs(name: string, ...states: readonly string[]): Promise<void> {
      let last: unknown;
      await until(
        `the move of ${name} is ${states.join(" or ")}`,
        async () => {
          last = await latest(name);
          return states.includes((await latest(name))?.state ?? "");
        },
        async () => JSON.stringify(last),
      );
    },
    /** All of its memory is there, and it stands still on its source. */
    async standsStill(name: string): Promise<void> {
      await until(`${name} stands still`, () =>
        incarnations(name).some(([, { exit, isStill, hasLeft }]) => !exit && (isStill || hasLeft)),
      );
    },
    async abort(name: string): Promise<void> {
      did(`break the move of ${name} off`);
      const { status } = await call("POST", `${moves}/${(await latest(name))?.id}/abort`, {});
      assert.equal(status, 202);
    },
    /** Nothing gets from one host to another any more. */
    cutBetween(one: HostName, other: HostName): void {
      did(`cut the way between ${one} and ${other}`);
      const { ways } = station(one);
      const ends = [station(one).wayAddress, station(other).wayAddress];
      const before = ways.isCut;
      ways.isCut = (from, to) => before(from, to) || (ends.includes(from) && ends.includes(to));
      ways.settle();
    },

    cut(host: HostName, ...ways: Direction[]): void {
      did(`cut ${[host, ...ways].join(" ")}`);
      station(host).cable.cut(...(ways.length ? ways : (["up", "down"] as const)));
    },
    mend(host: HostName): void {
      did(`mend ${host}`);
      station(host).cable.mend();
    },
    lose(host: HostName, share: number): void {
      did(`${host} loses ${share * 100} %`);
      station(host).cable.lose(share);
    },
    /** Right after a heartbeat, so that every run has the same time left. */
    async freezeAgent(host: HostName): Promise<void> {
      await renewal(host);
      did(`freeze the agent of ${host}`);
      station(host).agent?.freeze();
    },
    thawAgent(host: HostName): void {
      did(`thaw the agent of ${host}`);
      station(host).agent?.thaw();
    },
    /** The host with all that is on it: agent, guard and machines. */
    async freeze(host: HostName): Promise<void> {
      await renewal(host);
      did(`freeze ${host}`);
      station(host).freeze();
    },
    thaw(host: HostName): void {
      did(`thaw ${host}`);
      station(host).thaw();
    },
    leases: (count: number) => sleep(count * lease),
    killAgent(host: HostName, comesBack = true): void {
      did(`kill the agent of ${host}`);
      station(host).killAgent(comesBack);
    },
    killGuard(host: HostName, comesBack = true): void {
      did(`kill the guard of ${host}`);
      station(host).killGuard(comesBack);
    },
    async off(host: HostName): Promise<void> {
      did(`power of ${host} is lost`);
      await station(host).off();
    },
    async on(host: HostName): Promise<void> {
      did(`power of ${host} is back`);
      await station(host).on();
    },
    /** In the moment in which its power goes: whoever switched it off has not yet seen that. */
    async whenOff(host: HostName, act: () => void): Promise<void> {
      let isOff = false;
      station(host).onOff(() => {
        act();
        isOff = true;
      });
      await become(`${host} is off`, () => isOff);
    },
    async reboot(host: HostName): Promise<void> {
      did(`reboot ${host}`);
      await station(host).reboot();
    },
    hang(host: HostName): void {
      did(`the shared store hangs for ${host}`);
      station(host).hang(true);
    },
    unhang(host: HostName): void {
      did(`the shared store answers ${host} again`);
      station(host).hang(false);
    },
    bmc(host: HostName, conduct: BmcConduct): void {
      did(`the BMC of ${host} is ${typeof conduct === "object" ? "slow" : conduct}`);
      cloud.bmc?.behave(conduct, host);
    },
    die(name: string, how: Misfortune): void {
      did(`${name}: ${how}`);
      const [[{ world }, machine] = no(name)] = incarnations(name).filter(([, { exit }]) => !exit);
      befall(world, machine.spec, wallClock, how);
    },
    async attest(host: HostName): Promise<void> {
      did(`an operator swears that ${host} is off`);
      cloud.oracle.excuse(host);
      const reason = "I have pulled its plug.";
      const { status, body } = await call("POST", `/v1/hosts/${host}/attest`, {
        name: host,
        reason,
      });
      assert.equal(status, 200, JSON.stringify(body));
    },
    async release(domain: string): Promise<void> {
      did(`an operator releases the brake of ${domain}`);
      const { status } = await call("POST", "/v1/fencing/release", { domain, minutes: 5 });
      assert.equal(status, 200);
    },
    killManager(name: string): void {
      did(`kill ${name}`);
      manager(name).kill();
    },
    async startManager(name: string): Promise<void> {
      did(`start ${name}`);
      await manager(name).start();
    },
    pause(name: string): void {
      did(`${name} stands still`);
      manager(name).pause();
    },
    resume(name: string): void {
      did(`${name} goes on`);
      manager(name).resume();
    },
    jump(name: string, duration: number): void {
      did(`the clock of ${name} jumps`);
      manager(name).jump(duration);
    },

    runs,
    /** It is in this state. */
    async is(name: string, state: string): Promise<void> {
      await until(
        `${name} is ${state}`,
        async () => (await show(name)).state === state,
        async () => JSON.stringify(await show(name)),
      );
    },
    async hostIs(name: HostName, state: string, epoch?: number): Promise<void> {
      await until(`${name} is ${state}`, async () =>
        (await hosts()).some(
          (host) => host.name === name && host.state === state && epoch === (epoch && host.epoch),
        ),
      );
    },
    until,
    /** For so many leases it stays so. */
    async stays(
      what: string,
      leases: number,
      isSo: () => Promise<boolean> | boolean,
    ): Promise<void> {
      const end = performance.now() + leases * lease;
      while (performance.now() < end) {
        assert.ok(await isSo(), `not so any more: ${what}`);
        await sleep(lookEvery);
      }
      await tale.hear();
      did(`  all the while: ${what}`);
    },
    /** How a generation ended: what is left of it on its host. */
    ending: (name: string, generation: number) =>
      cloud.oracle.machines.find(({ spec }) => spec.name === name && spec.generation === generation)
        ?.exit,
    /** Its machine, if one that is alive is there. */
    machine: (name: string) => incarnations(name).find(([, { exit }]) => !exit)?.[1],
    /** The hosts on which its guest can do anything at this moment. */
    livesOn: (name: string) =>
      incarnations(name)
        .filter(([, machine]) => isAlive(machine))
        .map(([{ name: host }]) => host),
    /** Whether its agent has passed on a renewal since this was called. */
    heard(host: HostName): () => boolean {
      const before = station(host).renewals;
      return () => station(host).renewals > before;
    },
    /** What the guard and the watchdog of a host did. */
    deeds: (host: HostName) => station(host).deeds,
    certificates: async () =>
      (
        await call<{ certificates: { name: string; proof: string; epoch: number }[] }>(
          "GET",
          "/v1/fence-certificates",
        )
      ).body.certificates,
    /** Something about it, which the script has looked at. */
    note: (line: string) => did(`  ${line}`),
  };

  async function latest(name: string): Promise<{ id: string; state: string } | undefined> {
    const path = `${moves}?instance=${name}&limit=1`;
    const { body } = await call<{ migrations: { id: string; state: string }[] }>("GET", path);
    return body.migrations[0];
  }

  async function renewal(host: HostName): Promise<void> {
    const one = station(host);
    const before = one.renewals;
    await become(`${host} is heard`, () => one.renewals > before);
  }

  async function runs(name: string, generation: number): Promise<void> {
    await until(
      `${name} runs as generation ${generation}`,
      async () => {
        const now = await show(name);
        return now.state === "running" && now.generation === generation;
      },
      async () => JSON.stringify(await show(name)),
    );
  }

  async function until(
    what: string,
    isSo: () => Promise<boolean> | boolean,
    instead?: () => Promise<string>,
  ): Promise<void> {
    try {
      await become(what, isSo);
    } catch (error) {
      await tale.hear();
      throw new Error(`${error}; instead: ${await instead?.()}\n${tale.text()}`);
    }
    await tale.hear();
  }

  function incarnations(name: string): [Sited, SimulatedMachine][] {
    return cloud.stations.flatMap((each) =>
      [...each.world.machines.values()]
        .filter(({ spec }) => spec.name === name)
        .map((machine): [Sited, SimulatedMachine] => [each, machine]),
    );
  }
}

function found<T extends Sited | Keep>(all: readonly T[], name: string): T {
  const one = all.find((each) => each.name === name);
  if (!one) throw new Error(`there is no ${name}`);
  return one;
}

function no(name: string): never {
  throw new Error(`${name} has no machine`);
}

/** Waits for a condition, and says which one it was if it never comes true. */
export async function become(what: string, isSo: () => Promise<boolean> | boolean): Promise<void> {
  for (const end = performance.now() + patience; !(await isSo()); await sleep(lookEvery))
    if (performance.now() > end) throw new Error(`never came true: ${what}`);
}
