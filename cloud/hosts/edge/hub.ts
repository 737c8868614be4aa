/**
 * The managers' end of the links to agents: who is connected here, what each was told, what each says.
 *
 * A connection is only a way to speak. Whether a host is alive is in its lease, which any manager may
 * renew; whether a wish has come true is in the reports. So a connection may break at any moment and
 * come back at any other manager: the hello says what the host holds, and only differences follow.
 */
import type { GuestNotes } from "@holdfast/cloud/metadata";
import type { NetworkPicture } from "@holdfast/cloud/networks";
import type { HostId, InstanceId, NetworkId } from "@holdfast/kernel/ids";
import { Problem, problem } from "@holdfast/kernel/problem";
import { type Duration, seconds } from "@holdfast/kernel/time";
import {
  type Checkup,
  type FromAgent,
  type FromManager,
  fromAgent,
  type MigrationReport,
  type NetworksLook,
  protocolVersion,
  type Unwanted,
  type Wish,
} from "../core/link.ts";
import type { PoolFacts, StorageResult, StorageTask } from "../core/storage-words.ts";
import type { Renewal } from "./leases.ts";
import { isNews, newsOf, type Saying, saying, sayingOfNetwork } from "./told.ts";

/** One end of a connection; TLS and WebSocket are somebody else's business. */
export interface Socket {
  send(text: string): void;
  close(): void;
}

export interface HubDeps {
  /**
   * Writes down that a host is here, and takes in its first reports. Resolves with what to greet it with, with what
   * it must end before it is welcome, or with what must be older than its next hello. `known`: what is older than this one.
   */
  readonly onHello: (
    host: HostId,
    hello: Hello,
    known: Known | undefined,
  ) => Promise<Welcome | Purge | Again>;
  /** It is welcome, and may be told what is said to each only once. */
  readonly onWelcome?: (host: HostId) => void;
  /** `news`: those of its machines of which it has not said the very same on this connection before. */
  readonly onReport: (
    host: HostId,
    epoch: number,
    report: Report,
    news: Report["machines"],
  ) => Promise<void>;
  /** Resolves when the lease is renewed in the database; rejects with `lease_void` if it was fenced. */
  readonly onHeartbeat: (renewal: Heard) => Promise<void>;
  /** How the host's machines look. Nothing waits for it: another one follows. */
  readonly onCheckup?: (host: HostId, epoch: number, checkup: Checkup) => void;
  /** How often hosts should send one. */
  readonly checkupEvery?: () => Duration;
  /** How far it is with sending a machine to another host. Nothing waits for it: another one follows. */
  readonly onMigration?: (host: HostId, report: MigrationReport) => void;
  /** What it sees of its networks. Nothing waits for it: another one follows. */
  readonly onNetworks?: (host: HostId, epoch: number, look: NetworksLook) => void;
  /** What came of its tasks. Resolves with those that are in the database. */
  readonly onStorage?: (
    host: HostId,
    results: readonly StorageResult[],
  ) => Promise<readonly string[]>;
  readonly onError: (host: HostId, error: unknown) => void;
}

export type Hello = Extract<FromAgent, { say: "hello" }>;
type CutOff = Extract<FromManager, { say: "cut-off" }>;
export type Report = Extract<FromAgent, { say: "report" }>;
type Heartbeat = Extract<FromAgent, { say: "heartbeat" }>;

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
interface Open {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: Problem) => void;
  readonly onOutput?: (data: Uint8Array, isEnd: boolean) => void;
}

interface Connection {
  readonly socket: Socket;
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
  /** What it was last told of each of its networks, as a hash: the pictures of a fleet are more than fits in memory. */
  readonly networks: Map<NetworkId, string>;
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

/** Of instances that ended longer ago nothing is on its way any more. */
const mostOver = 256;

/** A question that is not answered by then is given up; the host may be there and its disk may not. */
const patience = seconds(10);

export interface Hub {
  /** A host's agent has connected; feed what it says to the returned functions. */
  connected(host: HostId, socket: Socket): { said(text: string): void; closed(): void };
  isConnected(host: HostId): boolean;
  hosts(): readonly HostId[];
  tell(host: HostId, wishes: readonly Wish[], deleteVolumes: readonly Unwanted[]): void;
  /** What its networks should be, all of them; said only if it is something else than was said last. */
  tellNetworks(host: HostId, networks: readonly NetworkPicture[]): void;
  /** What these networks should be there: null, nothing. Said in the same way; nothing is before it was told all. */
  tellNetworkChanges(host: HostId, changes: ReadonlyMap<NetworkId, NetworkPicture | null>): void;
  /** The networks that it was told of on this connection; undefined before it was told all of them. */
  toldNetworks(host: HostId): ReadonlyMap<NetworkId, unknown> | undefined;
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
  ): { input(data: Uint8Array): void; close(): void };
  /** Ends all connections, and whichever is made from now on. */
  close(): void;
}

