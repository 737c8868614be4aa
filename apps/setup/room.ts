/** `holdfast room`: a person's hands in the simulated machine room. Drills and tests use its client instead. */
import { problem } from "@holdfast/kernel/problem";
import { type HostView, Order, roomOf } from "../chassis/client.ts";
import type { Say } from "./say.ts";

/** As they are typed. */
export const orderWords = [
  "power-on",
  "power-off",
  "reset",
  "cut [in|out]",
  "lossy PERCENT",
  "heal",
  "freeze",
  "thaw",
  "bmc ok|slow|dead",
  "pause-agent",
  "resume-agent",
  "kill-agent",
  "kill-guard",
] as const;

/** Undefined without words. Rejects with `room_order_invalid`. */
export function orderOf([word, more]: readonly string[]): Order | undefined {
  if (word === undefined) return undefined;
  const order = Order.safeParse({
    do: word,
    ...(word === "cut" ? { direction: more ?? "both" } : {}),
    ...(word === "lossy" ? { percent: Number(more) } : {}),
    ...(word === "bmc" ? { is: more } : {}),
  });
  if (order.success) return order.data;
  throw problem("invalid", "room_order_invalid", `Not an order: ${word} ${more ?? ""}`.trim(), {
    fix: `One of: ${orderWords.join(", ")}`,
  });
}

export async function tell(
  state: string,
  name: string | undefined,
  order: Order | undefined,
  say: Say,
): Promise<void> {
  const room = roomOf(state);
  if (name !== undefined && order) {
    await say.step(`${name}: ${order.do}`, () => room.perform(name, order));
    return;
  }
  const { gateway, bridge, hosts } = await room.view();
  say.line(`  ${bridge}, managers at ${gateway}`);
  for (const host of hosts)
    if (name === undefined || host.name === name) say.line(`  ${lineOf(host)}`);
}

function lineOf(host: HostView): string {
  const { cut, lossPercent, bmc, watchdog } = host;
  const network =
    cut.in && cut.out ? "cut" : cut.in ? "hears nothing" : cut.out ? "is not heard" : "";
  const states = [
    host.power,
    host.isFrozen && "frozen",
    network,
    lossPercent > 0 && `loses ${lossPercent} %`,
    bmc.mood !== "ok" && `BMC ${bmc.mood}`,
    watchdog.isArmed ? "watchdog armed" : "watchdog idle",
    watchdog.fired > 0 && `fired ${watchdog.fired}`,
  ].filter(Boolean);
  return `${host.name.padEnd(8)} ${host.address.padEnd(15)} boot ${host.boots}, ${host.processes.length} processes: ${states.join(", ")}`;
}
