/** What is said of an instance that may run on one host alone, because its volume is there. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { explain } from "./explain.ts";
import type { HostCapacity, PlacementRequest } from "./model.ts";
import { refusal } from "./refusal.ts";
import { host } from "./testing.ts";

function saidOf(facts: Partial<HostCapacity>): readonly (string | undefined)[] {
  const home = host("h1", facts);
  const request: PlacementRequest = {
    cpus: 1,
    memoryMiB: 128,
    tags: [],
    avoidHosts: [],
    onlyHosts: [home.id],
  };
  const options = { planner: "first-fit", factors: { cpu: 1, memory: 1 } } as const;
  const { message, details } = refusal(explain([home, host("h2")], request, options));
  return [message, details.fix];
}

test("an instance that is bound to a host is told what is wrong with that one, and of no other", () => {
  assert.deepEqual(saidOf({ state: "down" }), [
    "No host can take 1 cpu and 128 MiB. It may run on h1 alone, and that is not up. Nearest change: bring h1 back, which is down.",
    "Bring h1 back, which is down, then ask again.",
  ]);
});

test("where no single change would help, nobody is sent to another host either", () => {
  assert.deepEqual(saidOf({ state: "down", mode: "maintenance" }), [
    "No host can take 1 cpu and 128 MiB. It may run on h1 alone, and that is not up and not enabled.",
    "Look at the verdict of each host: no single change would help.",
  ]);
});
