/** Clues in what is known of its host: what the guard did there, and what proves that the host itself was dead or was not. */
import type { Finding } from "./certificate.ts";
import { at, type Clue, instant } from "./clue.ts";
import type { Evidence } from "./evidence.ts";

export const hostClues = {
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
} as const satisfies Record<string, Clue>;

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
