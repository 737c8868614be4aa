/**
 * What each part of a manager goes by: the settings, in the units of the part that asks.
 *
 * Each is a function and asked anew each time: a setting that is changed holds from then on, and nothing is restarted for it.
 */
import { movePatienceFrom, patienceFrom } from "@holdfast/cloud/instances";
import { bytesFromMbps } from "@holdfast/cloud/instances/edge";
import type { Settings } from "@holdfast/cloud/settings";
import { seconds } from "@holdfast/kernel/time";

type InSeconds =
  | "hosts.heartbeat"
  | "hosts.lease"
  | "hosts.kill_budget"
  | "hosts.watchdog"
  | "hosts.flap_window"
  | "manager.resync"
  | "availability.power_retry"
  | "availability.power_deadline"
  | "sessions.idle"
  | "sessions.longest"
  | "images.keep_strays";

const gib = 2 ** 30;

export type Terms = ReturnType<typeof termsFrom>;

export function termsFrom(current: () => Settings) {
  const inSeconds = (setting: InSeconds) => seconds(current()[setting]);
  /** What a host is told, and keeps to also where nobody can tell it anything. */
  const lease = () => ({
    lease: inSeconds("hosts.lease"),
    killBudget: inSeconds("hosts.kill_budget"),
    watchdog: inSeconds("hosts.watchdog"),
  });
  const resync = () => inSeconds("manager.resync");
  return {
    lease,
    resync,
    heartbeat: () => inSeconds("hosts.heartbeat"),
    concurrentStarts: () => current()["agent.concurrent_starts"],
    flaps: () => ({
      limit: current()["hosts.flap_limit"],
      window: inSeconds("hosts.flap_window"),
    }),
    fencing: () => ({
      ...lease(),
      acceptsSoftware: current()["hosts.software_watchdog"] === 1,
      brake: {
        pod: current()["availability.brake"],
        zone: current()["availability.zone_brake"],
      },
      powerRetry: inSeconds("availability.power_retry"),
      powerDeadline: inSeconds("availability.power_deadline"),
    }),
    patience: () => patienceFrom(current()),
    passes: () => ({ batch: current()["manager.batch"], resync: resync() }),
    moves: () => ({
      patience: movePatienceFrom(current()),
      bytesPerSecond: bytesFromMbps(current()["migrations.bandwidth"]) || undefined,
      network: current()["migrations.network"] || undefined,
    }),
    placement: () => ({
      planner: current()["placement.planner"],
      factors: {
        cpu: current()["placement.cpu_overprovisioning"],
        memory: current()["placement.memory_overprovisioning"],
      },
    }),
    volumeShares: () => ({
      nearlyFull: current()["volumes.nearly_full"],
      reserve: current()["volumes.reserve"],
    }),
    volumeChecks: () => current()["volumes.check_interval"],
    backups: () => current()["backups.place"],
    keepStrays: () => inSeconds("images.keep_strays"),
    /** Bytes. */
    largestImage: () => current()["images.largest"] * gib,
    sessions: () => ({ idle: inSeconds("sessions.idle"), longest: inSeconds("sessions.longest") }),
    pace: () => ({ rate: current()["access.rate"], burst: current()["access.burst"] }),
    paceOfNobody: () => ({
      rate: current()["access.nobody_rate"],
      burst: current()["access.nobody_burst"],
    }),
    keepAudit: () => current()["audit.retention"],
    invariants: () => current()["manager.invariants"],
  };
}
