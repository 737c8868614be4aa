/**
 * From what a host saw of a machine to a verdict per check. Each check is a table of rules, tried from the
 * top; the first that applies is the verdict, and every rule says what was seen and what to do.
 *
 * The easy mistake is to let one fault fail all three checks. A frozen hypervisor says nothing about the
 * guest inside, and a guest that its disk has stopped says nothing about itself: what cannot be known is
 * `insufficient-data`, so that the one check that failed points at the one thing that is wrong.
 */
import type { MachineLook, StorageLook } from "@holdfast/cloud/hosts";
import { type Duration, milliseconds, seconds } from "@holdfast/kernel/time";
import type { CheckName, Limits, Subject, Verdict, Verdicts } from "./model.ts";

export interface Sight {
  readonly subject: Pick<Subject, "name" | "image">;
  readonly host: string;
  readonly look: MachineLook;
  /** Of the pool that its volume is in; undefined if its host did not try that. */
  readonly storage: StorageLook | undefined;
  readonly limits: Limits;
}

type Rule = (sight: Sight) => Verdict | undefined;

export function judge(sight: Sight): Verdicts {
  const first = (check: CheckName): Verdict => {
    for (const rule of rules[check]) {
      const verdict = rule(sight);
      if (verdict) return verdict;
    }
    return { is: "insufficient-data", says: "Nothing is known." };
  };
  return { system: first("system"), instance: first("instance"), volume: first("volume") };
}

const isSilent = ({ look }: Sight) => look.answeredIn === null;

const rules: Readonly<Record<CheckName, readonly Rule[]>> = {
  system: [
    (sight) =>
      isSilent(sight)
        ? failed(
            "Its hypervisor process runs but does not answer: it is frozen, or stuck in the host's kernel or storage.",
            `If it stays so, end it and start it again: holdfast stop --force ${sight.subject.name}`,
          )
        : undefined,
    ({ storage, host }) =>
      storage?.problem
        ? failed(
            `The storage of pool ${storage.pool} cannot be written on ${host}: ${storage.problem}.`,
            `Look at that storage on ${host}: is it full, read-only or gone?`,
          )
        : undefined,
    ({ storage, host, limits }) =>
      storage && storage.took > limits.storageLatency
        ? failed(
            `The storage of pool ${storage.pool} takes more than ${inSeconds(limits.storageLatency)} to keep 4 KiB on ${host} (${inSeconds(milliseconds(storage.took))}).`,
            `Look at that storage, and at what else ${host} does with it.`,
          )
        : undefined,
    ({ look, subject }) =>
      look.runState === "internal-error"
        ? failed(
            "Its hypervisor has met an internal error and has stopped the guest.",
            `Reset it: holdfast reboot --force ${subject.name}`,
          )
        : undefined,
    ({ host }) =>
      passed(`${host} is heard, its storage is quick and the hypervisor process answers.`),
  ],
  instance: [
    (sight) => (isSilent(sight) ? unknown("Its hypervisor does not answer.") : undefined),
    ({ look, subject }) =>
      look.guest === "panicked" || look.runState === "guest-panicked"
        ? failed("Its kernel has panicked.", `See its last words: holdfast log ${subject.name}`)
        : undefined,
    ({ look }) =>
      look.guest === "io-error" || look.runState === "io-error"
        ? unknown("Its disk has stopped it, so it cannot show how it is.")
        : undefined,
    ({ look }) => (look.guest === "paused" ? unknown("Its processors are paused.") : undefined),
    // A reset by the watchdog is over when the guest is up; one that never says so is watched for a while.
    ({ look, subject, limits }) => {
      const isBooting = look.guest === "booting";
      const isRecent =
        subject.image.saysReady || look.bootedFor < limits.interval * limits.failures;
      return look.bootedBy === "watchdog" && isBooting && isRecent
        ? failed(
            `It stopped feeding its watchdog, which reset it ${inSeconds(milliseconds(look.bootedFor))} ago.`,
            `See what it did last: holdfast log ${subject.name}`,
          )
        : undefined;
    },
    ({ look, subject }) =>
      look.agent === "silent"
        ? failed(
            "The agent inside of it has answered since its boot and answers no more: it hangs, or has run out of memory.",
            `Look at its console, or reboot it: holdfast reboot ${subject.name}`,
          )
        : undefined,
    ({ look, subject, limits }) =>
      look.guest === "booting" &&
      subject.image.saysReady &&
      look.bootedFor >= bootTimeoutOf(subject, limits)
        ? failed(
            `It has been booting for ${inSeconds(milliseconds(look.bootedFor))} and has not said that it is ready.`,
            `See how far it got: holdfast log ${subject.name}`,
          )
        : undefined,
    ({ look, subject }) =>
      look.guest === "booting" && subject.image.saysReady
        ? { is: "initializing", says: "It is booting." }
        : undefined,
    ({ look, subject }) =>
      look.agent === "answers"
        ? passed("It is up and the agent inside of it answers.")
        : passed(
            subject.image.saysReady
              ? "It has said that it is ready. It has no agent that could be asked."
              : "Its processors run. It has no agent that could be asked.",
          ),
  ],
  volume: [
    (sight) => (isSilent(sight) ? unknown("Its hypervisor does not answer.") : undefined),
    ({ look, host }) =>
      look.guest === "io-error" || look.runState === "io-error"
        ? failed(
            "A disk operation failed and its hypervisor has stopped it, so that the guest does not see the error.",
            `See to the storage on ${host}; then it is resumed or can be rebooted.`,
          )
        : undefined,
    ({ look, limits, host }) =>
      look.disk.stalledFor >= limits.stalledIo
        ? failed(
            `${counted(look.disk.inFlight, "disk request")} in flight and none completed for ${inSeconds(milliseconds(look.disk.stalledFor))}.`,
            `Look at the storage on ${host}: it has taken them and does not answer.`,
          )
        : undefined,
    ({ look, host }) =>
      look.disk.failed > 0
        ? failed(
            `${counted(look.disk.failed, "disk operation")} failed since the look before.`,
            `See the kernel's log on ${host} for errors of its disks.`,
          )
        : undefined,
    () => passed("Its disk completes what it is asked."),
  ],
};

const passed = (says: string): Verdict => ({ is: "passed", says });
const failed = (says: string, fix: string): Verdict => ({ is: "failed", says, fix });
const unknown = (says: string): Verdict => ({ is: "insufficient-data", says });

/** Some boot slowly, and whoever made the image knows it. */
const bootTimeoutOf = ({ image }: Pick<Subject, "image">, limits: Limits) =>
  image.bootSeconds === null ? limits.bootTimeout : seconds(image.bootSeconds);
const inSeconds = (duration: Duration) =>
  duration < 10_000 ? `${(duration / 1_000).toFixed(1)} s` : `${Math.round(duration / 1_000)} s`;
const counted = (count: number, noun: string) => `${count} ${noun}${count === 1 ? "" : "s"}`;
