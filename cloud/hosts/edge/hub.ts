/**
 * The managers' end of the links to agents: who is connected here. What is told is in telling.ts, what is heard in hearing.ts,
 * what is asked in questions.ts.
 *
 * A connection is only a way to speak. Whether a host is alive is in its lease, which any manager may
 * renew; whether a wish has come true is in the reports. So a connection may break at any moment and
 * come back at any other manager: the hello says what the host holds, and only differences follow.
 */
import type { GuestNotes } from "@holdfast/cloud/metadata";
import type { NetworkHosts, NetworkPicture } from "@holdfast/cloud/networks";
import type { HostId, InstanceId, NetworkId } from "@holdfast/kernel/ids";
import type { FromManager, Unwanted } from "../core/link.ts";
import type { PoolFacts, StorageTask } from "../core/storage-words.ts";
import type { Seen, Wish } from "../core/wish.ts";
import { type Connection, newConnection, type Socket, send } from "./connection.ts";
import { type HubDeps, hearing } from "./hearing.ts";
import { type Console, type Question, questions } from "./questions.ts";
import {
  tellGuestChanges,
  tellGuests,
  tellNetworkChanges,
  tellNetworks,
  tellSeen,
  tellStorage,
  tellWishes,
} from "./telling.ts";
import type { ToldNetwork } from "./told-networks.ts";

type CutOff = Extract<FromManager, { say: "cut-off" }>;

export interface Hub {
  /** A host's agent has connected; feed what it says to the returned functions. */
  connected(host: HostId, socket: Socket): { said(text: string): void; closed(): void };
  isConnected(host: HostId): boolean;
  hosts(): readonly HostId[];
  tell(host: HostId, wishes: readonly Wish[], deleteVolumes: readonly Unwanted[]): void;
  /**
   * These are wished as before, and were seen to run. False: it is not certain that the host knows what was wished before, and it
   * has to be told whole wishes.
   */
  tellSeen(host: HostId, machines: readonly Seen[]): boolean;
  /** What its networks should be, all of them; said only if it is something else than was said last. */
  tellNetworks(host: HostId, networks: readonly NetworkPicture[]): void;
  /** What these networks should be there: null, nothing. Said in the same way; nothing is before it was told all. */
  tellNetworkChanges(
    host: HostId,
    changes: ReadonlyMap<NetworkId, NetworkPicture | NetworkHosts | null>,
  ): void;
  /** The networks that it was told of on this connection; undefined before it was told all of them. */
  toldNetworks(host: HostId): ReadonlyMap<NetworkId, Pick<ToldNetwork, "ports">> | undefined;
  /** What it should do with volumes; said only if it is something else than was said last. */
  tellStorage(host: HostId, tasks: readonly StorageTask[], place: string | null): void;
  /** What its guests may know of themselves, of all of them; said in the same way. */
  tellGuests(host: HostId, guests: readonly GuestNotes[]): void;
  /** What these may know: null, nothing. Said in the same way; nothing is before it was told of all. */
  tellGuestChanges(host: HostId, changes: ReadonlyMap<InstanceId, GuestNotes | null>): void;
  cutOff(host: HostId, reason: string): void;
  /** Rejects with `host_unreachable` if it is not connected here, goes away or takes too long. */
  ask(host: HostId, question: Question): Promise<unknown>;
  /** The pools of a host that is connected here and welcome, as it said when it came. */
  poolsOf(host: HostId): readonly PoolFacts[];
  /** Has a host cut guests of another off from their volumes. Resolves when it has; rejects as `ask` does. */
  cutFromStorage(host: HostId, volumes: Readonly<CutOff["volumes"]>): Promise<void>;
  openConsole(
    host: HostId,
    instance: InstanceId,
    generation: number,
    onOutput: (data: Uint8Array, isEnd: boolean) => void,
  ): Console;
  /** Ends all connections, and whichever is made from now on. */
  close(): void;
}

export function openHub(deps: HubDeps): Hub {
  const connections = new Map<HostId, Connection>();
  const asked = questions();
  let isOpen = true;

  return {
    connected,
    isConnected: (host) => welcomed(host) !== undefined,
    hosts: () => [...connections.keys()],
    tell(host, wishes, deleteVolumes) {
      const connection = connections.get(host);
      if (!connection) return;
      if (connection.epoch !== undefined) tellWishes(connection, wishes, deleteVolumes);
      // Its welcome says all of it, or was read a moment before this was written.
      else connection.missed.push([wishes, deleteVolumes]);
    },
    tellSeen(host, machines) {
      const connection = connections.get(host);
      if (!connection) return true; // Its welcome says all of it.
      return connection.epoch !== undefined && tellSeen(connection, machines);
    },
    tellNetworks: toWelcomed(tellNetworks),
    tellNetworkChanges: toWelcomed(tellNetworkChanges),
    toldNetworks(host) {
      const connection = connections.get(host);
      return connection?.knowsNetworks ? connection.networks : undefined;
    },
    tellStorage: toWelcomed(tellStorage),
    tellGuests: toWelcomed(tellGuests),
    tellGuestChanges: toWelcomed(tellGuestChanges),
    cutOff(host, reason) {
      const connection = connections.get(host);
      if (!connection) return;
      send(connection, { say: "goodbye", reason });
      connection.socket.close();
    },
    ask: (host, question) =>
      asked.ask(connections.get(host), (ask) => ({ say: "ask", ask, ...question })),
    poolsOf: (host) => connections.get(host)?.pools ?? [],
    async cutFromStorage(host, volumes) {
      const message = (ask: number): CutOff => ({ say: "cut-off", ask, volumes: [...volumes] });
      await asked.ask(connections.get(host), message);
    },
    openConsole: (host, instance, generation, onOutput) =>
      asked.openConsole(connections.get(host), { instance, generation }, onOutput),
    close() {
      isOpen = false;
      for (const connection of connections.values()) connection.socket.close();
    },
  };

  /** Undefined: it is not connected here, or its hello is still being answered. */
  function welcomed(host: HostId): Connection | undefined {
    const connection = connections.get(host);
    return connection?.epoch === undefined ? undefined : connection;
  }

  function toWelcomed<Said extends readonly unknown[]>(
    tell: (connection: Connection, ...said: Said) => void,
  ) {
    return (host: HostId, ...said: Said) => {
      const connection = welcomed(host);
      if (connection) tell(connection, ...said);
    };
  }

  function connected(host: HostId, socket: Socket) {
    if (!isOpen) {
      socket.close(); // It was at the door when this was closed; another manager is there for it.
      return { said: () => {}, closed: () => {} };
    }
    connections.get(host)?.socket.close(); // The newer one is the one that its agent uses.
    const connection = newConnection(host, socket, deps.openKey ?? ((sealed) => sealed));
    connections.set(host, connection);
    return {
      said: hearing(deps, asked, connection, () => connections.get(host) !== connection),
      closed() {
        if (connections.get(host) === connection) connections.delete(host);
        asked.abandon(connection);
      },
    };
  }
}
