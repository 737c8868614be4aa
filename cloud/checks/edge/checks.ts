/**
 * Status checks of one manager, put together: what hosts see goes in, alarms ring, what they ask for is done.
 *
 * Nothing here is needed for an instance to live. If it stops, checks become `insufficient-data` and no
 * alarm rings; no state changes.
 */
import type { Checkup } from "@holdfast/cloud/hosts";
import type { Worker } from "@holdfast/cloud/instances/edge";
import type { Settings } from "@holdfast/cloud/settings";
import type { Webhooks } from "@holdfast/drivers/webhook";
import type { HostId, MintId } from "@holdfast/kernel/ids";
import { type Clock, type Duration, seconds } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import type { Limits } from "../core/model.ts";
import { carryOut } from "./actions.ts";
import { ringAlarms } from "./alarms.ts";
import { forgetExpunged, recorder } from "./recorder.ts";

export interface ChecksDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
  readonly settings: () => Settings;
  readonly worker: Pick<Worker, "order">;
  readonly webhooks: Webhooks;
  readonly onError: (error: unknown) => void;
}

export interface StatusChecks {
  /** A host has looked at its machines. */
  heard(host: HostId, epoch: number, checkup: Checkup): void;
  /** A host has connected anew. */
  arrived(host: HostId): void;
  /** How often hosts should. */
  every(): Duration;
  limits(): Limits;
  /** Rings what is due and does what was asked for. Call about once a second. */
  watch(): Promise<void>;
  close(): Promise<void>;
}

export function statusChecks(deps: ChecksDeps): StatusChecks {
  const { database, clock, mintId, settings, worker, webhooks, onError } = deps;
  let rungAt = 0;
  let sweptAt = 0;
  let watching: Promise<void> | undefined;
  let isOpen = true;
  const limits = () => limitsFrom(settings());
  const records = recorder({
    database,
    clock,
    limits,
    onChanged() {
      rungAt = 0; // Somebody may have set an alarm for it.
      void watch().catch(onError);
    },
    onError,
  });

  return {
    heard: records.heard,
    arrived: records.arrived,
    every: () => limits().interval,
    limits,
    watch,
    async close() {
      isOpen = false;
      await records.close();
      await watching?.catch(() => {});
    },
  };

  function watch(): Promise<void> {
    if (!isOpen) return Promise.resolve();
    watching ??= look().finally(() => {
      watching = undefined;
      if (rungAt === 0 && isOpen) void watch().catch(onError); // Asked for while it was under way.
    });
    return watching;
  }

  async function look(): Promise<void> {
    const { interval } = limits();
    const now = clock.now();
    if (now - rungAt >= interval) {
      rungAt = now;
      await ringAlarms({
        database,
        clock,
        mintId,
        limits,
        recoveriesPerDay: () => settings()["alarms.recoveries_per_day"],
      });
    }
    const reach = () => settings()["alarms.webhook_reach"];
    const attempts = () => settings()["alarms.webhook_attempts"];
    await carryOut({ database, clock, mintId, worker, webhooks, reach, attempts });
    if (now - sweptAt < hour) return;
    sweptAt = now;
    await forgetExpunged(database);
  }
}

const hour = 3_600_000;

export const limitsFrom = (settings: Settings): Limits => ({
  interval: seconds(settings["checks.interval"]),
  failures: settings["checks.failures"],
  stalledIo: seconds(settings["checks.stalled_io"]),
  storageLatency: seconds(settings["checks.storage_latency"]),
  bootTimeout: seconds(settings["instances.boot_timeout"]),
});
