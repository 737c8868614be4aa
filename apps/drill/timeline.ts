/**
 * How long each step took, from the moment of the blow: pure arithmetic over what the platform wrote down.
 *
 * Every time is one that Holdfast itself recorded (journal, certificates, instance), and only the blow is
 * ours. On one machine these are one clock. Where they are not, differences of clocks are in every figure.
 */
import type { DeathView } from "@holdfast/cloud/deaths/api";
import type { EventView, InstanceView } from "@holdfast/cloud/instances/api";
import type { z } from "zod";
import type { Expectation } from "./drills.ts";

export type JournalEvent = Pick<z.output<typeof EventView>, "seq" | "at" | "event" | "generation">;
export type Certificate = Pick<
  DeathView,
  | "cause"
  | "says"
  | "confidence"
  | "at"
  | "recordedAt"
  | "panic"
  | "fence"
  | "generation"
  | "evidence"
>;

/** What was there before the blow. */
export interface Before {
  readonly generation: number;
  /** The last line of its journal. */
  readonly seq: number;
}

/** Milliseconds after the blow; absent is: did not happen, or nobody wrote it down. */
export interface Timeline {
  /** The first trace of it: the guest's own word, its process. A guest takes its time to die; a host leaves none. */
  readonly traced?: number;
  /** Its process ended; nobody knows when for one that went with its host. */
  readonly ended?: number;
  /** The first line in its journal about it. */
  readonly detected?: number;
  /** Its certificate was written, with a cause. */
  readonly cause?: number;
  /** Its host was proven dead. */
  readonly proof?: number;
  /** A new incarnation was asked for, and ran. */
  readonly placed?: number;
  readonly launched?: number;
  /** The guest said that it is up. */
  readonly up?: number;
}

export function timelineOf(
  injectedAt: number,
  before: Before,
  events: readonly JournalEvent[],
  death: Certificate | undefined,
  after: Pick<InstanceView, "generation" | "guest" | "upAt"> | undefined,
): Timeline {
  const fresh = events.filter(({ seq }) => seq > before.seq);
  const first = (isIt: (event: JournalEvent) => boolean) => fresh.find(isIt)?.at;
  const isUp = after?.guest === "up" && after.generation > before.generation;
  const traces = (death?.evidence ?? []).map(({ at }) => at).filter((at) => at >= injectedAt);
  const times = {
    traced: death?.fence || traces.length === 0 ? undefined : Math.min(...traces),
    ended: death?.fence ? undefined : death?.at,
    detected: first(({ event }) => !event.startsWith("command-")),
    cause: death && death.cause !== "unknown" ? death.recordedAt : undefined,
    proof: death?.fence?.provenAt,
    placed: first(({ event, generation }) => isStart(event) && isNew(generation)),
    launched: first(({ event, generation }) => event === "bootConfirmed" && isNew(generation)),
    up: isUp ? (after.upAt ?? undefined) : undefined,
  };
  const known = Object.entries(times).filter(([, at]) => at !== undefined);
  return Object.fromEntries(known.map(([step, at]) => [step, Number(at) - injectedAt]));

  function isNew(generation: number | null): boolean {
    return generation !== null && generation > before.generation;
  }
}

const isStart = (event: string) => event === "autoStart" || event === "start";

/** Whether a certificate names what was done, and not something else; undefined where none is expected. */
export function isNamedRight(
  expects: Expectation,
  death: Pick<Certificate, "cause" | "panic"> | undefined,
): boolean | undefined {
  if (expects.guest !== "dies") return undefined;
  if (!death) return false;
  const { causes, amendedTo = [], panic } = expects;
  const isCause = [...causes, ...amendedTo].some((one) => one === death.cause);
  return isCause && (panic === undefined || death.panic?.class === panic);
}
