/**
 * Guests that may not notice anything: looked at before and after, from outside and from inside.
 *
 * From inside: the shell on its console is told a word before, and asked for it afterwards. Only the very same
 * process, in the memory that it had, knows it; a guest that was started again, however fast, does not.
 */
import { randomBytes } from "node:crypto";
import type { Client } from "@holdfast/client/client";
import type { InstanceView } from "@holdfast/cloud/instances/api";
import { isAlive, type ProcessId } from "@holdfast/drivers/hypervisor/process";
import { Problem } from "@holdfast/kernel/problem";
import { openShell } from "./shell.ts";
import type { Site } from "./site.ts";
import { watch } from "./victims.ts";

export interface Witness {
  readonly name: string;
  /** What it remembers, if somebody is at its console. */
  readonly spoke: boolean;
  /** What happened to it, in words; none is as it should be. */
  faults(): Promise<readonly string[]>;
}

const answerTime = 10_000;
/** An agent that has just come back must find its guests first; milliseconds. */
const returnTime = 30_000;

export async function witnessOf(
  client: Client,
  site: Site,
  before: InstanceView,
): Promise<Witness> {
  const { id, project, name, generation, upAt } = before;
  const qemu = await site.machineOf(before).then(
    (machine): ProcessId | undefined => machine.qemu,
    () => undefined, // It is on another machine: then its process is not asked.
  );
  const word = randomBytes(6).toString("hex");
  const spoke = await answers(`drill=${word}; echo told-$drill`, `told-${word}`, answerTime);
  return {
    name,
    spoke,
    async faults() {
      const isSettled = ({ state, guest }: InstanceView) => state === "running" && guest === "up";
      const now = await watch(client, { id, project }, isSettled, returnTime);
      if (!now) return ["the manager does not answer"];
      return [
        now.generation !== generation && `it was started again (generation ${now.generation})`,
        !isSettled(now) && `it is ${now.state}, guest ${now.guest ?? "gone"}`,
        now.generation === generation && now.upAt !== upAt && "its guest has booted again",
        qemu && !isAlive(qemu) && "its process is gone",
        spoke &&
          !(await answers("echo still-$drill", `still-${word}`, returnTime)) &&
          "its console has forgotten what it was told",
      ].filter((fault) => typeof fault === "string");
    },
  };

  async function answers(line: string, answer: string, within: number): Promise<boolean> {
    const until = performance.now() + within;
    do {
      try {
        const shell = await openShell(client, project, id);
        try {
          await shell.type(line);
          if (await shell.hears(new RegExp(answer), Math.min(within, 3_000))) return true;
        } finally {
          shell.close();
        }
      } catch (error) {
        if (!(error instanceof Problem)) throw error; // The way to it may still be interrupted.
      }
    } while (performance.now() < until);
    return false;
  }
}
