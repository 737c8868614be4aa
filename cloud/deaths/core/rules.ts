/**
 * From clues to a cause: a table, read from top to bottom. The first rule that holds is the cause.
 *
 * The order is an argument: what ends others comes before what is ended by it. A guard's note explains a
 * SIGKILL, a disk error explains a panic, a panic explains a boot that took too long. So a rule further down
 * may be simple, because everything that could explain it better has been asked for already.
 *
 * What a careful newcomer would get wrong: to let the lack of a clue count for a cause. A rule may be
 * contradicted by what was found, never supported by what was not.
 */
import type { Finding } from "./certificate.ts";
import type { ClueName } from "./clues.ts";
import type { Evidence } from "./evidence.ts";
import { type CauseClass, meaningOf } from "./taxonomy.ts";

export type Found = Readonly<Partial<Record<ClueName, readonly Finding[]>>>;

export interface Rule {
  readonly cause: Exclude<CauseClass, "unknown">;
  /** Every one of these was found, and if `oneOf` is given, one of those. */
  readonly needs: readonly ClueName[];
  readonly oneOf?: readonly ClueName[];
  /** None of these was found. */
  readonly unless?: readonly ClueName[];
  /** What makes it no more than likely when it was found. */
  readonly doubts?: readonly ClueName[];
  /** It rests on one witness, who may not have seen all. */
  readonly isLikely?: boolean;
  /** Looked for because they would say more; if not found, the certificate says so. */
  readonly wants?: readonly ClueName[];
  /** One sentence, in place of the one of the clue that it rests on. */
  readonly says?: (found: Found, evidence: Evidence) => string;
}

/** What a guest or its hypervisor did by itself, which an order from outside does not explain. */
const ownDoing = ["crashSignal", "panicked"] as const satisfies readonly ClueName[];
/** Somebody or something ended the process on the host. */
const violence = ["crashSignal", "killSignal", "sender"] as const satisfies readonly ClueName[];
/** How the platform ends what does not get up or on. */
const givenUp = ["bootOverdue", "orderedEnd"] as const satisfies readonly ClueName[];
const byPeople = ["stopAsked", "destroyAsked"] as const satisfies readonly ClueName[];