export interface Question {
  readonly what: "console-log" | "trace";
  readonly instance: InstanceId;
  readonly generation: number;
  readonly lines: number;
}

export function openHub(deps: HubDeps): Hub {
  const connections = new Map<HostId, Connection>();
  let questions = 0;
  let isOpen = true;

  return {
    connected,
    isConnected: (host) => connections.get(host)?.epoch !== undefined,
    hosts: () => [...connections.keys()],
    tell(host, wishes, deleteVolumes) {
      const connection = connections.get(host);
      if (!connection) return;
      if (connection.epoch !== undefined) tellNews(connection, wishes, deleteVolumes);
      // Its welcome says all of it, or was read a moment before this was written.
      else connection.missed.push([wishes, deleteVolumes]);
    },
    tellNetworks(host, networks) {
      const connection = connections.get(host);
      if (connection?.epoch === undefined) return;
      const now = new Map(networks.map((network) => [network.id, sayingOfNetwork(network)]));
      if (!isNews(connection.networks, now) && connection.knowsNetworks) return;
      connection.knowsNetworks = true;
      connection.socket.send(`{"say":"networks","networks":${listOf(now)}}`);
    },
    tellNetworkChanges(host, changes) {
      const connection = connections.get(host);
      if (connection?.epoch === undefined || !connection.knowsNetworks) return;
      const { fresh, gone } = newsOf(connection.networks, changes, sayingOfNetwork);
      if (fresh.length + gone.length > 0)
        connection.socket.send(
          `{"say":"networks-changed","networks":[${fresh}],"gone":${JSON.stringify(gone)}}`,
        );
    },
    toldNetworks(host) {
      const connection = connections.get(host);
      return connection?.knowsNetworks ? connection.networks : undefined;
    },
    tellStorage(host, tasks, place) {
      const connection = connections.get(host);
      if (connection?.epoch === undefined) return;
      const message: FromManager = { say: "storage", tasks: [...tasks], place };
      const { text, hash } = saying(message);
      if (hash === connection.storage) return;
      connection.storage = hash;
      connection.socket.send(text);
    },
    tellGuests(host, guests) {
      const connection = connections.get(host);
      if (connection?.epoch === undefined) return;
      const now = new Map(guests.map((notes) => [notes.instance, saying(notes)]));
      if (!isNews(connection.guests, now) && connection.knowsGuests) return;
      connection.knowsGuests = true;
      connection.socket.send(`{"say":"guests","guests":${listOf(now)}}`);
    },
    tellGuestChanges(host, changes) {
      const connection = connections.get(host);
      if (connection?.epoch === undefined || !connection.knowsGuests) return;
      const { fresh, gone } = newsOf(connection.guests, changes, saying);
      if (fresh.length + gone.length > 0)
        connection.socket.send(
          `{"say":"guests-changed","guests":[${fresh}],"gone":${JSON.stringify(gone)}}`,
        );
    },
    cutOff(host, reason) {
      const connection = connections.get(host);
      if (!connection) return;
      send(connection, { say: "goodbye", reason });
      connection.socket.close();
    },
    ask: (host, question) => asking(host, (ask) => ({ say: "ask", ask, ...question })),
    poolsOf: (host) => connections.get(host)?.pools ?? [],
    async cutFromStorage(host, volumes) {
      await asking(host, (ask) => ({ say: "cut-off", ask, volumes: [...volumes] }));
    },
    openConsole(host, instance, generation, onOutput) {
      const connection = connections.get(host);
      if (!connection) throw unreachableHost();
      const ask = ++questions;
      const end = () => onOutput(new Uint8Array(), true);
      connection.open.set(ask, { resolve: () => {}, reject: end, onOutput });
      send(connection, { say: "ask", ask, what: "console", instance, generation, lines: 1 });
      return {
        input: (data) =>
          send(connection, { say: "input", ask, data: Buffer.from(data).toString("base64") }),
        close() {
          connection.open.delete(ask);
          send(connection, { say: "close", ask });
        },
      };
    },
    close() {
      isOpen = false;
      for (const connection of connections.values()) connection.socket.close();
    },
  };

  function asking(host: HostId, messageOf: (ask: number) => FromManager): Promise<unknown> {
    const connection = connections.get(host);
    if (!connection) return Promise.reject(unreachableHost());
    const ask = ++questions;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        connection.open.delete(ask);
        reject(unreachableHost());
      }, patience);
      const settled =
        <T>(then: (value: T) => void) =>
        (value: T) => {
          clearTimeout(timer);
          then(value);
        };
      connection.open.set(ask, { resolve: settled(resolve), reject: settled(reject) });
      send(connection, messageOf(ask));
    });
  }

  function connected(host: HostId, socket: Socket) {
    if (!isOpen) {
      socket.close(); // It was at the door when this was closed; another manager is there for it.
      return { said: () => {}, closed: () => {} };
    }
    connections.get(host)?.socket.close(); // The newer one is the one that its agent uses.
    const connection: Connection = {
      socket,
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
    };
    connections.set(host, connection);
    const fail = (error: unknown) => {
      deps.onError(host, error);
      socket.close(); // It comes back and says everything again.
    };
    // What a host says is taken in order: a report after a hello must find the hello done.
    let queue = Promise.resolve();
    // Reports are given on in order too, but one need not be written before the next is heard: a busy host would
    // have one for each pass.
    let reports = Promise.resolve();
    const hearNext = async (text: string) => {
      if (connections.get(host) !== connection) return;
      const message = fromAgent.parse(JSON.parse(text));
      if (message.say === "report") {
        const recorded = record(host, connection, message).catch(fail);
        reports = Promise.all([reports, recorded]).then(() => {});
        return;
      }
      if (afterReports.has(message.say)) await reports;
      await hear(host, connection, message);
    };
    return {
      said(text: string) {
        queue = queue.then(() => hearNext(text).catch(fail));
      },
      closed() {
        if (connections.get(host) === connection) connections.delete(host);
        for (const { reject } of connection.open.values()) reject(unreachableHost());
        connection.open.clear();
      },
    };
  }

  async function hear(
    host: HostId,
    connection: Connection,
    message: Exclude<FromAgent, Report>,
  ): Promise<void> {
    switch (message.say) {
      case "hello":
        return greet(host, connection, message);
      case "heartbeat":
        return renew(host, connection, message);
      case "checkup":
        if (connection.epoch !== undefined) deps.onCheckup?.(host, connection.epoch, message);
        return;
      case "migration":
        if (connection.epoch !== undefined) deps.onMigration?.(host, message);
        return;
      case "networks":
        if (connection.epoch !== undefined) deps.onNetworks?.(host, connection.epoch, message);
        return;
      case "storage-report":
        return recordStorage(host, connection, message.results);
      case "answer": {
        const open = connection.open.get(message.ask);
        connection.open.delete(message.ask);
        if (message.problem) open?.reject(problem("conflict", "no_console", message.problem));
        else open?.resolve(message.value);
        return;
      }
      case "output":
        connection.open
          .get(message.ask)
          ?.onOutput?.(Buffer.from(message.data, "base64"), message.isEnd);
        if (message.isEnd) connection.open.delete(message.ask);
        return;
    }
  }

  function renew(host: HostId, connection: Connection, { guard, sentAt }: Heartbeat): void {
    const { epoch, terms } = connection;
    if (epoch === undefined || !terms) return;
    // Not awaited: the reports behind it need not wait for the lease.
    deps.onHeartbeat({ host, epoch, guard, terms }).then(
      () => {
        const checkupEvery = deps.checkupEvery?.();
        send(connection, { say: "beat", sentAt, ...(checkupEvery ? { checkupEvery } : {}) });
      },
      (error) => {
        deps.onError(host, error);
        // Fenced: it has to begin again, and to let go of what is no longer its own.
        if (error instanceof Problem && error.code === "lease_void") connection.socket.close();
      },
    );
  }

  async function greet(host: HostId, connection: Connection, hello: Hello): Promise<void> {
    if (hello.protocol !== protocolVersion) {
      send(connection, {
        say: "goodbye",
        reason: `protocol ${hello.protocol}, expected ${protocolVersion}`,
      });
      connection.socket.close();
      return;
    }
    const answer = await deps.onHello(host, hello, connection.known);
    if ("again" in answer) {
      connection.known = answer.again;
      send(connection, { say: "again" });
      return;
    }
    if ("purge" in answer) {
      send(connection, { say: "purge", machines: [...answer.purge] });
      return; // It says hello again when they are gone.
    }
    const { wishes, deleteVolumes, ...welcome } = answer;
    send(connection, { say: "welcome", host, ...welcome });
    connection.epoch = welcome.epoch;
    connection.pools = hello.storage ?? [];
    connection.terms = welcome;
    for (const { instance, version } of hello.held) connection.told.set(instance, version);
    const ended = hello.machines.filter(({ phase }) => phase === "exited");
    if (ended.length > 0) send(connection, { say: "recorded", machines: ended, volumes: [] });
    tellNews(connection, [...wishes, ...leftovers(hello, welcome.epoch, wishes)], deleteVolumes);
    for (const missed of connection.missed.splice(0)) tellNews(connection, ...missed);
    deps.onWelcome?.(host);
  }

  async function recordStorage(
    host: HostId,
    connection: Connection,
    results: readonly StorageResult[],
  ): Promise<void> {
    if (connection.epoch === undefined || !deps.onStorage) return;
    const ids = await deps.onStorage(host, results);
    if (ids.length > 0) send(connection, { say: "storage-recorded", ids: [...ids] });
  }

  async function record(host: HostId, connection: Connection, report: Report): Promise<void> {
    if (connection.epoch === undefined) return;
    const { said } = connection;
    const news = report.machines.filter((one) => said.get(one.instance) !== factOf(one));
    // Before it is written: if that fails, this connection is over.
    for (const one of report.machines)
      if (one.phase === "running") said.set(one.instance, factOf(one));
      else said.delete(one.instance);
    await deps.onReport(host, connection.epoch, report, news);
    const machines = report.machines.filter(({ phase }) => phase === "exited");
    const volumes = report.volumes.map(({ volume }) => volume);
    if (machines.length + volumes.length === 0) return;
    send(connection, { say: "recorded", machines, volumes });
    const { told, over } = connection;
    over.push(...machines.map(({ instance }) => instance));
    for (const instance of over.splice(0, over.length - mostOver)) told.delete(instance);
  }
}

