/** Clues in what the guest did: what it reported to its machine, wrote on its console, and what its disk said to it. */
import { minutes, seconds } from "@holdfast/kernel/time";
import { aftermath, at, type Clue, eventsNear, instant, isNear } from "./clue.ts";
import { endOf } from "./evidence.ts";

/** So many reboots in so short a time before the end are a loop. */
const loop = { resets: 3, within: minutes(5) };
/** One reboot resets the machine two or three times: QEMU, the firmware and the kernel each do it. */
const sameReset = seconds(1);

export const guestClues = {
  guestOff: {
    seeks: "the guest's own power-off",
    why: "a guest that switches itself off meant to",
    look: ({ report }) =>
      report?.reason === "guest-shutdown"
        ? [at(report, "hypervisor", "The guest switched its machine off.")]
        : [],
  },
  powerButton: {
    seeks: "a press of its power button",
    why: "it tells a guest that was asked from one that decided by itself",
    look: (evidence) =>
      eventsNear(evidence, "POWERDOWN", minutes(10), "Its power button was pressed."),
  },
  guestReset: {
    seeks: "a reset by the guest as the reason of the end",
    why: "a reboot ends a process that was told not to begin anew",
    look: ({ report }) =>
      report?.reason === "guest-reset"
        ? [at(report, "hypervisor", "The guest reset its machine.")]
        : [],
  },
  panicked: {
    seeks: "the shutdown reason guest-panic",
    why: "the guest's kernel reports a panic to its machine before it stops",
    look: ({ report }) =>
      report?.reason === "guest-panic"
        ? [at(report, "hypervisor", "The guest's kernel reported a panic.")]
        : [],
  },
  panicEvent: {
    seeks: "a panic that the guest reported",
    why: "after it nothing of the guest goes on",
    look: (evidence) => {
      const events = evidence.report?.events ?? [];
      const last = events.findLastIndex(({ event }) => event === "GUEST_PANICKED");
      const isOver = events.slice(last + 1).some(({ event }) => event === "RESET");
      const found = events[last];
      return found && !isOver
        ? [
            {
              at: instant(found.at),
              source: "hypervisor",
              says: "The guest's kernel reported a panic.",
            },
          ]
        : [];
    },
  },
  consolePanic: {
    seeks: "a kernel panic on the serial console",
    why: "a guest without a panic device says it nowhere else",
    look: ({ report }) => {
      const line = report?.consoleTail.findLast((text) => /Kernel panic - not syncing/.test(text));
      return report && line !== undefined ? [at(report, "guest console", line.trim())] : [];
    },
  },
  watchdog: {
    seeks: "a watchdog that was not fed",
    why: "a guest in which nothing runs any more stops feeding it",
    look: (evidence) => {
      const { report } = evidence;
      if (!report?.watchdogFired) return [];
      const says = "The guest stopped feeding its watchdog, and it fired.";
      // Only without any events is the flag all there is to go by.
      return report.events.length === 0
        ? [at(report, "hypervisor", says)]
        : eventsNear(evidence, "WATCHDOG", aftermath, says);
    },
  },
  resetLoop: {
    seeks: "reboots one after the other",
    why: "each of them alone is nothing; together they are a guest that cannot get up",
    look: (evidence) => {
      const end = endOf(evidence);
      const near = (evidence.report?.events ?? []).filter(
        ({ event, detail, at: when }) =>
          event === "RESET" && !/host-qmp/.test(detail) && isNear(instant(when), end, loop.within),
      );
      const distinct = near.filter(
        ({ at: when }, i) => when - (near[i - 1]?.at ?? -sameReset) >= sameReset,
      );
      const [first] = distinct;
      return first && distinct.length >= loop.resets
        ? [
            {
              at: instant(first.at),
              source: "hypervisor",
              says: `It rebooted ${distinct.length} times from here on.`,
            },
          ]
        : [];
    },
  },
  bootOverdue: {
    seeks: "a boot that took too long",
    why: "a guest that never gets up is ended after its time",
    look: ({ report, overdueSince }) => [
      ...(report?.bootTimedOut
        ? [at(report, "agent", "Its guest had not said that it is ready, and its time was up.")]
        : []),
      ...(overdueSince === undefined
        ? []
        : [
            {
              at: overdueSince,
              source: "manager" as const,
              says: "Its host had not confirmed the start in time.",
            },
          ]),
    ],
  },
  diskError: {
    seeks: "errors of its disk",
    why: "a guest cannot go on without its disk, and nothing inside of it is to blame",
    look: (evidence) => {
      const events = evidence.report?.events ?? [];
      const last = events.findLastIndex(({ event }) => event === "BLOCK_IO_ERROR");
      const found = events[last];
      if (!found) return [];
      const stands = events.slice(last).some(({ event }) => event === "STOP");
      const went = events.slice(last).some(({ event }) => event === "RESUME" || event === "RESET");
      const isFresh = isNear(instant(found.at), endOf(evidence), aftermath);
      return (stands && !went) || isFresh
        ? [
            {
              at: instant(found.at),
              source: "hypervisor",
              says: `Its disk reported an error: ${diskWords(found.detail)}`,
            },
          ]
        : [];
    },
  },
  consoleDiskError: {
    seeks: "disk errors on the serial console",
    why: "the guest's kernel names the sectors",
    look: ({ report }) =>
      (report?.consoleTail ?? [])
        .filter((text) => /I\/O error|EXT4-fs error|Buffer I\/O|XFS .*shutdown/i.test(text))
        .slice(-2)
        .map((text) => ({
          at: instant(report?.at ?? 0),
          source: "guest console" as const,
          says: text.trim(),
        })),
  },
} as const satisfies Record<string, Clue>;

/** QMP's data in a few words: `write, no space left`. */
function diskWords(detail: string): string {
  const read = (pattern: RegExp) => pattern.exec(detail)?.[1];
  const operation = read(/"operation"\s*:\s*"(\w+)"/);
  const reason = /"nospace"\s*:\s*true/.test(detail)
    ? "no space left on the host"
    : read(/"reason"\s*:\s*"([^"]*)"/);
  return [operation, reason].filter(Boolean).join(", ") || "it did not say more.";
}
