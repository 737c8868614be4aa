/**
 * What the room remembers of each host: whether it is powered, how its network is, who looks after it.
 *
 * A wish, written before it is carried out: a room that was killed in between makes it so when it is back.
 * Times are on the machine's steady clock, which a reboot of the machine sets back to zero, so the
 * machine's own boot id is kept beside them.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { z } from "zod";
import { bmcMoods } from "./client.ts";

export const HostState = z.object({
  power: z.enum(["off", "starting", "on"]),
  /** When the firmware is done; only while starting. */
  readyAt: z.number(),
  bootId: z.string().nullable(),
  boots: z.number().int(),
  isFrozen: z.boolean(),
  cut: z.object({ in: z.boolean(), out: z.boolean() }),
  lossPercent: z.number().int(),
  bmcMood: z.enum(bmcMoods),
  bmcPort: z.number().int(),
  bmcPassword: z.string(),
  /** Null while it is not armed. */
  watchdog: z.object({ milliseconds: z.number(), firesAt: z.number() }).nullable(),
  watchdogFired: z.number().int(),
  /** Of the network namespace, so that its processes are known even when its name is gone. */
  namespaceInode: z.number().int().nullable(),
  /** Boot id of the machine that all this is true of. */
  machineBoot: z.string(),
});
export type HostState = z.output<typeof HostState>;

export const newHost = (bmcPassword: string, machineBoot: string): HostState => ({
  power: "off",
  readyAt: 0,
  bootId: null,
  boots: 0,
  isFrozen: false,
  cut: { in: false, out: false },
  lossPercent: 0,
  bmcMood: "ok",
  bmcPort: 0,
  bmcPassword,
  watchdog: null,
  watchdogFired: 0,
  namespaceInode: null,
  machineBoot,
});

/** The machine itself was restarted, so all hosts lost their power; those that were on come up again. */
export function afterReboot(state: HostState, machineBoot: string): HostState {
  if (state.machineBoot === machineBoot) return state;
  return {
    ...state,
    power: state.power === "off" ? "off" : "starting",
    readyAt: 0,
    isFrozen: false,
    watchdog: null,
    namespaceInode: null,
    machineBoot,
  };
}

export function readState<T>(file: string, shape: z.ZodType<T>): T | undefined {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return undefined;
  }
  return shape.parse(JSON.parse(text));
}

/** Whole or not at all. Synchronous, so that two writes cannot overtake each other. */
export function writeState(file: string, value: unknown): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  writeFileSync(`${file}.new`, `${JSON.stringify(value, null, 2)}\n`, { mode: 0o600 });
  renameSync(`${file}.new`, file);
}
