/**
 * The way from this host to the others: the one that its managers are reached by.
 *
 * A host whose managers are on the machine itself has nobody else to reach by it, and no address to tell.
 */
import { execFile } from "node:child_process";
import { lookup } from "node:dns/promises";
import { promisify } from "node:util";
import { z } from "zod";

export interface Underlay {
  /** Where other hosts reach this one; null: it is alone. */
  readonly address: string | null;
  /** What leads outside; undefined: nothing does. */
  readonly device: string | undefined;
}

const run = promisify(execFile);
const Routes = z.array(z.object({ dev: z.string(), prefsrc: z.string().optional() }));

export async function findUnderlay(managers: readonly string[]): Promise<Underlay> {
  const [first = ""] = managers;
  const { address } = await lookup(first.slice(0, first.lastIndexOf(":")), 4);
  const toManager = await routeTo(address);
  if (toManager && toManager.dev !== "lo")
    return { address: toManager.prefsrc ?? null, device: toManager.dev };
  const outside = await routeTo("192.0.2.1"); // Documentation's: nobody has it, so it is the default route.
  return { address: null, device: outside?.dev };
}

/** Undefined: there is none. */
async function routeTo(address: string) {
  try {
    const { stdout } = await run("ip", ["-json", "-4", "route", "get", address]);
    return Routes.parse(JSON.parse(stdout))[0];
  } catch {
    return undefined;
  }
}
