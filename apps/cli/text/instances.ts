/**
 * Instances for people: a table of many, and everything that is known of one.
 *
 * The questions that `show` answers, in this order: how is it, what is under way and since when, what
 * happens if that does not come about, and why is it so.
 */
import type { InstanceState } from "@holdfast/cloud/instances";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { connectionsOf } from "./networks.ts";
import { type Cell, facts, type Paint, stateCell, table } from "./table.ts";
import { tagColumn, tagWords } from "./tags.ts";
import { disksOf } from "./volumes.ts";
import { counted, deadline, memory, relative, span, stopwatch } from "./words.ts";

export function instanceTable(
  instances: readonly InstanceView[],
  now: Instant,
  paint: Paint,
): string {
  const tags = tagColumn(instances);
  const rows = instances.map((one) => [
    one.name,
    stateCell(one.state),
    guestOf(one),
    one.type,
    one.image,
    one.host ?? "-",
    span(milliseconds(now - one.createdAt)),
    ...tags.of(one),
    underWay(one, now),
    { text: one.id, tone: "dim" } as const,
  ]);
  return table(
    ["NAME", "STATE", "GUEST", "TYPE", "IMAGE", "HOST", "AGE", ...tags.heads, "UNDER WAY", "ID"],
    rows,
    paint,
  );
}

/** How many there are in which state, for lists that are too long to count. */
export function instanceSummary(instances: readonly InstanceView[]): string {
  const counts = new Map<string, number>();
  for (const { state } of instances) counts.set(state, (counts.get(state) ?? 0) + 1);
  const parts = [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([state, count]) => `${count} ${state}`);
  return `${counted(instances.length, "instance")}: ${parts.join(", ")}`;
}

export function instanceDetails(one: InstanceView, now: Instant, paint: Paint): string {
  const { op, cause } = one;
  const head = stateCell(one.state);
  const state = typeof head === "string" ? head : paint(head.tone, head.text);
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["since", op ? undefined : sinceWhen(one, now)],
    ["wanted", one.desired],
    ["under way", op ? `${op.kind}: ${op.step}` : undefined],
    ["begun", op ? `${relative(op.since, now)}${attempts(op.attempt)}` : undefined],
    ["deadline", op ? deadline(op.deadline, now) : undefined],
    ["then", op ? atDeadline(one) : undefined],
    [
      "next look",
      !op && one.nextLook ? `${deadline(one.nextLook, now)}: ${atNextLook(one)}` : undefined,
    ],
    [
      "cause",
      cause
        ? { text: `${cause.says} (${cause.class}, ${relative(cause.at, now)})`, tone: "bad" }
        : undefined,
    ],
    ["fix", cause?.problem?.fix],
    ["host", one.host ?? "on none"],
    ["guest", guestInWords(one, now)],
    ["started", one.begun ? startInWords(one.begun) : undefined],
    ["job", one.job ?? undefined],
    ["id", one.id],
    ["project", one.project],
    ["type", `${one.type} (${counted(one.cpus, "cpu")}, ${memory(one.memoryMiB)})`],
    ["image", one.image],
    ["volume", one.volume],
    ...disksOf(one),
    ...connectionsOf(one),
    ["tags", tagWords(one.tags)],
    ["zone", one.zone ?? "any"],
    ["host tags", one.hostTags.join(", ")],
    ["anti-affinity", one.antiAffinityGroup ?? undefined],
    ["pool", one.pool === "local" ? undefined : one.pool],
    ["recovery", one.recovery === "automatic" ? undefined : policies[one.recovery]],
    ["priority", one.priority === 0 ? undefined : String(one.priority)],
    ["depends on", one.dependsOn.join(", ")],
    ["protected", one.isProtected ? "yes: it cannot be destroyed" : "no"],
    ["metadata", isAsUsual(one) ? undefined : metadataWords(one)],
    ["launched", counted(one.generation, "time")],
    [
      "restarts",
      one.restarts > 0 ? `${one.restarts} by the platform within the window` : undefined,
    ],
    ["created", relative(one.createdAt, now)],
    ["destroyed", one.destroyedAt ? relative(one.destroyedAt, now) : undefined],
  ];
  return `${paint("strong", one.name)}  ${state}\n${facts(pairs, paint)}`;
}