/** What is decided or written by what the reports before it have said. */
const afterReports: ReadonlySet<FromAgent["say"]> = new Set([
  "hello",
  "migration",
  "storage-report",
]);

/** All that a report says of a machine that runs, but for its disks. */
const factOf = ({ generation, phase, guest, reboots }: Report["machines"][number]) =>
  `${generation} ${phase} ${guest} ${reboots}`;

/** What the host still holds and nobody wishes for: it is to be ended and forgotten. */
function leftovers(hello: Hello, epoch: number, wishes: readonly Wish[]): Wish[] {
  const wished = new Set(wishes.map(({ instance }) => instance));
  const held = new Map(hello.held.map(({ instance, version }) => [instance, version]));
  for (const { instance } of hello.machines) if (!held.has(instance)) held.set(instance, 0);
  return [...held]
    .filter(([instance]) => !wished.has(instance))
    .map(([instance, version]) => ({
      instance,
      version: version + 1,
      epoch,
      generation: Number.MAX_SAFE_INTEGER,
      want: "nothing",
      wasRunning: false,
      reboots: 0,
      rebootGrace: 0,
      ladder: { acpi: 0, terminate: 0, kill: seconds(5) },
      spec: null,
      requestId: "leftover",
    }));
}

/** What was decided about another epoch of the host is not for this one, however late it comes. */
function tellNews(
  connection: Connection,
  wishes: readonly Wish[],
  deleteVolumes: readonly Unwanted[],
): void {
  const fresh = wishes.filter(
    ({ instance, version, epoch }) =>
      version > (connection.told.get(instance) ?? 0) && epoch === connection.epoch,
  );
  for (const { instance, version } of fresh) connection.told.set(instance, version);
  if (fresh.length + deleteVolumes.length === 0) return;
  send(connection, { say: "wishes", wishes: fresh, deleteVolumes: [...deleteVolumes] });
}

const listOf = (all: ReadonlyMap<string, Saying>) =>
  `[${[...all.values()].map(({ text }) => text)}]`;

function send({ socket }: Connection, message: FromManager): void {
  socket.send(JSON.stringify(message));
}

const unreachableHost = () =>
  problem(
    "unavailable",
    "host_unreachable",
    "The host of this instance does not answer this manager.",
    {
      fix: "See whether it is up: holdfast hosts",
      retryAfterSeconds: 2,
    },
  );
