/**
 * What a manager does by itself, again and again, whether anything has happened or not.
 *
 * Every manager makes all of these rounds; where one is enough, whoever has the turn in the database does the work. A round
 * that fails is told of, and the next one makes up for it.
 */
import type { Access } from "@holdfast/cloud/access/edge";
import { type AuditLog, forgetAudit } from "@holdfast/cloud/audit/edge";
import type { Fencer } from "@holdfast/cloud/availability/edge";
import type { StatusChecks } from "@holdfast/cloud/checks/edge";
import type { Hub, Leases } from "@holdfast/cloud/hosts/edge";
import type { imageImports } from "@holdfast/cloud/images/edge";
import { findWaiting, leftoversOn, type Worker } from "@holdfast/cloud/instances/edge";
import type { InvariantWatch } from "@holdfast/cloud/invariants/edge";
import type { VolumeWatch } from "@holdfast/cloud/volumes/edge";
import type { DatabaseClock } from "@holdfast/store/clock";
import type { Database } from "@holdfast/store/database";
import type { Turns } from "@holdfast/store/turns";
import type { Logger } from "pino";
import type { Reactions } from "./reactions.ts";
import type { Terms } from "./terms.ts";

export interface RoundDeps {
  readonly database: Database;
  readonly clock: DatabaseClock;
  readonly terms: Terms;
  readonly hub: Hub;
  readonly worker: Worker;
  readonly leases: Leases;
  readonly fencing: Fencer;
  readonly checks: StatusChecks;
  readonly invariants: InvariantWatch;
  readonly volumes: VolumeWatch;
  readonly planned: Turns;
  readonly audit: AuditLog;
  readonly sessions: Access["sessions"];
  readonly imports: ReturnType<typeof imageImports>;
  readonly changed: Reactions;
  readonly log: Logger;
  readonly onError: (error: unknown) => void;
}

export interface Rounds {
  begin(): void;
  /** Begins no more of them. Those under way go on. */
  end(): void;
}

/** Networks and guests are looked at when the journal names them, and all of them so often; milliseconds. */
const seldom = 600_000;
const [aSecond, aMinute, anHour] = [1_000, 60_000, 3_600_000];

export function rounds(deps: RoundDeps): Rounds {
  const { database, clock, terms, hub, worker, leases, audit, changed, log, onError } = deps;
  let beats: readonly NodeJS.Timeout[] = [];
  return {
    begin() {
      const every = (wait: number, round: () => Promise<void>) =>
        setInterval(() => void round().catch(onError), wait);
      beats = [
        every(aSecond, lookAtWhatIsDue),
        every(aSecond, deps.checks.watch),
        setInterval(sweep, terms.resync()),
        setInterval(changed.lookAtAll, seldom),
        setInterval(() => audit.sum(), aMinute),
        every(anHour, forgetWhatIsOld),
      ];
      void deps.imports.sweep().catch(onError);
      void lookAtWaiting().catch(onError);
    },
    end() {
      for (const beat of beats) clearInterval(beat);
    },
  };

  function sweep(): void {
    void deps.imports.sweep().catch(onError);
    void tellLeftovers().catch(onError);
  }

  async function lookAtWhatIsDue(): Promise<void> {
    const hasJumped = await clock.sync().catch(async (error: unknown) => {
      await leases.watch().catch(() => {}); // It has to know that the database is away, and says the same of it.
      throw error;
    });
    if (hasJumped) {
      log.warn("the time has jumped");
      await lookAtWaiting();
    }
    await changed.keepUp();
    await deps.volumes.tick();
    deps.planned.changed();
    await leases.watch();
    await deps.fencing.round();
    void deps.invariants.round();
  }

  /** Whatever waits for a moment: after a jump of the time that is no longer the one that was meant. */
  async function lookAtWaiting(): Promise<void> {
    worker.look(await database.transaction(findWaiting));
  }

  /** Copies that moves have left behind: a host that could not remove one then may be able to now. */
  async function tellLeftovers(): Promise<void> {
    for (const [host, volumes] of await leftoversOn(database, hub.hosts()))
      hub.tell(
        host,
        [],
        volumes.map((volume) => ({ volume, pool: "local" })),
      );
  }

  async function forgetWhatIsOld(): Promise<void> {
    await forgetAudit(database, terms.keepAudit(), clock.now());
    await deps.sessions.forget();
  }
}
