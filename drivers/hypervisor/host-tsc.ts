/**
 * How fast this host's time stamp counter ticks.
 *
 * `cpu MHz` in /proc/cpuinfo is that rate only where the processor's speed is not scaled, as in a
 * virtual machine; elsewhere it is whatever the core does at the moment. A wrong rate makes a guest's
 * clock wrong, no rate only makes it measure: when in doubt, say nothing.
 */
import { access, readFile } from "node:fs/promises";

/** Kilohertz, or undefined if it is not known for sure. */
export async function hostTscKHz(root = "/"): Promise<number | undefined> {
  const isScaled = await access(`${root}sys/devices/system/cpu/cpu0/cpufreq`).then(
    () => true,
    () => false,
  );
  const info = await readFile(`${root}proc/cpuinfo`, "latin1").catch(() => "");
  const isSteady = /^flags\s*:.* constant_tsc\b.* nonstop_tsc\b/m.test(info);
  const mhz = Number(/^cpu MHz\s*:\s*([\d.]+)/m.exec(info)?.[1]);
  return !isScaled && isSteady && mhz > 0 ? Math.round(mhz * 1000) : undefined;
}
