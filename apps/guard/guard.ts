/**
 * A guard, put together: the lease, the watchdog, the pools and the kill switch of one host.
 *
 * Ten times a second it looks at what it knows, decides (decide.ts), and does it. Nothing in that loop
 * waits for anything: whatever may hang is begun, remembered as under way and looked at again next time.
 * Nothing thrown gets out of it either, because a guard that is gone protects nobody.
 */
import type { GuardState, Renewed } from "@holdfast/cloud/agent";
import type { GuardReport } from "@holdfast/cloud/hosts";
import type { Watchdog } from "@holdfast/drivers/watchdog";
import { milliseconds, type Ticks } from "@holdfast/kernel/time";
import { type AgentProcess, type Agents, connectedAgents } from "./agents.ts";
import { askAfter, type Decision, decide } from "./decide.ts";
import { executioner, type Killed, type Target } from "./executioner.ts";
import { expiresAt, type Lease, readLease, renewed, writeLease } from "./lease.ts";
import { type PoolWatch, type StampFolder, watchPool } from "./pool-watch.ts";

/** What a manager answers a renewal with; milliseconds. */
export interface Granted {
  readonly lease: number;
  readonly killBudget: number;
  readonly watchdog: number;
}

/** What a guard says to a manager. */
export interface GuardRenewal extends GuardReport {
  readonly epoch: number;
  readonly bootId: string;
}

