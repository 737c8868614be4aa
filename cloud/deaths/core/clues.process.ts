/** Clues about QEMU's process: whether it failed by itself, or was ended by somebody past the platform. */
import type { Finding } from "./certificate.ts";
import { at, type Clue, codeOf, instant, signalOf } from "./clue.ts";
import type { Evidence } from "./evidence.ts";

const crashSignals: ReadonlySet<string> = new Set([
  ...["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE", "SIGTRAP", "SIGSYS"],
]);

export const processClues = {
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
} as const satisfies Record<string, Clue>;

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
