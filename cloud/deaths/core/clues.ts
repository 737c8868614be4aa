/**
 * What an inquest looks for: each clue by name, with where it is looked for and why it matters.
 *
 * A clue is found or not found; it concludes nothing. That is the business of rules.ts, so that a rule can be
 * read aloud, and so that an inquest without a result can say what was sought.
 *
 * Events belong to a life and not to an end: a disk error that was survived for an hour has killed nobody.
 * So each clue that rests on an event says how near to the end it has to be.
 */
import type { ExitReport } from "@holdfast/cloud/hosts";
import { type Duration, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import type { Finding, Source } from "./certificate.ts";
import { type Evidence, endOf } from "./evidence.ts";

export interface Clue {
  /** What is looked for, as it reads after "sought:". */
  readonly seeks: string;
  /** Why it matters, as it reads in a list of what was not found. */
  readonly why: string;
  readonly look: (evidence: Evidence) => readonly Finding[];
}

/** From the first sign of trouble to an end that is laid to it: a guest whose disk is gone dies within a minute. */
const aftermath = minutes(1);
/** So many reboots in so short a time before the end are a loop. */
const loop = { resets: 3, within: minutes(5) };
/** One reboot resets the machine two or three times: QEMU, the firmware and the kernel each do it. */
const sameReset = seconds(1);

const crashSignals: ReadonlySet<string> = new Set([
  ...["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"],
]);

export const clues = {
  record: {
    seeks: "how its process ended: an exit code or a signal",
    why: "a signal tells a crash from a kill; without it nobody can tell either from a power cut",
    look: ({ report }) => {
      const text = report && statusText(report);
      return report && text !== undefined ? [at(report, "host", text)] : [];
    },
  },
  launchProblem: {
    seeks: "an error of its launch",
    why: "a machine that never ran has not died of anything it did",
    look: ({ report }) =>
      report?.problem
        ? [at(report, "agent", `It could not be launched: ${report.problem.message}`)]
        : [],
  },
  neverLaunched: {
    seeks: "a seal on a launch that never was",
    why: "an order to stop may have come before the order to start was carried out",
    look: ({ report }) =>
      report?.status === "never-launched" ? [at(report, "host", "It was never launched.")] : [],
  },
  orderedEnd: {
    seeks: "an order from the platform to end it",
    why: "an end that was ordered is no accident",
    look: ({ report }) =>
      report?.requested ? [at(report, "agent", "Its agent was told to end it, and did.")] : [],
  },
  stopAsked: {
    seeks: "somebody's command to stop it",
    why: "what somebody asked for needs no other explanation",
    look: ({ asked, ...rest }) =>
      asked && asked.verb !== "destroy" ? [wanted(asked, rest.at)] : [],
  },
  destroyAsked: {
    seeks: "somebody's command to destroy it",
    why: "what somebody asked for needs no other explanation",
    look: ({ asked, ...rest }) => (asked?.verb === "destroy" ? [wanted(asked, rest.at)] : []),
  },
  maintenance: {
    seeks: "planned work on its host",
    why: "a host that is emptied ends its guests on purpose",
    look: ({ maintenance }) =>
      maintenance
        ? [
            {
              at: maintenance.at,
              source: "manager",
              says: `Its host was in mode ${maintenance.mode}.`,
            },
          ]
        : [],
  },
  migration: {
    seeks: "a migration that failed",
    why: "two hosts have a part in it, and either may have ended it",
    look: ({ migration }) =>
      migration
        ? [
            {
              at: migration.at,
              source: "manager",
              says: `It was being moved from ${migration.from} to ${migration.to}: ${migration.says}`,
            },
          ]
        : [],
  },
  fenceNote: {
    seeks: "a note of its host's guard",
    why: "the guard ends guests when its host cannot renew its lease, and says so first",
    look: ({ report }) =>
      report?.fenced
        ? [
            {
              at: instant(report.fenced.at),
              source: "guard",
              says: `The guard ended it: ${report.fenced.why}.`,
            },
          ]
        : [],
  },
  hostProof: {
    seeks: "a fence certificate of its host",
    why: "only a proof makes a silent host a dead one",
    look: ({ fence }) =>
      fence && fence.proof !== "attested"
        ? [
            silence(fence),
            { at: fence.provenAt, source: "manager", says: proofs[fence.proof](fence) },
          ]
        : [],
  },
  attestation: {
    seeks: "an operator's word that its host is off",
    why: "a person can know what no machine can",
    look: ({ fence }) =>
      fence?.proof === "attested"
        ? [
            silence(fence),
            {
              at: fence.provenAt,
              source: "operator",
              says: "An operator attested that its host is off.",
            },
          ]
        : [],
  },
  outlived: {
    seeks: "a sign that it lived on while its host was silent",
    why: "a host that was cut off is not one that died",
    look: (evidence) => {
      const { report, fence } = evidence;
      if (!report || !fence || typeof report.status !== "object") return [];
      return report.at > fence.silentSince
        ? [
            at(
              report,
              "host",
              "Its process was alive after its host had fallen silent, and ended then.",
            ),
          ]
        : [];
    },
  },
  endedBefore: {
    seeks: "an end before its host fell silent",
    why: "it may have died of its own before its host did",
    look: ({ report, fence }) =>
      report && fence && typeof report.status === "object" && report.at <= fence.silentSince
        ? [at(report, "host", "It had ended before its host fell silent.")]
        : [],
  },
  crashSignal: {
    seeks: "a signal of a crash, such as SIGSEGV or SIGABRT",
    why: "it means that QEMU itself failed",
    look: ({ report }) =>
      report && crashSignals.has(signalOf(report) ?? "")
        ? [at(report, "host", `QEMU died of ${signalOf(report)}.`)]
        : [],
  },
  errorCode: {
    seeks: "an exit code that QEMU gives for errors",
    why: "it means that QEMU gave up by itself",
    look: ({ report }) => {
      const code = codeOf(report);
      return report && code !== undefined && code !== 0
        ? [at(report, "host", `QEMU ended with exit code ${code}.`)]
        : [];
    },
  },
  hypervisorError: {
    seeks: "an error of QEMU's own as the reason of the shutdown",
    why: "it means that QEMU gave up by itself",
    look: ({ report }) =>
      report?.reason === "host-error"
        ? [at(report, "hypervisor", "QEMU shut down over an error of its own.")]
        : [],
  },
  segfault: {
    seeks: "a line of the host's kernel about a fault in QEMU",
    why: "it names the library and the address",
    look: (evidence) =>
      kernelLines(evidence, /segfault at|traps:|general protection|invalid opcode/i),
  },
  lastWords: {
    seeks: "QEMU's own last words in its log",
    why: "an assertion that fails is written there before QEMU aborts",
    look: ({ report }) =>
      (report?.hypervisorLog ?? [])
        .filter((line) =>
          /assert|fatal|internal error|Aborted|core dumped|qemu.*: error/i.test(line),
        )
        .slice(-3)
        .map((line) => ({
          at: instant(report?.at ?? 0),
          source: "hypervisor" as const,
          says: line,
        })),
  },
  killSignal: {
    seeks: "a signal that nobody in the platform sent",
    why: "somebody on the host ends processes past the platform",
    look: ({ report }) => {
      const signal = report && signalOf(report);
      return signal && !report.requested && !crashSignals.has(signal)
        ? [at(report, "host", `QEMU was killed with ${signal}, and not by the platform.`)]
        : [];
    },
  },
  sender: {
    seeks: "who told QEMU to end",
    why: "SIGTERM, SIGINT and SIGHUP leave the sender's name",
    look: ({ report }) => {
      if (!report || report.requested) return [];
      const { signalledBy: by, reason } = report;
      if (by)
        return [
          at(report, "hypervisor", `QEMU got ${by.signal} from process ${by.pid} (${by.name}).`),
        ];
      if (reason === "host-signal") return [at(report, "hypervisor", "QEMU got a signal to end.")];
      if (reason === "host-qmp-quit")
        return [at(report, "hypervisor", "Somebody told QEMU to quit over its control socket.")];
      if (reason === "host-ui") return [at(report, "hypervisor", "Somebody closed QEMU's window.")];
      return [];
    },
  },
  oom: {
    seeks: "an out-of-memory kill in its control group or the kernel's log",
    why: "the kernel kills with SIGKILL and tells nobody else",
    look: (evidence) => {
      const { report } = evidence;
      if (!report) return [];
      const lines = kernelLines(evidence, /oom-kill|out of memory/i);
      const kills = `${report.oomKills} out-of-memory kill${report.oomKills === 1 ? "" : "s"}`;
      const count = at(report, "host kernel", `Its control group counts ${kills}.`);
      return report.oomKills > 0 ? [count, ...lines] : lines;
    },
  },
  killed: {
    seeks: "an end by SIGKILL",
    why: "an out-of-memory kill is one",
    look: ({ report }) =>
      report && signalOf(report) === "SIGKILL"
        ? [at(report, "host", "Its process was killed with SIGKILL.")]
        : [],
  },
  unrecorded: {
    seeks: "a process that vanished without a record",
    why: "when the host itself goes, nobody is left to write one",
    look: ({ report }) =>
      report?.status === "unrecorded"
        ? [
            at(
              report,
              "host",
              "Its process is gone, and whoever should have recorded how is gone too.",
            ),
          ]
        : [],
  },
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

export type ClueName = keyof typeof clues;
export const clueNames = Object.keys(clues) as readonly ClueName[]; // The table's own keys.

const proofs: Readonly<
  Record<
    Exclude<NonNullable<Evidence["fence"]>["proof"], "attested">,
    (fence: NonNullable<Evidence["fence"]>) => string
  >
> = {
  "power-off": () => "Its host's power was read back as off.",
  watchdog: () => "By then the watchdog of its host had reset it for certain.",
  "boot-id": () => "Its host came back from a new boot; nothing of the old one is left.",
  "storage-cut": () => "Its host's access to its volumes was taken away.",
};

const silence = (fence: NonNullable<Evidence["fence"]>): Finding => ({
  at: fence.silentSince,
  source: "manager",
  says: "Its host was heard for the last time.",
});

function wanted(asked: NonNullable<Evidence["asked"]>, otherwise: Instant): Finding {
  const who = asked.actor ?? "Somebody";
  const by = asked.job ? ` (job ${asked.job})` : "";
  return {
    at: asked.at ?? otherwise,
    source: "operator",
    says: `${who} asked to ${asked.verb} it${by}.`,
  };
}

const instant = (moment: number) => moment as Instant; // The report's times are instants of its host.

const at = (report: ExitReport, source: Source, says: string): Finding => ({
  at: instant(report.at),
  source,
  says,
});

export function signalOf({ status }: ExitReport): string | undefined {
  return typeof status === "object" && "signal" in status ? status.signal : undefined;
}

function codeOf(report: ExitReport | undefined): number | undefined {
  const status = report?.status;
  return typeof status === "object" && "code" in status ? status.code : undefined;
}

function statusText(report: ExitReport): string | undefined {
  const [signal, code] = [signalOf(report), codeOf(report)];
  if (signal !== undefined) return `Its process ended by ${signal}.`;
  return code === undefined ? undefined : `Its process ended with exit code ${code}.`;
}

const isNear = (moment: Instant, end: Instant, within: Duration) => end - moment <= within;

function eventsNear(
  evidence: Evidence,
  name: string,
  within: Duration,
  says: string,
): readonly Finding[] {
  const end = endOf(evidence);
  const found = evidence.report?.events.findLast(
    ({ event, at: when }) => event === name && isNear(instant(when), end, within),
  );
  return found ? [{ at: instant(found.at), source: "hypervisor", says }] : [];
}

/** Each line of a host's kernel log begins with its time in ISO 8601, if the host knew it. */
function kernelLines({ report }: Evidence, pattern: RegExp): readonly Finding[] {
  return (report?.kernelLog ?? [])
    .filter((line) => pattern.test(line))
    .slice(-3)
    .map((line) => {
      const [, stamp, text] = /^(\d{4}-\d\d-\d\dT\S+)\s+(.*)$/.exec(line) ?? [];
      const moment = stamp === undefined ? Number.NaN : Date.parse(stamp);
      const known = Number.isFinite(moment) ? moment : (report?.at ?? 0);
      return { at: instant(known), source: "host kernel" as const, says: text ?? line };
    });
}

/** QMP's data in a few words: `write, no space left`. */
function diskWords(detail: string): string {
  const read = (pattern: RegExp) => pattern.exec(detail)?.[1];
  const operation = read(/"operation"\s*:\s*"(\w+)"/);
  const reason = /"nospace"\s*:\s*true/.test(detail)
    ? "no space left on the host"
    : read(/"reason"\s*:\s*"([^"]*)"/);
  return [operation, reason].filter(Boolean).join(", ") || "it did not say more.";
}
