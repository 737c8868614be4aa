/**
 * One look at a running QEMU, from outside: does it answer, what do its disks do, does its guest answer.
 *
 * The easy mistake is to trust counters of failures: a disk that hangs has none. QEMU does not tell how old
 * a request is either. What it does tell is how many requests each queue of a disk has taken and not given
 * back, so whoever looks twice and finds requests in flight and nothing completed knows that all of them
 * are at least as old as the time between.
 */
import { type Duration, milliseconds } from "@holdfast/kernel/time";
import type { DiskExamination, Examination } from "./driver.ts";
import { agentChannel, pingGuestAgent } from "./guest-agent.ts";
import type { Machine } from "./machine.ts";
import { isRecord } from "./qmp.ts";

type Ask = (command: string, args?: Readonly<Record<string, unknown>>) => Promise<unknown>;

let pings = 0;

/** Rejects with `not_running` if the machine ends meanwhile. */
export async function examineMachine(machine: Machine, within: Duration): Promise<Examination> {
  const begun = performance.now();
  const left = () => milliseconds(Math.max(1, within - (performance.now() - begun)));
  const ask: Ask = (command, args) => machine.query(command, left(), args);
  try {
    const status = await ask("query-status");
    const answeredIn = milliseconds(Math.round(performance.now() - begun));
    const [disks, isOpen] = await Promise.all([disksOf(ask), hasAgent(ask)]);
    const answers = isOpen && (await pingGuestAgent(machine.paths.agent, ++pings, left()));
    return {
      ...seen(machine),
      answeredIn,
      ...(isRecord(status) ? { runState: String(status.status) } : {}),
      disks,
      agent: !isOpen ? "none" : answers ? "answers" : "silent",
    };
  } catch (error) {
    if (machine.exit) throw error;
    return { ...seen(machine), disks: [], agent: "none" }; // It took longer than it had.
  }
}

function seen(machine: Machine): Pick<Examination, "guest" | "bootedAt" | "bootedBy"> {
  const view = machine.view();
  const guest = view.is === "running" ? view.guest : "booting";
  return { guest, bootedAt: machine.boot.at, bootedBy: machine.boot.by };
}

async function disksOf(ask: Ask): Promise<readonly DiskExamination[]> {
  const answer = await ask("query-blockstats");
  const devices = Array.isArray(answer) ? answer.filter(isRecord) : [];
  return Promise.all(
    devices.flatMap((device) => {
      const { stats, qdev, "node-name": node } = device;
      if (!isRecord(stats) || typeof qdev !== "string") return []; // Not in front of a guest.
      return [examineDisk(ask, String(node ?? qdev), qdev, stats)];
    }),
  );
}

const kinds = ["rd", "wr", "flush", "unmap"];

async function examineDisk(
  ask: Ask,
  node: string,
  path: string,
  stats: Readonly<Record<string, unknown>>,
): Promise<DiskExamination> {
  const sum = (prefix: string) =>
    kinds.reduce((all, kind) => all + (Number(stats[`${prefix}${kind}_operations`]) || 0), 0);
  const failed = sum("failed_");
  const inFlight = await requestsInFlight(ask, path).catch(() => undefined); // Not before QEMU 7.2.
  return {
    node,
    completed: sum("") + failed + sum("invalid_"),
    failed,
    ...(inFlight === undefined ? {} : { inFlight }),
  };
}

/** The path of a virtio disk in QEMU's tree of objects is what `query-blockstats` calls its `qdev`. */
async function requestsInFlight(ask: Ask, path: string): Promise<number> {
  const device = await ask("x-query-virtio-status", { path });
  const queues = isRecord(device) ? Number(device["num-vqs"]) || 0 : 0;
  const counts = await Promise.all(
    Array.from({ length: queues }, async (_, queue) => {
      const status = await ask("x-query-virtio-queue-status", { path, queue });
      return isRecord(status) ? Number(status.inuse) || 0 : 0;
    }),
  );
  return counts.reduce((all, count) => all + count, 0);
}

async function hasAgent(ask: Ask): Promise<boolean> {
  const answer = await ask("query-chardev");
  const devices = Array.isArray(answer) ? answer.filter(isRecord) : [];
  return devices.some(
    ({ label, "frontend-open": isOpen }) => label === agentChannel && isOpen === true,
  );
}