export interface GuardDeps {
  /** Steady, in milliseconds, the same as the agent's: renewals say when they were sent by it. */
  readonly ticks: Ticks;
  /** For how long this machine has been suspended since its boot: its steady clock stood still, managers' did not. */
  readonly suspended?: () => number;
  /** The boot of this host, as its agent names it to the managers. `ticks` counts on through all of it. */
  readonly clockId: string;
  /** Calls back again and again; returns what ends it. */
  readonly every: (interval: number, act: () => void) => () => void;
  readonly watchdog: Watchdog;
  readonly openPool: (directory: string) => StampFolder;
  /** Every fenceable machine that is alive or being launched. */
  readonly findMachines: () => Promise<readonly Target[]>;
  /** One attempt at one manager, with a deadline of its own. Rejects if it does not grant the lease. */
  readonly askManager: (address: string, renewal: GuardRenewal) => Promise<Granted>;
  readonly findAgent: (pid: number) => AgentProcess | undefined;
  /** What a guard knows, for the next one. */
  readonly shelf: {
    read(): Promise<string | undefined>;
    write(text: string): Promise<void>;
  };
  readonly onKilled?: (killed: Killed) => void;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

export interface Guard {
  readonly agents: Pick<Agents, "connected">;
  state(): GuardState;
  /** One turn of the loop; it turns by itself as well. */
  look(): void;
  /** Stop. The watchdog is disarmed only if no fenceable machine is alive; otherwise it goes on counting. */
  retire(): Promise<void>;
  /** Stop as a process that is killed does, leaving everything as it is. */
  close(): void;
}

const turn = 100;
const petEvery = 500;
const askEvery = 1_000;
const sayEvery = 1_000;
/** With the lease held, the machines are only looked at to know them when it is not. */
const lookEvery = 1_000;
/** Attested as stamped, attested as petted. */
const freshFor = 2_000;
const frozenAfter = 10_000;
/** Of these, so much with managers that answer: an agent that nobody answered is not to blame for its silence. */
const answeredFor = frozenAfter - askAfter;
/** What fails ten times a second is said twice a minute. */
const complainEvery = 30_000;

export async function startGuard(deps: GuardDeps): Promise<Guard> {
  const { watchdog, log, clockId } = deps;
  const now = () => deps.ticks() + (deps.suspended?.() ?? 0);
  const startedAt = now();
  const complained = new Map<string, number>();
  const fault =
    (what: string, about: Record<string, unknown> = {}) =>
    (error: unknown) => {
      const key = `${what} ${JSON.stringify(about)}`;
      if (now() - (complained.get(key) ?? Number.NEGATIVE_INFINITY) < complainEvery) return;
      complained.set(key, now());
      log(what, { ...about, error });
    };
  const saved = await deps.shelf.read().catch(() => undefined);
  let lease: Lease | undefined = saved ? readLease(saved, clockId, startedAt) : undefined;
  /** Said by the agent; the managers may have answered us as well. */
  let agentHeardAt = lease?.sentAt;
  let grantedAt: number | undefined;
  /** Since when they have been doing so without a pause. */
  let grantingSince = 0;
  let pettedAt: number | undefined;
  let armedFor: number | undefined;
  let armingAt: number | undefined;
  let isArming = false;
  let machines: readonly Target[] = [];
  let lookedAt: number | undefined;
  let lookBegunAt: number | undefined;
  let isLooking = false;
  let saving: Promise<void> | undefined;
  let toSave: string | undefined;
  let saidAt = Number.NEGATIVE_INFINITY;
  let said = "";
  let decision: Decision | undefined;
  const asking = new Map<string, { at: number; isUnderWay: boolean }>();
  const pools = new Map<string, { readonly directory: string; readonly watch: PoolWatch }>();
  const kills = executioner(
    now,
    (killed) => {
      log("killed", { machine: killed.key, name: killed.name, took: killed.took });
      deps.onKilled?.(killed);
    },
    fault("could not leave a note or kill"),
  );
  const agents = connectedAgents({
    now,
    findAgent: deps.findAgent,
    onRenewed: hear,
    onConnected: (send) => send(JSON.stringify(state())),
    log,
  });
  followPools();
  const stop = deps.every(turn, look);
  look();

  return {
    agents,
    state,
    look,
    close() {
      stop();
      watchdog.close();
    },
    async retire() {
      stop();
      try {
        const left = await deps.findMachines();
        if (left.length === 0) await watchdog.disarm();
        else if (watchdog.isArmed())
          log("the watchdog stays armed, because fenceable guests are alive", {
            guests: left.length,
          });
      } catch (error) {
        log("the watchdog stays armed", { error });
      }
      watchdog.close();
      await saving; // Or half a file would be left.
    },
  };

  function look(): void {
    try {
      step();
    } catch (error) {
      fault("a turn of the guard failed")(error);
    }
  }

  function step(): void {
    const at = now();
    const next = decide({
      now: at,
      startedAt,
      lease,
      pools: [...pools.values()].map(({ watch }) => watch.sight()),
      alive: alive(at),
      agentHeardAt,
    });
    if (!decision || nameOf(decision) !== nameOf(next))
      log(nameOf(next), { isValid: next.isValid, isQuarantined: next.isQuarantined });
    decision = next;
    // In this order: what keeps the host alive, what ends guests, and then whatever may take its time.
    if (next.shouldPet) pet(at);
    if (next.isQuarantined) kills.strike(machines, lease ? "lease-expired" : "lease-unknown");
    if (!next.isValid || at - (lookBegunAt ?? Number.NEGATIVE_INFINITY) >= lookEvery)
      findMachines(at);
    if (next.shouldAsk) askManagers(at);
    for (const { watch } of pools.values())
      watch.look(at, lease?.host ?? "", next.isValid && lease ? String(lease.sentAt) : undefined);
    const isGranted = grantedAt !== undefined && at - grantedAt < freshFor;
    if (isGranted && at - grantingSince >= answeredFor) agents.killSilent(at - frozenAfter);
    say(at);
  }

  /** Known only from a look that was begun after the lease ended: before, machines may have been launched. */
  function alive(at: number): number | undefined {
    const isFresh =
      lookedAt !== undefined && lookedAt >= expiresAt(lease) && at - lookedAt < lookEvery;
    return isFresh ? machines.length : undefined;
  }

  function findMachines(at: number): void {
    if (isLooking) return;
    isLooking = true;
    lookBegunAt = at;
    deps
      .findMachines()
      .then((found) => {
        machines = found;
        lookedAt = at;
        if (decision?.isQuarantined) kills.strike(found, lease ? "lease-expired" : "lease-unknown");
        kills.seen(found);
      })
      .catch(fault("could not look for machines"))
      .finally(() => {
        isLooking = false;
      });
  }

  function pet(at: number): void {
    if (watchdog.isArmed() && armedFor !== undefined) {
      if (pettedAt !== undefined && at - pettedAt < petEvery) return;
      if (watchdog.pet()) pettedAt = at;
      return;
    }
    if (!lease || isArming || (armingAt !== undefined && at - armingAt < askEvery)) return;
    const wanted = milliseconds(lease.watchdog);
    isArming = true;
    armingAt = at;
    watchdog
      .arm(wanted)
      .then((time) => {
        if (time > wanted && armedFor !== time)
          log("the watchdog is slower than the protocol wants, and does not count", {
            time,
            wanted,
          });
        armedFor = time;
        pettedAt = at;
      })
      .catch(fault("could not arm the watchdog"))
      .finally(() => {
        isArming = false;
      });
  }

  function askManagers(at: number): void {
    const known = lease;
    if (!known) return;
    const { stamped, watchdog: dog } = report(at);
    const renewal = { epoch: known.epoch, bootId: known.bootId, stamped, watchdog: dog };
    for (const address of known.managers) {
      const last = asking.get(address);
      if (last && (last.isUnderWay || at - last.at < askEvery)) continue;
      const mine = { at, isUnderWay: true };
      asking.set(address, mine);
      deps
        .askManager(address, renewal)
        .then(
          ({ lease: length, killBudget, watchdog: time }) => {
            if (lease?.epoch !== known.epoch || lease.host !== known.host) return;
            if (grantedAt === undefined || at - grantedAt > freshFor) grantingSince = at;
            grantedAt = Math.max(grantedAt ?? at, at);
            take({ ...lease, sentAt: at, lease: length, killBudget, watchdog: time });
          },
          fault("a manager does not renew the lease", { address }),
        )
        .finally(() => {
          mine.isUnderWay = false;
        });
    }
  }

  function hear({ say: _, agentPid: __, ...heard }: Renewed): void {
    // By how old it is, so that a machine that slept in between counts its sleep from here on.
    const age = Math.max(0, deps.ticks() - heard.sentAt);
    agentHeardAt = now();
    take({ ...heard, sentAt: now() - age, clockId });
  }

  function take(fresh: Lease): void {
    const next = renewed(lease, fresh, now());
    if (next === lease) return;
    lease = next;
    followPools();
    save(writeLease(next));
    look();
  }

  function followPools(): void {
    const wanted = lease?.pools ?? {};
    for (const [name, { directory }] of pools) if (wanted[name] !== directory) pools.delete(name);
    for (const [name, directory] of Object.entries(wanted)) {
      if (pools.has(name)) continue;
      const complain = fault("a pool cannot be used", { pool: name });
      pools.set(name, { directory, watch: watchPool(deps.openPool(directory), now, complain) });
    }
  }

  /** One at a time and only the latest: the disk may be slow, and it is only for our successor. */
  function save(text: string): void {
    toSave = text;
    saving ??= (async () => {
      while (toSave !== undefined) {
        const mine = toSave;
        toSave = undefined;
        await deps.shelf.write(mine).catch(fault("could not write the lease down"));
      }
      saving = undefined;
    })();
  }

  function report(at: number): GuardReport {
    const isPetted = pettedAt !== undefined && at - pettedAt < freshFor;
    const isFast = armedFor !== undefined && armedFor > 0 && armedFor <= (lease?.watchdog ?? 0);
    const stamped = [...pools].filter(([, { watch }]) => {
      const stampedAt = watch.stampedAt();
      return stampedAt !== undefined && at - stampedAt < freshFor;
    });
    return {
      watchdog: { kind: watchdog.kind, isArmed: watchdog.isArmed() && isFast && isPetted },
      stamped: stamped.map(([name]) => name),
    };
  }

  function state(): GuardState {
    const { isValid = false, isQuarantined = false } = decision ?? {};
    return { say: "state", isValid, isQuarantined, ...report(now()) };
  }

  function say(at: number): void {
    const current = state();
    const text = JSON.stringify(current);
    if (text === said && at - saidAt < sayEvery) return;
    said = text;
    saidAt = at;
    agents.tell(current);
  }
}

function nameOf({ isValid, isHeadless, isQuarantined }: Decision): string {
  if (isValid) return "the lease is held";
  if (isQuarantined) return "quarantine: the lease has run out, fenceable guests are killed";
  if (isHeadless) return "headless: the lease has run out, but for everybody";
  return "the lease has run out";
}
