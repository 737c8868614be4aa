/**
 * Sees to it that a silent host is either heard or proven dead.
 *
 * Level-triggered, like everything here: once a second, if any host is silent, all of those are read in one query and each
 * gets its next step. What is remembered between two rounds is only which power controllers are busy;
 * forgetting it costs another command to switch off what is off.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import { after, type Duration, type Instant, since } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { dropLease, holdLease } from "@holdfast/store/leases";
import { announce } from "@holdfast/store/news";
import { type Braked, type BrakeRules, brake, podOf, zoneOf } from "../core/brake.ts";
import { type FencingRules, type FencingSteps, fence, type Power } from "../core/fencing.ts";
import { certifyAll, type Notary, type Proven } from "./certificates.ts";
import { noteBmc, type PowerController } from "./power-controllers.ts";
import {
  type FleetRow,
  isAny,
  readLeftOff,
  readReleases,
  readSilent,
  readStandings,
} from "./silent-hosts.ts";
import type { StorageCut } from "./storage-cut.ts";

export interface FencerDeps {
  readonly database: Database;
  readonly notary: Notary;
  readonly rules: () => FencingRules & { readonly brake: BrakeRules } & PowerRules;
  readonly power: (bmc: NonNullable<FleetRow["bmc"]>) => PowerController;
  /** Takes volumes away, where pools can. */
  readonly storage: StorageCut;
  readonly isSettling: () => boolean;
  /** When the clock last jumped. */
  readonly steadySince: () => Instant | undefined;
  readonly onFenced: (hosts: readonly HostId[]) => void;
  readonly onError: (error: unknown, about: string) => void;
}

export interface PowerRules {
  readonly powerRetry: Duration;
  readonly powerDeadline: Duration;
}

/** A silent host and what is being done about it. */
export interface Pursuit {
  readonly host: string;
  readonly since: Instant;
  readonly steps: FencingSteps;
}

export interface Fencer {
  /** One round. Call about once a second. */
  round(): Promise<void>;
  /** What the last round saw, for whoever asks what is wrong. */
  pursuits(): readonly Pursuit[];
  braked(): readonly Braked[];
}

/** Hosts that fell one after the other within this time fell together, as far as the brake goes; milliseconds. */
const together = 30_000;
/** Hosts that are proven dead in one transaction: their guests are held meanwhile. */
const provenAtOnce = 100;

