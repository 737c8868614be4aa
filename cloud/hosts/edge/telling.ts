/**
 * What a host is told over its connection: wishes for instances, and pictures of its networks, its storage and its guests.
 *
 * Only what is something else than was told last is said. A difference to what was told means nothing before all of it was
 * told once, so whoever has only a difference keeps silent until then.
 */
import type { GuestNotes } from "@holdfast/cloud/metadata";
import type { NetworkHosts, NetworkPicture } from "@holdfast/cloud/networks";
import type { InstanceId, NetworkId } from "@holdfast/kernel/ids";
import type { FromManager, Unwanted } from "../core/link.ts";
import type { StorageTask } from "../core/storage-words.ts";
import type { Seen, Wish } from "../core/wish.ts";
import { type Connection, send } from "./connection.ts";
import { isNews, newsOf, type Saying, saying } from "./told.ts";
import { newsOfNetworks, wholeNetworks } from "./told-networks.ts";

/** What was decided about another epoch of the host is not for this one, however late it comes. */
export function tellWishes(
  connection: Connection,
  all: readonly Wish[],
  deleteVolumes: readonly Unwanted[],
): void {
  const fresh = all.filter(
    ({ instance, version, epoch }) =>
      version > (connection.told.get(instance) ?? 0) && epoch === connection.epoch,
  );
  for (const { instance, version } of fresh) connection.told.set(instance, version);
  if (fresh.length + deleteVolumes.length === 0) return;
  const wishes = fresh.map((wish) => unsealed(connection, wish));
  send(connection, { say: "wishes", wishes, deleteVolumes: [...deleteVolumes] });
}

/** With the keys of its encrypted disks as its host needs them. */
export function unsealed({ openKey }: Connection, wish: Wish): Wish {
  const { spec } = wish;
  if (!spec?.disks.some(({ key }) => key !== undefined)) return wish;
  const disks = spec.disks.map((disk) => withKey(disk, openKey));
  return { ...wish, spec: { ...spec, disks } };
}

const withKey = <Locked extends { readonly key?: string | undefined }>(
  locked: Locked,
  openKey: Connection["openKey"],
): Locked => (locked.key === undefined ? locked : { ...locked, key: openKey(locked.key) });

/** Said of those of which it was told the version before. Returns whether it knows of all of them now. */
export function tellSeen(connection: Connection, machines: readonly Seen[]): boolean {
  const { told } = connection;
  const fresh = machines.filter(({ instance, version }) => told.get(instance) === version - 1);
  for (const { instance, version } of fresh) told.set(instance, version);
  if (fresh.length > 0) send(connection, { say: "seen", machines: fresh });
  return machines.every(({ instance, version }) => (told.get(instance) ?? 0) >= version);
}

export function tellNetworks(connection: Connection, networks: readonly NetworkPicture[]): void {
  const whole = wholeNetworks(connection.networks, networks);
  if (!whole && connection.knowsNetworks) return;
  connection.knowsNetworks = true;
  connection.socket.send(`{"say":"networks","networks":[${whole ?? []}]}`);
}

export function tellNetworkChanges(
  connection: Connection,
  changes: ReadonlyMap<NetworkId, NetworkPicture | NetworkHosts | null>,
): void {
  if (!connection.knowsNetworks) return;
  const { fresh, peers, parts, gone } = newsOfNetworks(connection.networks, changes);
  if (fresh.length + peers.length + parts.length + gone.length > 0)
    connection.socket.send(
      `{"say":"networks-changed","networks":[${fresh}],"peers":[${peers}],"parts":[${parts}],"gone":${JSON.stringify(gone)}}`,
    );
}

export function tellStorage(
  connection: Connection,
  tasks: readonly StorageTask[],
  place: string | null,
): void {
  const { openKey } = connection;
  const opened = tasks.map((task) => {
    const told = withKey(task, openKey);
    return "fromKey" in told && told.fromKey !== undefined
      ? { ...told, fromKey: openKey(told.fromKey) }
      : told;
  });
  const message: FromManager = { say: "storage", tasks: opened, place };
  const { text, hash } = saying(message);
  if (hash === connection.storage) return;
  connection.storage = hash;
  connection.socket.send(text);
}

export function tellGuests(connection: Connection, guests: readonly GuestNotes[]): void {
  const now = new Map(guests.map((notes) => [notes.instance, saying(notes)]));
  if (!isNews(connection.guests, now) && connection.knowsGuests) return;
  connection.knowsGuests = true;
  connection.socket.send(`{"say":"guests","guests":${listOf(now)}}`);
}

export function tellGuestChanges(
  connection: Connection,
  changes: ReadonlyMap<InstanceId, GuestNotes | null>,
): void {
  if (!connection.knowsGuests) return;
  const { fresh, gone } = newsOf(connection.guests, changes);
  if (fresh.length + gone.length > 0)
    connection.socket.send(
      `{"say":"guests-changed","guests":[${fresh}],"gone":${JSON.stringify(gone)}}`,
    );
}

const listOf = (all: ReadonlyMap<string, Saying>) =>
  `[${[...all.values()].map(({ text }) => text)}]`;
