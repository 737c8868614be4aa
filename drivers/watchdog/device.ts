/**
 * A watchdog of the Linux kernel: /dev/watchdog, /dev/watchdog0, ...
 *
 * Opening the device arms it; any write pets it; closing it disarms it only if the last byte written
 * was a `V` (and not even then if the kernel was built or the driver loaded with nowayout). Its time
 * cannot be set from here, because that takes an ioctl: it is read from sysfs, and whoever needs a shorter one
 * sets it where the driver is loaded (softdog: `soft_margin`, iTCO_wdt and i6300esb: `heartbeat`).
 */
import { closeSync, constants, openSync, readFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { codeOf } from "@holdfast/kernel/code-of";
import { problem } from "@holdfast/kernel/problem";
import { seconds } from "@holdfast/kernel/time";
import type { Watchdog, WatchdogKind } from "./driver.ts";

/** `sysfs` is `/sys/class/watchdog`. */
export function deviceWatchdog(path: string, sysfs = "/sys/class/watchdog"): Watchdog {
  // /dev/watchdog is another name of the first.
  const number = /(\d*)$/.exec(path)?.[1] || "0";
  const about = (what: string) => read(join(sysfs, `watchdog${number}`, what));
  const identity = about("identity") ?? "unknown";
  let handle: number | undefined;
  /** Petted by nobody since it could not be disarmed. */
  let staysArmed = false;

  return {
    kind: kindOf(identity),
    identity,
    isArmed: () => handle !== undefined || staysArmed,
    async arm() {
      const timeout = Number(about("timeout"));
      // Before it is opened, because after that it fires.
      if (!(timeout > 0)) throw unusable(path, "sysfs does not say its time");
      if (handle === undefined) {
        try {
          handle = openSync(path, constants.O_WRONLY | constants.O_APPEND);
        } catch (cause) {
          throw notOpened(path, cause);
        }
        staysArmed = false;
      }
      if (!write("\0")) throw unusable(path, "it does not take a write");
      return seconds(timeout);
    },
    // Synchronously: a pet that waits for a free thread could come after the lease has ended.
    pet: () => write("\0"),
    async disarm() {
      if (handle === undefined && !staysArmed) return;
      const isForEver = about("nowayout") !== "0";
      const isTold = write("V");
      close();
      staysArmed = isForEver || !isTold;
      if (staysArmed)
        throw problem("conflict", "watchdog_stays_armed", `${path} cannot be disarmed.`, {
          fix: "Keep the guard running, or load the watchdog's driver with nowayout=0.",
        });
    },
    close,
  };

  function close(): void {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
  }

  function write(text: string): boolean {
    if (handle === undefined) return false;
    try {
      return writeSync(handle, text) > 0;
    } catch {
      return false;
    }
  }
}

/** By what the drivers call themselves. What we cannot read, we trust less. */
function kindOf(identity: string): WatchdogKind {
  return /software|soft|^unknown$/i.test(identity) ? "software" : "hardware";
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8").trim();
  } catch {
    return undefined;
  }
}

function notOpened(path: string, cause: unknown) {
  const code = codeOf(cause);
  if (code === "EBUSY")
    return problem(
      "conflict",
      "watchdog_busy",
      `Another program has ${path} open.`,
      { fix: "Only one program may pet it: stop the other (often systemd: RuntimeWatchdogSec=0)." },
      cause,
    );
  if (code === "ENOENT" || code === "ENXIO" || code === "ENODEV")
    return problem(
      "not_found",
      "watchdog_missing",
      `There is no watchdog at ${path}.`,
      { fix: "Load its driver, or set HOLDFAST_WATCHDOG=none." },
      cause,
    );
  return unusable(path, "it cannot be opened", cause);
}

const unusable = (path: string, why: string, cause?: unknown) =>
  problem(
    "unavailable",
    "watchdog_unusable",
    `${path} is no use: ${why}.`,
    { fix: "Use another one, or set HOLDFAST_WATCHDOG=none." },
    cause,
  );
