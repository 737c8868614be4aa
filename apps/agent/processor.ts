/** What the host's processor can do, in the kernel's words: a guest that runs on it as it is has come to rely on it. */
import { readFile } from "node:fs/promises";
import type { HostFacts } from "@holdfast/cloud/hosts";

/** Nothing where the kernel does not say so. */
export async function processorFacts(): Promise<Pick<HostFacts, "cpu">> {
  const text = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  const model = /^model name\s*:\s*(.+)$/m.exec(text)?.[1];
  const flags = /^flags\s*:\s*(.+)$/m.exec(text)?.[1];
  return model && flags ? { cpu: { model, flags: flags.trim().split(/\s+/) } } : {};
}
