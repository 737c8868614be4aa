/** Every line that this host has about an instance: the agent's log, the hypervisor's, the guest's console. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Hypervisor } from "@holdfast/drivers/hypervisor";
import type { InstanceId } from "@holdfast/kernel/ids";
import { z } from "zod";

interface Where {
  readonly logs: string;
  /** Run directory of the hypervisor driver. */
  readonly run: string;
  readonly hypervisor: Hypervisor;
}
interface Line {
  readonly at: number;
  readonly source: "agent" | "hypervisor" | "guest";
  readonly text: string;
}

export function traceLines({ logs, run, hypervisor }: Where) {
  return async (instance: string, generation: number, most: number): Promise<readonly Line[]> => {
    const ref = { id: instance as InstanceId, generation }; // The manager names instances by their ids.
    const own = await linesOf(join(logs, "agent.log"), fromAgent(instance));
    const qemu = await linesOf(join(run, instance, `g${generation}`, "qemu.log"), fromQemu);
    const guest = await hypervisor.consoleLog(ref, most).catch(() => []);
    const said = guest.map(({ at, text }): Line => ({ at, source: "guest", text }));
    return [...own, ...qemu, ...said].sort((a, b) => a.at - b.at).slice(-most);
  };
}

async function linesOf(
  file: string,
  read: (line: string) => Line | undefined,
): Promise<readonly Line[]> {
  const text = await readFile(file, "utf8").catch(() => "");
  return text.split("\n").flatMap((line) => read(line) ?? []);
}

const LogLine = z.looseObject({ time: z.number(), msg: z.string().default("") });

const fromAgent =
  (instance: string) =>
  (line: string): Line | undefined => {
    if (!line.includes(instance)) return undefined;
    try {
      const { time, msg, level: _, process: __, ...rest } = LogLine.parse(JSON.parse(line));
      return { at: time, source: "agent", text: `${msg} ${JSON.stringify(rest)}` };
    } catch {
      return undefined; // Half a line at the end of a file that is being written.
    }
  };

/** `-msg timestamp=on` puts the time first; the trace has it as `pid@seconds.microseconds:event`. */
function fromQemu(line: string): Line | undefined {
  const [, stamp, text] = /^(\d{4}-\d\d-\d\dT[\d:.]+Z) (.*)$/.exec(line) ?? [];
  if (stamp && text) return { at: Date.parse(stamp), source: "hypervisor", text };
  const [, seconds, event] = /^\d+@(\d+\.\d+):(.*)$/.exec(line) ?? [];
  return seconds && event
    ? { at: Number(seconds) * 1_000, source: "hypervisor", text: event }
    : undefined;
}