export function fencer(deps: FencerDeps): Fencer {
  const { database, notary, onFenced, onError } = deps;
  const powers = new Map<HostId, Power>();
  const cuts = new Map<HostId, Power>();
  let pursuits: readonly Pursuit[] = [];
  let braked: readonly Braked[] = [];
  /** Domains whose brake is in the journal. */
  let told: ReadonlySet<string> = new Set();

  return { round, pursuits: () => pursuits, braked: () => braked };

  async function round(): Promise<void> {
    if (deps.isSettling()) return;
    const any = await isAny(database);
    if (any?.off) await switchOnAgain();
    const silent = any?.silent ? await readSilent(database, notary.now()) : [];
    if (silent.length === 0) {
      pursuits = [];
      braked = [];
      told = new Set();
      return;
    }
    const now = notary.now();
    const rules = deps.rules();
    braked = brake(
      await readStandings(database, (now - together) as Instant), // As long ago.
      rules.brake,
      await readReleases(database, now),
    );
    await tellBrake();
    const canCut = await deps.storage.whichCanCut(silent).catch(() => new Set<HostId>());
    pursuits = silent.map((row) => ({
      host: row.name,
      since: row.silentSince,
      steps: fence(
        {
          ...row,
          steadySince: deps.steadySince(),
          power: row.bmc ? (powers.get(row.id) ?? idle(row.silentSince)) : { is: "absent" },
          storage: canCut.has(row.id)
            ? (cuts.get(row.id) ?? idle(row.silentSince))
            : { is: "absent" },
          brakedBy: braked.find(({ domain }) => isOf(row, domain))?.domain,
        },
        rules,
        now,
      ),
    }));
    const bound: Proven[] = [];
    silent.forEach((row, index) => {
      const steps = pursuits[index]?.steps;
      if (steps?.isBoundOver) bound.push(boundOver(row, steps));
      if (steps) act(row, steps);
    });
    for (let from = 0; from < bound.length; from += provenAtOnce)
      await proveTogether(bound.slice(from, from + provenAtOnce));
  }

  /** A watchdog has reset it for certain. */
  function boundOver(row: FleetRow, steps: FencingSteps): Proven {
    const evidence = {
      watchdog: row.watchdog ?? null,
      boundSeconds: since(row.silentSince, steps.until ?? row.silentSince) / 1_000,
    };
    return { ...caseOf(row), proof: "watchdog", evidence };
  }

  /** What cannot be written of all of them is written of each. */
  async function proveTogether(all: readonly Proven[]): Promise<void> {
    try {
      await prove(all);
    } catch (error) {
      const isAway = error instanceof Problem && error.code === "database_unavailable";
      if (isAway || all.length === 1) throw error;
      onError(error, `proofs for ${all.length} hosts at once`);
      for (const one of all)
        await prove([one]).catch((why: unknown) => onError(why, `the proof for ${one.host}`));
    }
  }

  function act(row: FleetRow, steps: FencingSteps): void {
    if (steps.cutStorage) {
      cuts.set(row.id, { is: "busy" });
      void cutStorage(row)
        .catch((error: unknown) => onError(error, `the volumes of ${row.name}`))
        .finally(() => cuts.set(row.id, idle(after(notary.now(), deps.rules().powerRetry))));
    }
    const { bmc } = row;
    if (steps.powerOff && !steps.isBoundOver && bmc) pressing(row, () => switchOff(row, bmc));
  }

  async function switchOff(row: FleetRow, bmc: NonNullable<FleetRow["bmc"]>): Promise<void> {
    // One manager at a time; were there two, both would only read that it is off.
    await inTurn(row, async () => {
      const controller = deps.power(bmc);
      // A controller that was dead may come back after its host did.
      await controller.powerOff(() => isStillSilent(row));
      const power = await controller.readPower();
      await noteBmc(database, row.id, power);
      if (power !== "off") return;
      const evidence = { controller: bmc.url, power };
      if (await prove([{ ...caseOf(row), proof: "power-off", evidence }]))
        await switchOn(row, controller);
    });
  }

  /** Whoever has switched them off has ended before it could switch them on again. */
  async function switchOnAgain(): Promise<void> {
    const isLeft = async (id: HostId) =>
      (await readLeftOff(database, notary.now())).some((row) => row.id === id);
    for (const row of await readLeftOff(database, notary.now())) {
      const { bmc } = row;
      const power = powers.get(row.id) ?? idle(row.silentSince);
      if (!bmc || power.is !== "idle" || power.notBefore > notary.now()) continue;
      pressing(row, () =>
        inTurn(row, async () => {
          if (await isLeft(row.id)) await switchOn(row, deps.power(bmc));
        }),
      );
    }
  }

  async function inTurn(row: FleetRow, work: () => Promise<void>): Promise<void> {
    const { powerDeadline } = deps.rules();
    const turn = `power ${row.id}`;
    if ((await holdLease(database, turn, notary.self, powerDeadline)) === undefined) return;
    try {
      await work();
    } catch (error) {
      await noteBmc(database, row.id, error instanceof Problem ? error.message : String(error));
      throw error;
    } finally {
      await dropLease(database, turn, notary.self);
    }
  }

  function pressing(row: FleetRow, work: () => Promise<void>): void {
    powers.set(row.id, { is: "busy" });
    void work()
      .catch((error: unknown) => onError(error, `the power of ${row.name}`))
      .finally(() => powers.set(row.id, idle(after(notary.now(), deps.rules().powerRetry))));
  }

  /** All managers may do it at once: to take away what is gone is nothing. */
  async function cutStorage(row: FleetRow): Promise<void> {
    if (!(await isStillSilent(row))) return;
    const volumes = await deps.storage.cut(row.id, row.epoch);
    if (volumes === undefined) return;
    await prove([{ ...caseOf(row), proof: "storage-cut", evidence: { volumes } }]);
  }

  /** It was sick enough to be switched off; a new boot is the usual cure, and it owns disks that nobody else has. */
  async function switchOn(row: FleetRow, controller: PowerController): Promise<void> {
    await controller.powerOn();
    await noteBmc(database, row.id, await controller.readPower());
    await appendJournal(database, [
      { at: notary.now(), kind: "host", subject: row.id, event: "poweredOn", actor: "holdfast" },
    ]);
  }

  async function isStillSilent({ id, epoch, silentSince }: FleetRow): Promise<boolean> {
    const rows = await database.query(
      `select from host h join host_lease l on l.host_id = h.id
       where h.id = $1 and h.state = 'suspect' and h.epoch = $2
         -- Times are read in milliseconds, and kept in microseconds.
         and date_trunc('milliseconds', l.renewed_at) <= $3`,
      [id, epoch, new Date(silentSince)],
    );
    return rows.length > 0;
  }

  /** Resolves with whether any of them was. */
  async function prove(all: readonly Proven[]): Promise<boolean> {
    const hosts = await database.transaction(async (sql) => {
      const written = (await certifyAll(sql, notary, all)).map(({ host }) => host);
      if (written.length > 0)
        await announce(sql, { from: notary.self, hosts: written, instances: [] });
      return written;
    });
    if (hosts.length > 0) onFenced(hosts);
    return hosts.length > 0;
  }

  /** Once per brake; every manager sees it, and one row is enough for the timeline. */
  async function tellBrake(): Promise<void> {
    const fresh = braked.filter(({ domain }) => !told.has(domain));
    told = new Set(braked.map(({ domain }) => domain));
    for (const { domain, ...counts } of fresh)
      onError({ domain, ...counts }, "fencing stops: too many hosts are silent at once");
  }
}

const idle = (notBefore: Instant): Power => ({ is: "idle", notBefore });

const caseOf = ({ id, epoch, silentSince }: FleetRow) => ({
  host: id,
  epoch,
  silentSince,
  actor: "holdfast",
});

const isOf = ({ pod, zone }: FleetRow, domain: string) =>
  domain === podOf(pod) || domain === zoneOf(zone);
