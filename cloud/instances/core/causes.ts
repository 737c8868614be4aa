/**
 * From how a process ended to the class of its cause.
 *
 * Only what the evidence says: exit code 0 alone means nothing (QEMU leaves with 0 after a guest's
 * panic), and a process that is gone without a record is `unknown`, never assumed to have been stopped.
 */
import type { ExitReport } from "@holdfast/cloud/hosts";
import type { Instant } from "@holdfast/kernel/time";
import type { CauseClass, Ending } from "./model.ts";

export function endingOf(exit: ExitReport): Ending {
  const [kind, says] = classify(exit);
  const cause = { class: kind, says, at: exit.at as Instant }; // The report's times are instants of its host.
  if (exit.problem) {
    const { code, message, fix } = exit.problem;
    const problem = { kind: "unavailable" as const, code, message, ...(fix ? { fix } : {}) };
    return { how: "launch-failed", cause: { ...cause, problem } };
  }
  return { how: exit.status === "never-launched" ? "never-launched" : "exited", cause };
}

function classify(exit: ExitReport): readonly [CauseClass, string] {
  const { status, reason = "", requested, oomKills, bootTimedOut, problem } = exit;
  if (problem) return ["launch-failed", problem.message];
  if (bootTimedOut)
    return ["boot-timeout", "The guest did not say that it is ready in time, and was ended."];
  if (requested) return ["user-stop", "It was stopped as asked."];
  if (status === "never-launched") return ["user-stop", "It was stopped before it was launched."];
  if (oomKills > 0)
    return ["host-oom-kill", "The kernel of the host killed it: its cgroup was out of memory."];
  if (reason === "guest-panic") return ["guest-panic", "The guest's kernel panicked."];
  if (reason === "guest-shutdown") return ["guest-shutdown", "The guest switched itself off."];
  if (reason === "host-signal" || reason === "host-qmp-quit")
    return ["qemu-killed", "Somebody on the host told its QEMU process to end."];
  if (typeof status === "object" && "signal" in status)
    return crashes.has(status.signal)
      ? ["qemu-crash", `QEMU crashed with ${status.signal}.`]
      : ["qemu-killed", `QEMU was killed with ${status.signal}.`];
  if (typeof status === "object" && "code" in status && status.code !== 0)
    return ["qemu-crash", `QEMU ended with exit code ${status.code}.`];
  return ["unknown", "The process is gone, and nothing on its host says why."];
}

const crashes: ReadonlySet<string> = new Set(["SIGSEGV", "SIGABRT", "SIGBUS", "SIGILL", "SIGFPE"]);
