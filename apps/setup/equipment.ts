/**
 * What this machine has besides its own disks: shared pools, pools of a storage host, a watchdog, and memory that is set aside
 * for processes on standby. Given with `up` or `join` and
 * remembered there, so that the next `up` does not take away what a guest's disk is on.
 *
 * Agent and guard are told in their environment. Both must know of the same pools: the agent makes volumes
 * there, and the guard looks there for whoever could start them elsewhere. Of what a storage host serves only the
 * agent knows, because there is nothing to look into.
 */
import { isAbsolute, join } from "node:path";
import { InvalidArgumentError } from "commander";
import { z } from "zod";
import { readJson, writePrivately } from "./place.ts";

const Equipment = z.object({
  pools: z.record(z.string(), z.string()),
  /** As the agent takes them: where a storage host is, or what this one serves. */
  blocks: z.record(z.string(), z.unknown()).default({}),
  watchdog: z.string(),
  standbyMiB: z.number().default(0),
});
export type Equipment = z.output<typeof Equipment>;

export interface GivenEquipment {
  readonly pool?: Readonly<Record<string, string>>;
  readonly blockPool?: Readonly<Record<string, unknown>>;
  readonly watchdog?: string;
  /** In MiB. */
  readonly standby?: number;
}

const nothing: Equipment = { pools: {}, blocks: {}, watchdog: "none", standbyMiB: 0 };

/** What is given now is added to what was given before; a pool of that name, or anything else, is replaced. */
export async function recallEquipment(
  state: string,
  { pool, blockPool, watchdog, standby }: GivenEquipment,
): Promise<Equipment> {
  const file = join(state, "equipment.json");
  const known = Equipment.safeParse(await readJson(file));
  const before = known.success ? known.data : nothing;
  if (!pool && !blockPool && watchdog === undefined && standby === undefined) return before;
  const now = {
    pools: { ...before.pools, ...pool },
    blocks: { ...before.blocks, ...blockPool },
    watchdog: watchdog ?? before.watchdog,
    standbyMiB: standby ?? before.standbyMiB,
  };
  await writePrivately(file, now);
  return now;
}

/** For agent and guard alike. */
export const environmentOf = ({
  pools,
  blocks,
  watchdog,
  standbyMiB,
}: Equipment): Readonly<Record<string, string>> => ({
  ...(Object.keys(pools).length > 0 ? { HOLDFAST_POOLS: JSON.stringify(pools) } : {}),
  ...(Object.keys(blocks).length > 0 ? { HOLDFAST_BLOCK_POOLS: JSON.stringify(blocks) } : {}),
  ...(watchdog === "none" ? {} : { HOLDFAST_WATCHDOG: watchdog }),
  ...(standbyMiB === 0 ? {} : { HOLDFAST_STANDBY_MIB: `${standbyMiB}` }),
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

/** `--block-pool disks=10.0.0.5:7075`, or on the storage host itself `disks=/srv/disks@10.0.0.5:7075`. */
export function blockPoolIn(
  text: string,
  before: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  const [, name, directory, address, port] =
    /^([a-z][a-z0-9-]{0,30})=(?:(\/[^@]*)@)?([0-9a-zA-Z.-]+):(\d{1,5})$/.exec(text) ?? [];
  const door = Number(port);
  if (!name || !address || name === "local" || !(door > 0 && door + openVolumes < 65_536))
    throw new InvalidArgumentError(
      "Give it as NAME=ADDRESS:PORT, or on the host that serves it as NAME=/DIRECTORY@ADDRESS:PORT.",
    );
  const ports = { first: door + 1, count: openVolumes };
  const pool = directory ? { serve: { directory, address, door, ports } } : { at: address, door };
  return { ...before, [name]: pool };
}

/** As many volumes of a storage host can be open at a time: each has a port, above the one of the door. */
const openVolumes = 1_000;

export function watchdogIn(text: string): string {
  if (text === "none" || text.startsWith("unix:/") || isAbsolute(text)) return text;
  throw new InvalidArgumentError("Give a device, for example /dev/watchdog, or none.");
}

/** `--standby 1024` */
export function standbyIn(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("Give a number of MiB, or 0 for none.");
}
