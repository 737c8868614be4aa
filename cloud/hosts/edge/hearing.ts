/**
 * What a host says over its connection: how it is let in, and whom each of its words is passed on to.
 *
 * Nothing that it says counts before it is welcome, nor once it has another connection.
 */
import type { HostId } from "@holdfast/kernel/ids";
import { Problem } from "@holdfast/kernel/problem";
import { type Duration, seconds } from "@holdfast/kernel/time";
import type { Checkup, NetworksLook } from "../core/checkup-words.ts";
import { type FromAgent, fromAgent, protocolVersion } from "../core/link.ts";
import type { MigrationReport } from "../core/machine-words.ts";
import type { StorageResult } from "../core/storage-words.ts";
import type { Wish } from "../core/wish.ts";
import {
  type Again,
  type Connection,
  type Heard,
  type Hello,
  type Known,
  type Purge,
  type Report,
  send,
  type Welcome,
} from "./connection.ts";
import type { questions } from "./questions.ts";
import { tellWishes } from "./telling.ts";

/** What is done with what hosts say. */
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
  /** What a sealed key of a volume is to a host; what it cannot open stays sealed, and that host says so. Sealed if not given. */
  readonly openKey?: (sealed: string) => string;
}

type Heartbeat = Extract<FromAgent, { say: "heartbeat" }>;

/** Of instances that ended longer ago nothing is on its way any more. */
const mostOver = 256;

/** What takes in the words of one host, each as it comes. `isOver`: it has another connection by now. */
export function hearing(
  deps: HubDeps,
  asked: ReturnType<typeof questions>,
  connection: Connection,
  isOver: () => boolean,
): (text: string) => void {
  const { host } = connection;
  // What a host says is taken in order: a report after a hello must find the hello done.
  let queue = Promise.resolve();
  // Reports are given on in order too, but one need not be written before the next is heard: a busy host would
  // have one for each pass.
  let reports = Promise.resolve();
  return (text) => {
    queue = queue.then(() => hearNext(text).catch(fail));
  };

  function fail(error: unknown): void {
    deps.onError(host, error);
    connection.socket.close(); // It comes back and says everything again.
  }

  async function hearNext(text: string): Promise<void> {
    if (isOver()) return;
    const message = fromAgent.parse(JSON.parse(text));
    if (message.say === "report") {
      const recorded = record(message).catch(fail);
      reports = Promise.all([reports, recorded]).then(() => {});
      return;
    }
    if (afterReports.has(message.say)) await reports;
    await hear(message);
  }

  async function hear(message: Exclude<FromAgent, Report>): Promise<void> {
    switch (message.say) {
      case "hello":
        return greet(message);
      case "heartbeat":
        return renew(message);
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
        return recordStorage(message.results);
      case "answer":
        return asked.answered(connection, message);
      case "output":
        return asked.output(connection, message);
    }
  }

  function renew({ guard, sentAt }: Heartbeat): void {
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

  async function greet(hello: Hello): Promise<void> {
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
    tellWishes(connection, [...wishes, ...leftovers(hello, welcome.epoch, wishes)], deleteVolumes);
    for (const missed of connection.missed.splice(0)) tellWishes(connection, ...missed);
    deps.onWelcome?.(host);
  }

  async function recordStorage(results: readonly StorageResult[]): Promise<void> {
    if (connection.epoch === undefined || !deps.onStorage) return;
    const ids = await deps.onStorage(host, results);
    if (ids.length > 0) send(connection, { say: "storage-recorded", ids: [...ids] });
  }

  async function record(report: Report): Promise<void> {
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
