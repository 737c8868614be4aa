/**
 * The agent's end of the talk with its guard: it says renewals, and hears what the guard is doing.
 *
 * The guard may be gone for a moment; it is told again with the next renewal, and its own clock decides
 * what a silence means. What it said last is only worth something while it is fresh: a guard that is
 * frozen keeps its socket open and protects nobody.
 */
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { type GuardState, type Renewed, readGuardState } from "@holdfast/cloud/agent";
import type { GuardReport } from "@holdfast/cloud/hosts";
import type { Ticks } from "@holdfast/kernel/time";

export interface GuardClient {
  /** A manager has answered. `sentAt` is on the machine's steady clock, in milliseconds since its boot. */
  renewed(renewal: Omit<Renewed, "say">): void;
  /** The guard is there and has lately said so. */
  hasGuard(): boolean;
  /** What the guard last said, and how old that is in milliseconds; undefined if it is not connected. */
  guardState(): { readonly state: GuardState; readonly age: number } | undefined;
  /** What managers are told of it; null unless it is fresh. */
  report(): GuardReport | null;
  /** Launch nothing fenceable unless this is true: the lease is held and the guard is watching. */
  mayLaunchFenceable(): boolean;
  close(): void;
}

const retryMilliseconds = 500;
/** It speaks every second; two may be late. */
const freshFor = 2_500;

const steady: Ticks = () => Number(process.hrtime.bigint() / 1_000_000n);

/** A connection that carries lines both ways. Each callback comes once at most but `line`. */
export interface Lines {
  write(line: string): void;
  destroy(): void;
}
export interface LineEvents {
  opened(): void;
  line(text: string): void;
  closed(): void;
}

export function guardClient(path: string, ticks: Ticks = steady): GuardClient {
  return guardClientOver((events) => connectTo(path, events), ticks);
}

/** The same over whatever leads to the guard. */
export function guardClientOver(reach: (events: LineEvents) => Lines, ticks: Ticks): GuardClient {
  let socket: Lines | undefined;
  let heard: { readonly state: GuardState; readonly at: number } | undefined;
  let isOpen = true;
  let timer: NodeJS.Timeout | undefined;
  open();
  return {
    renewed(renewal) {
      socket?.write(JSON.stringify({ ...renewal, say: "renewed" }));
    },
    hasGuard: () => fresh() !== undefined,
    guardState: () => heard && { state: heard.state, age: ticks() - heard.at },
    report() {
      const state = fresh();
      return state ? { watchdog: state.watchdog, stamped: state.stamped } : null;
    },
    mayLaunchFenceable() {
      const state = fresh();
      return state?.isValid === true && !state.isQuarantined;
    },
    close() {
      isOpen = false;
      clearTimeout(timer);
      socket?.destroy();
    },
  };

  function fresh(): GuardState | undefined {
    return heard && ticks() - heard.at < freshFor ? heard.state : undefined;
  }

  function open(): void {
    const mine = reach({
      opened() {
        socket = mine;
      },
      line(text) {
        const state = readGuardState(text);
        if (state) heard = { state, at: ticks() };
      },
      closed() {
        socket = undefined;
        heard = undefined;
        if (isOpen) timer = setTimeout(open, retryMilliseconds);
      },
    });
  }
}

function connectTo(path: string, { opened, line, closed }: LineEvents): Lines {
  const socket = connect(path, opened);
  socket.on("error", () => {});
  socket.on("close", closed);
  const lines = createInterface({ input: socket });
  lines.on("error", () => {}); // It repeats the errors of its socket.
  lines.on("line", line);
  return { write: (text) => void socket.write(`${text}\n`), destroy: () => void socket.destroy() };
}
