/** The deadlines of a life, from the platform's settings. */
import type { Settings } from "@holdfast/cloud/settings";
import { seconds } from "@holdfast/kernel/time";
import type { MovePatience } from "./migration.ts";
import type { Patience } from "./model.ts";

/** The agent's own ladder needs this much more than the guest's grace before a manager calls it overdue. */
const margin = 10;

/** What the terms of a move are reckoned from. */
export const movePatienceFrom = (settings: Settings): MovePatience => ({
  least: seconds(settings["migrations.patience"]),
  perGiB: seconds(settings["migrations.patience_per_gib"]),
  switching: seconds(settings["migrations.switching"]),
});

export function patienceFrom(settings: Settings): Patience {
  return {
    provisioning: seconds(settings["instances.provisioning_deadline"]),
    starting: seconds(settings["instances.starting_deadline"]),
    stopGrace: seconds(settings["instances.stop_grace"]),
    stoppingGracefully: seconds(settings["instances.stop_grace"] + margin),
    stoppingForced: seconds(settings["instances.stop_force_deadline"]),
    rebootGrace: seconds(settings["instances.reboot_grace"]),
    rebooting: seconds(settings["instances.reboot_grace"] + settings["instances.reboot_deadline"]),
    preparingMigration: seconds(settings["migrations.preparing"]),
    abortingMigration: seconds(settings["migrations.aborting"]),
    lost: seconds(settings["instances.lost_page"]),
    expunging: seconds(settings["instances.expunge_retry"]),
    undoWindow: seconds(settings["instances.undo_window"]),
    dependencyWait: seconds(settings["instances.dependency_wait"]),
    restartsPerWindow: settings["instances.restart_budget"],
    restartWindow: seconds(settings["instances.restart_window"]),
    bootTimeout: seconds(settings["instances.boot_timeout"]),
  };
}