export const rules: readonly Rule[] = [
  {
    cause: "launch-failed",
    needs: ["launchProblem"],
    says: (_, { report }) => report?.problem?.message || "Its host could not launch it.",
  },
  {
    cause: "self-fenced",
    needs: ["fenceNote"],
    unless: ["guestOff", "panicked", "crashSignal"],
    wants: ["record"],
    says: () =>
      "Its host had lost the managers, and its guard ended it before anybody could start it elsewhere.",
  },
  {
    cause: "host-partition",
    needs: ["outlived"],
    oneOf: ["hostProof", "attestation"],
    wants: ["fenceNote"],
    says: () => "Its host was cut off from the managers; it ran on there until the host was back.",
  },
  {
    cause: "host-failure",
    needs: ["hostProof"],
    unless: ["endedBefore"],
    wants: ["record"],
    says: ({ hostProof = [] }) => `Its host died. ${hostProof.at(-1)?.says ?? ""}`,
  },
  {
    cause: "attested",
    needs: ["attestation"],
    unless: ["endedBefore"],
    isLikely: true,
    wants: ["record", "hostProof"],
    says: () => "Its host had fallen silent, and an operator attested that it is off.",
  },
  {
    cause: "host-oom-kill",
    needs: ["oom"],
    oneOf: ["killed", "unrecorded"],
    says: ({ oom = [] }) =>
      `The kernel of its host killed it for want of memory. ${oom[0]?.says ?? ""}`,
  },
  {
    cause: "storage-io",
    needs: ["diskError"],
    oneOf: ["panicked", "panicEvent", "consolePanic", "watchdog", ...givenUp],
    unless: [...violence, "guestOff", ...byPeople],
    isLikely: true,
    wants: ["consoleDiskError"],
  },
  {
    cause: "guest-panic",
    needs: ["panicked"],
    doubts: ["crashSignal"],
    wants: ["consolePanic"],
    says: () => "Its kernel panicked.",
  },
  {
    cause: "guest-panic",
    needs: ["panicEvent"],
    unless: [...byPeople, "crashSignal", "killSignal"],
    wants: ["consolePanic"],
    says: () => "Its kernel panicked.",
  },
  {
    cause: "guest-panic",
    needs: ["consolePanic"],
    oneOf: ["watchdog", "resetLoop", "guestReset", ...givenUp],
    unless: [...byPeople, ...violence, "guestOff"],
    isLikely: true,
    wants: ["panicked"],
    says: () => "Its kernel panicked, as its console says; its machine was not told.",
  },
  {
    cause: "guest-reset-loop",
    needs: ["resetLoop"],
    oneOf: ["guestReset", "watchdog", ...givenUp],
    unless: [...byPeople, ...violence, "guestOff"],
    wants: ["consolePanic"],
    says: ({ resetLoop = [] }, { report }) =>
      `It kept rebooting and did not get up. ${report?.bootTimedOut ? "" : (resetLoop[0]?.says ?? "")}`.trim(),
  },
  {
    cause: "guest-hang",
    needs: ["watchdog"],
    unless: [...byPeople, ...violence, "guestOff"],
    wants: ["consolePanic"],
  },
  {
    cause: "boot-timeout",
    needs: ["bootOverdue"],
    unless: byPeople,
    doubts: ["crashSignal"],
    wants: ["consolePanic", "watchdog", "diskError"],
    says: (_, { report }) =>
      report?.bootTimedOut
        ? "The guest did not say that it is ready in time, and was ended."
        : "The host did not confirm the start in time.",
  },
  {
    cause: "maintenance",
    needs: ["maintenance", "orderedEnd"],
    unless: [...byPeople, ...ownDoing],
    says: (_, { maintenance }) =>
      `Its host was in mode ${maintenance?.mode}, and it was ended for that.`,
  },
  {
    cause: "migration-failed",
    needs: ["migration"],
    unless: [...byPeople, ...violence, "guestOff"],
    isLikely: true,
  },
  {
    cause: "user-destroy",
    needs: ["destroyAsked"],
    oneOf: ["orderedEnd", "neverLaunched"],
    unless: ownDoing,
    says: ({ neverLaunched }) =>
      neverLaunched ? "It was destroyed before it was launched." : "It was destroyed as asked.",
  },
  {
    cause: "user-stop",
    needs: [],
    oneOf: ["orderedEnd", "neverLaunched"],
    unless: ownDoing,
    says: ({ neverLaunched }) =>
      neverLaunched ? "It was stopped before it was launched." : "It was stopped as asked.",
  },
  {
    cause: "guest-shutdown",
    needs: ["guestOff"],
    doubts: ["crashSignal", "killSignal"],
    says: ({ powerButton }) =>
      powerButton
        ? "The guest switched itself off after its power button was pressed on its host."
        : "The guest switched itself off.",
  },
  { cause: "qemu-killed", needs: ["sender"], says: senderWords },
  { cause: "qemu-killed", needs: ["killSignal"], wants: ["sender", "oom", "fenceNote"] },
  { cause: "qemu-crash", needs: ["crashSignal"], wants: ["segfault", "lastWords"] },
  { cause: "qemu-crash", needs: [], oneOf: ["hypervisorError", "errorCode"], wants: ["lastWords"] },
  {
    cause: "guest-reset",
    needs: ["guestReset"],
    says: () => "The guest rebooted, and its process ended with that.",
  },
];

export function holds({ needs, oneOf, unless = [] }: Rule, found: Found): boolean {
  const has = (clue: ClueName) => found[clue] !== undefined;
  return needs.every(has) && (!oneOf || oneOf.some(has)) && !unless.some(has);
}

/** The sentence of the first clue that a rule rests on, if it has none of its own. */
export function sentenceOf(rule: Rule, found: Found, evidence: Evidence): string {
  if (rule.says) return rule.says(found, evidence);
  const clue = [...rule.needs, ...(rule.oneOf ?? [])].find((name) => found[name]);
  return (clue && found[clue]?.[0]?.says) ?? meaningOf(rule.cause).means;
}

function senderWords({ sender = [] }: Found): string {
  return `Somebody on its host ended it. ${sender[0]?.says ?? ""}`.trim();
}
