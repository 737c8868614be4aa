/**
 * The connection of one host: what was told and heard on it, which is all forgotten with it.
 *
 * It has an epoch from the welcome on. Before that a host may say who it is and nothing else, and is told nothing.
 */
import type { HostId, InstanceId, NetworkId } from "@holdfast/kernel/ids";
import type { Problem } from "@holdfast/kernel/problem";
import type { Duration } from "@holdfast/kernel/time";
import type { FromAgent, FromManager, Unwanted } from "../core/link.ts";
import type { PoolFacts } from "../core/storage-words.ts";
import type { Wish } from "../core/wish.ts";
import type { Renewal } from "./leases.ts";
import type { ToldNetwork } from "./told-networks.ts";

/** One end of a connection; TLS and WebSocket are somebody else's business. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

export type Hello = Extract<FromAgent, { say: "hello" }>;
export type Report = Extract<FromAgent, { say: "report" }>;

/** Machines that may be running elsewhere by now. */
export interface Purge {
  readonly purge: readonly { readonly instance: InstanceId; readonly generation: number }[];
}

/** Of which life of a host something was last recorded. */
export interface Known {
  readonly bootId: string;
  readonly epoch: number;
}

/**
 * Its hello speaks of another boot than this, and nobody knows which of the two is the later one: a hello may have been
 * under way, or in front of a manager that stood still, while the host began anew and was welcomed elsewhere.
 */
export interface Again {
  readonly again: Known;
}

export interface Welcome {
  readonly name: string;
  readonly zone: string;
  readonly epoch: number;
  readonly heartbeat: Duration;
  readonly lease: Duration;
  readonly killBudget: Duration;
  readonly watchdog: Duration;
  readonly concurrentStarts: number;
  readonly wishes: readonly Wish[];
  readonly deleteVolumes: readonly Unwanted[];
}

/** A heartbeat, with the terms that the host was told on this connection and goes by. */
export interface Heard extends Omit<Renewal, "endsWithin"> {
  readonly terms: Pick<Welcome, "lease" | "killBudget" | "watchdog">;
}

/** Something that was asked of a host and is still being answered. */
export interface Open {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Problem) => void;
  readonly onOutput?: (data: Uint8Array, isEnd: boolean) => void;
}

export interface Connection {
  readonly host: HostId;
  readonly socket: Socket;
  /** What a sealed key is to a host. */
  readonly openKey: (sealed: string) => string;
  epoch: number | undefined;
  /** What was recorded of the host before it was asked for the hello that comes next. */
  known: Known | undefined;
  terms: Heard["terms"] | undefined;
  readonly told: Map<InstanceId, number>;
  /** Those whose end was recorded, the latest last. What was read of them before that may be told after it, and is no news. */
  readonly over: InstanceId[];
  /** The last that it has said of each machine that runs. */
  readonly said: Map<InstanceId, string>;
  pools: readonly PoolFacts[];
  /** What it was last told of each of its networks, by hashes: the pictures of a fleet are more than fits in memory. */
  readonly networks: Map<NetworkId, ToldNetwork>;
  /** Whether it has been told all of its networks on this connection; before that a difference means nothing. */
  knowsNetworks: boolean;
  /** The tasks that it was last told, the same way. */
  storage: string;
  /** The same of what its guests may know, for each of which there is something to know. */
  readonly guests: Map<InstanceId, string>;
  knowsGuests: boolean;
  /** What it would have been told while its welcome was being written. */
  readonly missed: (readonly [readonly Wish[], readonly Unwanted[]])[];
  readonly open: Map<number, Open>;
}

export const newConnection = (
  host: HostId,
  socket: Socket,
  openKey: Connection["openKey"],
): Connection => ({
  host,
  socket,
  openKey,
  epoch: undefined,
  known: undefined,
  terms: undefined,
  told: new Map(),
  over: [],
  said: new Map(),
  pools: [],
  networks: new Map(),
  knowsNetworks: false,
  storage: "",
  guests: new Map(),
  knowsGuests: false,
  missed: [],
  open: new Map(),
});

export function send({ socket }: Connection, message: FromManager): void {
  socket.send(JSON.stringify(message));
}
