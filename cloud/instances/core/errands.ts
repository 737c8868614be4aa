/**
 * What planned work wants of one generation of an instance, and whether it still has to be done.
 *
 * An errand is a wish like its owner's, not an order: it is looked at again and again, and is about one
 * generation only. So whoever is killed while one is carried out needs to remember nothing, and what was
 * ended once is not ended again under its next generation.
 */
import type { World } from "./model.ts";

/** Of an instance that runs and should. A person's own command comes first. */
export function runErrand({ errand, instance }: World): "stop" | "reboot" | undefined {
  if (!errand || instance.state !== "running" || instance.job) return undefined;
  if (errand.does === "leave" || errand.does === "pause") return "stop";
  if (errand.does !== "reboot" || instance.op) return undefined;
  return instance.reboots <= errand.reboots ? "reboot" : undefined;
}

/**
 * It waits for its host to be given back, unless somebody starts it meanwhile. One whose host died before
 * it could be ended waits for nothing: that is a death like any other.
 */
export const isPaused = ({ errand, instance: { job, cause } }: World) =>
  errand?.does === "pause" && !job && cause?.class === "maintenance";
