/** What always holds of a host, of the room that is taken on it, and of the proofs that it was dead. */
import { coverOf, proofs } from "@holdfast/cloud/availability";
import { hostLifecycle } from "@holdfast/cloud/hosts";
import type { CertificateSight, HostSight, Line, Rule } from "./model.ts";

const when = (isWrong: boolean, says: string) => (isWrong ? [says] : []);

const certificateOf = ({ certificates }: HostSight, epoch: number) =>
  certificates.filter((one) => one.epoch === epoch);

export const hostRules: readonly Rule<HostSight>[] = [
  {
    name: "capacity-adds-up",
    says: "The room that is taken on a host is what everything needs that is at home there or on its way to there.",
    why: "Taken twice it is lost for good; given back twice the host is promised to more than it can bear.",
    // What is on its way is counted here and not at home: a move takes room on two hosts while it is open.
    find: ({ reservedCpus, reservedMemoryMiB, needed }) => [
      ...when(
        reservedCpus !== needed.cpus,
        `${reservedCpus} processors are taken, and ${needed.cpus} are needed`,
      ),
      ...when(
        reservedMemoryMiB !== needed.memoryMiB,
        `${reservedMemoryMiB} MiB are taken, and ${needed.memoryMiB} are needed`,
      ),
    ],
  },
  {
    name: "capacity-not-negative",
    says: "The room that is taken on a host is never less than none.",
    why: "Something was given back that was never taken.",
    find: ({ reservedCpus, reservedMemoryMiB }) =>
      when(
        reservedCpus < 0 || reservedMemoryMiB < 0,
        `${reservedCpus} processors and ${reservedMemoryMiB} MiB are taken`,
      ),
  },
  {
    name: "down-with-certificate",
    says: "A host is down exactly if there is a fence certificate for its present epoch, and every epoch that is over has one.",
    why: "Silence would have been taken for death, or a host would be trusted with what was started elsewhere.",
    find: (host) => {
      const { state, epoch } = host;
      const past = Array.from({ length: epoch - 1 }, (_, index) => index + 1);
      return [
        ...when(
          (state === "down") !== certificateOf(host, epoch).length > 0,
          `it is ${state}, and of epoch ${epoch} there are ${certificateOf(host, epoch).length} certificates`,
        ),
        ...past.flatMap((one) =>
          when(certificateOf(host, one).length === 0, `epoch ${one} ended without a certificate`),
        ),
        ...when(
          host.certificates.some((one) => one.epoch > epoch),
          `there is a certificate of an epoch after ${epoch}`,
        ),
      ];
    },
  },
  {
    name: "lease-of-its-epoch",
    says: "A host that is up has a lease for its present epoch; one that is down has none that could be renewed.",
    why: "A host that was given up would go on as if nothing had happened.",
    find: ({ state, epoch, leaseEpoch }) => [
      ...when(
        state === "up" && leaseEpoch !== epoch,
        `it is up in epoch ${epoch}, and its lease is for ${leaseEpoch ?? "none"}`,
      ),
      ...when(
        state === "down" && leaseEpoch !== null && leaseEpoch !== 0,
        `it is down, and its lease is for epoch ${leaseEpoch}`,
      ),
    ],
  },
  {
    name: "certificates-prove",
    says: "Every fence certificate is signed, and what was seen proves what it says.",
    why: "What was started because of it may run twice.",
    find: (host) =>
      host.certificates.flatMap((one) =>
        whatIsWrong(one, host).map((says) => `certificate ${one.id} (${one.proof}): ${says}`),
      ),
  },
  {
    name: "host-journal-adds-up",
    says: "The state of a host is what its journal adds up to, without a gap.",
    why: "Nobody could tell afterwards when it was silent.",
    find: ({ state, journal }) => {
      const { is, gaps } = fold(journal);
      return [...gaps, ...when(is !== state, `it is ${state}; its journal says ${is}`)];
    },
  },
];

function whatIsWrong(one: CertificateSight, { bound }: HostSight): readonly string[] {
  const proof = proofs.find((known) => known === one.proof);
  const took = (one.provenAt - one.silentSince) / 1_000;
  return [
    ...when(!one.isSigned, "it is not signed"),
    ...when(one.evidence === 0, "nothing was seen"),
    ...when(one.provenAt < one.silentSince, "it was proven before the host fell silent"),
    ...when(!proof || coverOf(proof) !== one.covers, `it covers ${one.covers}`),
    ...when(
      one.proof === "power-off" && one.power !== "off",
      `its power was read as ${one.power ?? "nothing"}`,
    ),
    ...when(one.proof === "boot-id" && one.boots[0] === one.boots[1], "it is the same boot"),
    ...(one.proof === "watchdog" ? tooSoon(one, took, bound) : []),
  ];
}

/** Clocks of managers differ by milliseconds. */
const noise = 0.1;

/** Reckoned from the settings and not by the code that fences, which is what is doubted. */
function tooSoon(
  { boundSeconds, silentSince }: CertificateSight,
  took: number,
  { seconds, since }: HostSight["bound"],
): readonly string[] {
  const isChanged = since !== null && since > silentSince;
  return [
    ...when(
      boundSeconds === null || took < boundSeconds - noise,
      `its watchdog was to have fired after ${boundSeconds} s, and that was said after ${took} s`,
    ),
    ...when(
      !isChanged && took < seconds,
      `after ${took} s its watchdog cannot have fired for certain: that takes ${seconds} s`,
    ),
  ];
}

const tables: Readonly<Record<string, Readonly<Record<string, string>>>> = hostLifecycle.table;
const events: ReadonlySet<string> = new Set<string>(hostLifecycle.events);

/** A host is silent until it has been heard for the first time. */
function fold(journal: readonly Line[]) {
  let is = "suspect";
  const gaps: string[] = [];
  for (const { seq, event, from, to } of journal) {
    if (!events.has(event) || from === null || to === null) continue;
    if (from !== is) gaps.push(`row ${seq} (${event}) begins in ${from}, and it was ${is}`);
    if (tables[from]?.[event] !== to)
      gaps.push(`row ${seq} (${event}) leads from ${from} to ${to}`);
    is = to;
  }
  return { is, gaps };
}
