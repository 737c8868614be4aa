/** What an instance is told to do. Each answers at once with a job, and is carried out by the passes. */
import { changes, none } from "@holdfast/kernel/declare";
import type { Kind } from "@holdfast/kernel/problem";
import { z } from "zod";
import { Accepted, ofInstance } from "./words.ts";

const commandFails = {
  instance_not_found: "not_found",
  not_in_this_state: "conflict",
  volume_busy: "conflict",
  idempotency_key_reused: "conflict",
  too_many_jobs: "exhausted",
} as const;

const plain = none.default({});
const forcible = z.strictObject({ force: z.boolean().default(false) }).default({ force: false });

const command = <Body extends z.ZodType>(
  verb: string,
  body: Body,
  summary: string,
  fails: Readonly<Record<string, Kind>> = {},
) =>
  changes("POST", {
    path: `/v1/projects/:project/instances/:instance/${verb}`,
    summary,
    needs: "project:operate",
    params: ofInstance,
    body,
    reply: [202, Accepted],
    fails: { ...commandFails, ...fails },
  });

export const startInstance = command(
  "start",
  plain,
  "Start an instance. Already running: the job succeeds at once.",
);
export const recoverInstance = command(
  "recover",
  plain,
  "Take back a destroyed instance within its undo window. It is stopped then.",
);
export const expungeInstance = command(
  "expunge",
  plain,
  "Delete a destroyed instance and its volume now, without waiting for the undo window. There is no way back.",
);
export const stopInstance = command(
  "stop",
  forcible,
  "Ask the guest to shut down, and end it after `instances.stop_grace`. With `force`, end it now.",
);
export const rebootInstance = command(
  "reboot",
  forcible,
  "Reboot on the same host, as the same generation: the guest shuts down and is switched on again; after `instances.reboot_grace`, or at once with `force`, its reset button is pressed.",
);
export const destroyInstance = command(
  "destroy",
  plain,
  "Pull the plug. The volume is kept for the undo window, then deleted.",
  { instance_protected: "conflict" },
);
export const relaunchInstance = command(
  "relaunch",
  plain,
  "End the process without asking the guest and start it anew, on another host if its volume and the fleet allow that.",
);
