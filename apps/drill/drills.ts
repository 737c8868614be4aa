/**
 * Every drill: what it breaks, and what Holdfast is expected to make of it.
 *
 * `dies`: guests die, and their certificates must name one of `causes`. `stalls`: the guest stands still and is
 * not dead. `lives`: something dies or fails, and no guest may notice; a drill of this kind that costs a guest
 * its life has found a bug. `leaves`: nothing is broken; the guests are told, and leave in good order.
 */
import type { CauseClass } from "@holdfast/cloud/deaths";

export interface Drill {
  /** What is named on the command line; `platform` needs no name. */
  readonly on: "instance" | "host" | "platform";
  readonly does: string;
  readonly expects: Expectation;
}

export type Expectation =
  | {
      readonly guest: "dies";
      /** What the certificate may say when the guest is up again. */
      readonly causes: readonly CauseClass[];
      /** What it may say once a host that was silent is back and has told its side. */
      readonly amendedTo?: readonly CauseClass[];
      /** Class of the panic in the certificate. */
      readonly panic?: string;
    }
  | { readonly guest: "stalls" }
  | { readonly guest: "lives" }
  /** It is told, goes elsewhere or down with its host, and is well afterwards. */
  | { readonly guest: "leaves" };

const dies = (...causes: readonly CauseClass[]): Expectation => ({ guest: "dies", causes });

export const drills = {
  "guest-panic": {
    on: "instance",
    does: "the guest's kernel panics (sysrq)",
    expects: { guest: "dies", causes: ["guest-panic"], panic: "requested" },
  },
  "guest-hang": {
    on: "instance",
    does: "every program of the guest stops; its kernel lives on",
    expects: dies("guest-hang"),
  },
  "guest-oom": {
    on: "instance",
    does: "a program eats the guest's memory until its kernel panics",
    expects: { guest: "dies", causes: ["guest-panic"], panic: "out-of-memory" },
  },
  "qemu-kill": {
    on: "instance",
    does: "its QEMU process is killed (SIGKILL)",
    expects: dies("qemu-killed"),
  },
  "qemu-crash": {
    on: "instance",
    does: "its QEMU process crashes (SIGSEGV)",
    expects: dies("qemu-crash"),
  },
  "disk-error": {
    on: "instance",
    does: "its disk answers every write with an error (strace, EIO)",
    expects: { guest: "stalls" },
  },
  "agent-hang": {
    on: "host",
    does: "the host's agent stands still (SIGSTOP) for longer than a lease",
    expects: { guest: "lives" },
  },
  "agent-kill": {
    on: "host",
    does: "the host's agent is killed (SIGKILL)",
    expects: { guest: "lives" },
  },
  "clock-jump": {
    on: "host",
    does: "the clock of the host's agent jumps an hour ahead, and back again",
    expects: { guest: "lives" },
  },
  "host-cut": {
    on: "host",
    does: "the host's network is cut in both directions",
    expects: {
      guest: "dies",
      causes: ["host-failure"],
      amendedTo: ["self-fenced", "host-partition"],
    },
  },
  "host-power-loss": {
    on: "host",
    does: "the host's plug is pulled",
    expects: dies("host-failure"),
  },
  maintenance: {
    on: "host",
    does: "the host is emptied for work, and given back",
    expects: { guest: "leaves" },
  },
  "manager-kill": {
    on: "platform",
    does: "the manager is killed (SIGKILL)",
    expects: { guest: "lives" },
  },
  "manager-clock-jump": {
    on: "platform",
    does: "the clock of the manager jumps an hour ahead, and back again",
    expects: { guest: "lives" },
  },
  "database-kill": {
    on: "platform",
    does: "PostgreSQL is killed (SIGKILL)",
    expects: { guest: "lives" },
  },
} as const satisfies Readonly<Record<string, Drill>>;

export type DrillName = keyof typeof drills;

export const isDrill = (text: string): text is DrillName => Object.hasOwn(drills, text);

export const drillOf = (name: DrillName): Drill => drills[name];