/** What automation does when it has died, also where that is the default. */
export function recoveryText(one: InstanceView, paint: Paint): string {
  const waits = one.dependsOn.join(", ");
  const pairs: readonly (readonly [string, Cell])[] = [
    ["recovery", policies[one.recovery]],
    ["priority", String(one.priority)],
    ["depends on", waits || "nobody"],
    [
      "pool",
      one.pool === "local"
        ? "local: its volume is on the disks of one host, so it cannot be started on another"
        : one.pool,
    ],
  ];
  return `${paint("strong", one.name)}\n${facts(pairs, paint)}`;
}

const policies: Readonly<Record<InstanceView["recovery"], string>> = {
  automatic: "automatic: where its cause says",
  "in-place": "in-place: on its own host only",
  elsewhere: "elsewhere: on another host if there is one",
  none: "none: it stays stopped",
};

/** What is under way and until when, in a few words. */
export function underWay({ op, nextLook, state, desired }: InstanceView, now: Instant): string {
  if (op) return `${op.step}, ${deadline(op.deadline, now)}`;
  return nextLook && state === "stopped" && desired === "running"
    ? `starts again ${deadline(nextLook, now)}`
    : "";
}

const attempts = (attempt: number) =>
  attempt > 0 ? `, ${counted(attempt, "deadline")} already passed` : "";

/** What the platform does when the deadline of the operation passes. A test holds it to the lifecycle. */
export const deadlineActions: Readonly<Partial<Record<InstanceState, string>>> = {
  provisioning: "it is given up and becomes failed",
  starting: "the start is ended, and tried again on another host while the budget lasts",
  stopping: "its process is ended by force",
  migrating: "the migration is tried again",
  lost: "it is reported overdue; only a sign of life or a proof that its host is off leads on",
  expunging: "its host is asked again to delete the volume",
};

function atDeadline({ state, op }: InstanceView): string {
  if (op?.kind === "reboot") return "the reboot is counted as failed; the guest runs on";
  if (state === "stopping" && op && op.attempt > 0)
    return "its host is asked again to end the process";
  return deadlineActions[state] ?? "the platform looks again";
}

function atNextLook({ state, desired }: InstanceView): string {
  if (state === "stopped" && desired === "running") return "it is started again";
  if (state === "destroyed")
    return "its volume is deleted; until then `holdfast recover` takes it back";
  return "the platform looks again";
}

/** When it got into its state, as far as its view says; an operation says it better. */
function sinceWhen(one: InstanceView, now: Instant): string | undefined {
  const moment = one.destroyedAt ?? (one.state === "running" ? one.upAt : one.cause?.at);
  return moment ? relative(moment, now) : undefined;
}

const guestOf = ({ guest }: InstanceView): Cell => {
  if (guest === null) return "-";
  if (guest === "up") return { text: guest, tone: "good" };
  return { text: guest, tone: guest === "panicked" || guest === "io-error" ? "bad" : "busy" };
};

function startInWords(begun: NonNullable<InstanceView["begun"]>): string {
  const { how, took, why, wasOnStandby } = begun;
  const warm = wasOnStandby ? "warm, from a process on standby" : "warm, from a template";
  const words = how === "warm" ? warm : "by a boot";
  const after =
    took === undefined ? "" : `; its processors ran after ${stopwatch(milliseconds(took))}`;
  return why === undefined ? `${words}${after}` : `${words}${after} (not from a template: ${why})`;
}

function guestInWords({ guest, upAt, createdAt, generation }: InstanceView, now: Instant): string {
  switch (guest) {
    case null:
      return "does not run";
    case "booting":
      return "booting: it has not said that it is ready";
    case "up": {
      if (!upAt) return "up";
      const took =
        generation === 1 ? `, ${span(milliseconds(upAt - createdAt))} after it was asked for` : "";
      return `up since ${relative(upAt, now)}${took}`;
    }
    case "paused":
      return "paused: its processors are stopped";
    case "panicked":
      return "panicked: its kernel has stopped";
    case "io-error":
      return "stands still: its disk reports errors";
  }
}

const isAsUsual = ({ metadata, metadataTokens }: InstanceView) =>
  metadata === "on" && metadataTokens === "optional";

/** Of what its guest asks at the metadata address. */
export function metadataWords({ metadata, metadataTokens, metadataHops }: InstanceView): string {
  if (metadata === "off") return "nothing";
  if (metadataTokens === "optional") return "with a token and without";
  return `only with a token, within ${counted(metadataHops, "hop")}`;
}
