/**
 * Whom a pass has given something to do besides hosts: those who look after networks, volumes and what guests know.
 *
 * Only to be sooner: each of them looks for itself every second. But each looks at everything, so one that were
 * called after every pass would cost a thousand deploys more than all of their rows.
 */
import type { NetworkId } from "@holdfast/kernel/ids";
import { openMigration } from "../core/migration.ts";
import type { World } from "../core/model.ts";
import type { Case } from "./case.ts";

export interface Stirs {
  readonly networks: boolean;
  readonly volumes: boolean;
  readonly guests: boolean;
  /**
   * Networks of those that are on no host any more. No order names such an instance, and once it is expunged nobody knows
   * where it was connected.
   */
  readonly left: readonly NetworkId[];
}

export function stirsOf(cases: Iterable<Case>): Stirs {
  let [networks, volumes, guests] = [false, false, false];
  const left = new Set<NetworkId>();
  for (const { before, settled, isNew } of cases) {
    const isSeen = before.nics.length > 0;
    const isElsewhere = (isNew ? "" : seatOf(before.world)) !== seatOf(settled.world);
    if (isSeen && isElsewhere && settled.world.instance.home === undefined && !isNew)
      for (const { network } of before.nics) left.add(network);
    // An instance without a connection can neither be reached nor ask what it may know.
    if (isSeen && isElsewhere) guests = true;
    if (isSeen && (isElsewhere || isNew || wantOf(before.world) !== wantOf(settled.world)))
      networks = true;
    if (!isElsewhere) continue;
    // A root volume is made with its first start; only other work on it waits for its guest to come or go.
    const isRoot = before.station.length === 1 && before.world.underWay.length === 0;
    if (!isRoot || !isNew) volumes = true;
  }
  return { networks, volumes, guests, left: [...left] };
}

/** Where it is connected. */
function seatOf(world: World): string {
  return `${world.instance.home ?? ""} ${openMigration(world)?.arrival.host ?? ""}`;
}

/** What decides whether it has a public address. */
const wantOf = ({ instance: { desired, state } }: World) =>
  `${desired} ${state === "stopping" || state === "stopped"}`;
