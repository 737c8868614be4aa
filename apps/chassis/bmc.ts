/**
 * The BMC of a simulated host: Redfish over HTTP on the loopback, beside the host's network and with a power
 * supply of its own. A cut does not reach it; a room at rest has none.
 *
 * It keeps its port for as long as the room lives, because the managers have been told of it.
 */
import { type RedfishTwin, redfishTwin } from "@holdfast/drivers/power/simulated";
import type { Logger } from "pino";
import type { HostView } from "./client.ts";
import type { Host } from "./host.ts";

export const bmcUser = "operator";

export interface Bmc {
  /** Resolves with its port. Repeats change nothing. */
  open(): Promise<number>;
  /** It answers, or not, as the host's state says. */
  behave(mood: HostView["bmc"]["mood"]): void;
  close(): Promise<void>;
}

/** For each answer; a manager gives it two seconds. */
const slow = 1_500;

export function simulatedBmc(host: Host, log: Logger): Bmc {
  let twin: RedfishTwin | undefined;
  const { name } = host.plan;
  const machine = {
    // Off only when the last process is gone: guests are started elsewhere on the strength of it.
    isOn: () => !host.isDead(),
    on: () => host.perform({ do: "power-on" }),
    off: () => host.perform({ do: "power-off" }),
  };
  return {
    async open() {
      const { bmcPort, bmcPassword: password, bmcMood } = host.state();
      const serve = (port: number) =>
        redfishTwin({ machines: new Map([[name, machine]]), user: bmcUser, password, port });
      twin ??= await serve(bmcPort).catch((error: unknown) => {
        log.warn({ host: name, error }, "its BMC has lost its port");
        return serve(0);
      });
      this.behave(bmcMood);
      return Number(new URL(twin.url).port);
    },
    behave(mood) {
      twin?.behave(mood === "ok" ? "well" : mood === "slow" ? { slow } : "dead");
    },
    async close() {
      await twin?.close();
      twin = undefined;
    },
  };
}
