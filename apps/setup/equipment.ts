/**
 * What this machine has besides its own disks: shared pools, and a watchdog. Given with `up` or `join` and
 * remembered there, so that the next `up` does not take away what a guest's disk is on.
 *
 * Agent and guard are told in their environment. Both must know of the same pools: the agent makes volumes
 * there, and the guard looks there for whoever could start them elsewhere.
 */
import { isAbsolute, join } from "node:path";
import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { readJson, writePrivately } from "./place.ts";

const Equipment = z.object({ pools: z.record(z.string(), z.string()), watchdog: z.string() });
export type Equipment = z.output<typeof Equipment>;

export interface GivenEquipment {
  readonly pool?: Readonly<Record<string, string>>;
  readonly watchdog?: string;
}

const nothing: Equipment = { pools: {}, watchdog: "none" };

/** What is given now is added to what was given before; a pool of that name, or the watchdog, is replaced. */
export async function recallEquipment(
  state: string,
  { pool, watchdog }: GivenEquipment,
): Promise<Equipment> {
  const file = join(state, "equipment.json");
  const known = Equipment.safeParse(await readJson(file));
  const before = known.success ? known.data : nothing;
  if (!pool && watchdog === undefined) return before;
  const now = { pools: { ...before.pools, ...pool }, watchdog: watchdog ?? before.watchdog };
  await writePrivately(file, now);
  return now;
}

/** For agent and guard alike. */
export const environmentOf = ({
  pools,
  watchdog,
}: Equipment): Readonly<Record<string, string>> => ({
  ...(Object.keys(pools).length > 0 ? { HOLDFAST_POOLS: JSON.stringify(pools) } : {}),
  ...(watchdog === "none" ? {} : { HOLDFAST_WATCHDOG: watchdog }),
});

/** `--pool fast=/srv/fast`, which may be repeated. */
export function poolIn(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, name, directory] = /^([a-z][a-z0-9-]{0,30})=(.+)$/.exec(text) ?? [];
  if (!name || !directory || name === "local" || !isAbsolute(directory))
    throw new InvalidArgumentError("Give it as NAME=/DIRECTORY, and not the name local.");
  return { ...before, [name]: directory };
}

export function watchdogIn(text: string): string {
  if (text === "none" || text.startsWith("unix:/") || isAbsolute(text)) return text;
  throw new InvalidArgumentError("Give a device, for example /dev/watchdog, or none.");
}
