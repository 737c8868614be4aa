/**
 * From how a process ended to what deciding needs of it. What the cause is, the coroner says; see
 * cloud/deaths. Here is only what an instance contributes to the inquest: who wanted it ended.
 */
import { type Evidence, inquest } from "@holdfast/cloud/deaths";
import type { ExitReport } from "@holdfast/cloud/hosts";
import type { Instant } from "@holdfast/kernel/time";
import type { Cause, Ending, Errand, Incarnation, Instance } from "./model.ts";

export function endingOf(
  instance: Instance,
  { generation, host }: Incarnation,
  exit: ExitReport,
  errand?: Errand,
): Ending {
  const at = exit.at as Instant; // The report's times are instants of its host.
  if (exit.reason === "migrated") return { how: "migrated", cause: lostOnTheWay(at) };
  const evidence = { instance: instance.id, generation, host: { id: host, name: host }, at };
  const { cause: kind, says } = inquest({
    ...{ ...evidence, report: exit, ...intentionsFor(instance, errand, at) },
  });
  const cause = { class: kind, says, at };
  if (exit.problem) {
    const { code, message, fix } = exit.problem;
    const problem = { kind: "unavailable" as const, code, message, ...(fix ? { fix } : {}) };
    const neverRan = exit.neverRan ?? true;
    return { how: "launch-failed", neverRan, cause: { ...cause, problem } };
  }
  if (exit.status === "never-launched") return { how: "never-launched", neverRan: true, cause };
  return { how: "exited", ...(exit.neverRan ? { neverRan: true } : {}), cause };
}

const isEnd = ({ does }: Errand) => does !== "reboot";

/** Where it was moved to is where its life goes on. If that cannot be, this is why. */
const lostOnTheWay = (at: Instant): Cause => ({
  class: "migration-failed",
  says: "All of it had been sent to another host, where it did not go on.",
  at,
});

/**
 * Who wanted it ended at that moment: its owner, or the platform, which had waited for it long enough or works on its
 * host. That work may be over when it is heard of.
 */
export function intentionsFor(
  instance: Instance,
  errand: Errand | undefined,
  at: Instant,
): Pick<Evidence, "asked" | "overdueSince" | "maintenance"> {
  const { desired, job, state, cause } = instance;
  const verb =
    desired === "stopped"
      ? "stop"
      : desired === "running"
        ? job?.kind === "relaunch" && "relaunch"
        : "destroy";
  const isOverdue = state === "stopping" && cause?.class === "boot-timeout";
  return {
    ...(verb ? { asked: { verb, ...(job ? { job: job.id } : {}) } } : {}),
    ...(isOverdue ? { overdueSince: cause.at } : {}),
    ...(errand && isEnd(errand) ? { maintenance: { at, mode: "draining" as const } } : {}),
  };
}
