/**
 * What a manager does about networks all the time: rounds over all of them, and the pictures of the hosts
 * that are connected here.
 *
 * Nothing is lost with a manager: each looks for itself every second, and hosts are told whole pictures.
 */
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type { HostId } from "@holdfast/kernel/ids";
import { type Clock, iso } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { type Turns, turns } from "@holdfast/store/turns";
import { type NetworkPicture, picturesOf } from "../core/picture.ts";
import { readFacts } from "./facts.ts";
import { round } from "./round.ts";
import { ruleNotes } from "./rule-notes.ts";

export interface NetworkWatchDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly self: string;
  /** The hosts that are connected here. */
  readonly hosts: () => readonly HostId[];
  readonly tell: (host: HostId, networks: readonly NetworkPicture[]) => void;
  readonly onError: (error: unknown) => void;
}

export interface NetworkWatch extends Turns {
  /** What a host sees of its networks. */
  heard(host: HostId, epoch: number, look: NetworksLook): void;
  /** The last word of each host that is connected here. */
  looks(): ReadonlyMap<HostId, NetworksLook>;
}

export function networkWatch(deps: NetworkWatchDeps): NetworkWatch {
  const { database, clock, onError } = deps;
  const looks = new Map<HostId, NetworksLook>();
  const rules = ruleNotes(deps);
  const { changed, close } = turns(async () => {
    await round({ database, now: clock.now, self: deps.self });
    await tell(deps.hosts());
  }, onError);

  return {
    changed,
    heard(host, epoch, look) {
      looks.set(host, look);
      note(database, host, epoch, look, clock).catch(onError);
      rules.heard(host, epoch, look.rules);
    },
    looks: () => looks,
    async close() {
      await close();
      await rules.close();
    },
  };

  async function tell(hosts: readonly HostId[]): Promise<void> {
    if (hosts.length === 0) return;
    const pictures = picturesOf(await readFacts(database, hosts));
    for (const host of hosts) deps.tell(host, pictures.get(host) ?? []);
  }
}

/** Only of the router that there is now: an older generation, or another epoch, has nothing to say. */
async function note(
  database: Database,
  host: HostId,
  epoch: number,
  { routers }: NetworksLook,
  clock: Clock,
): Promise<void> {
  if (routers.length === 0) return;
  await database.query(
    `update router r set is_up = d.is_up, says = d.says, since = $6
     from unnest($3::uuid[], $4::int[], $5::bool[], $7::text[]) d (network, generation, is_up, says)
     where r.network_id = d.network and r.generation = d.generation and r.host_id = $1 and r.host_epoch = $2
       and (r.is_up is distinct from d.is_up or r.says is distinct from d.says)`,
    [
      host,
      epoch,
      routers.map(({ network }) => network),
      routers.map(({ generation }) => generation),
      routers.map(({ isUp }) => isUp),
      iso(clock.now()),
      routers.map(({ says }) => says),
    ],
  );
}
