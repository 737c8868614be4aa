/** What is typed to a simulated machine room, and what it means. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hostCount } from "./hosts.ts";
import { orderOf } from "./room.ts";

test("orders are read as they are typed", () => {
  assert.equal(orderOf([]), undefined);
  assert.deepEqual(orderOf(["cut"]), { do: "cut", direction: "both" });
  assert.deepEqual(orderOf(["cut", "in"]), { do: "cut", direction: "in" });
  assert.deepEqual(orderOf(["lossy", "20"]), { do: "lossy", percent: 20 });
  assert.deepEqual(orderOf(["bmc", "dead"]), { do: "bmc", is: "dead" });
  assert.deepEqual(orderOf(["power-off"]), { do: "power-off" });
});

test("what is no order is refused", () => {
  for (const words of [["explode"], ["cut", "sideways"], ["lossy"], ["lossy", "101"], ["bmc"]])
    assert.throws(() => orderOf(words), { code: "room_order_invalid" }, words.join(" "));
});

test("a number of hosts is from one to twelve", () => {
  assert.equal(hostCount("3"), 3);
  for (const text of ["0", "13", "2.5", "three", ""])
    assert.throws(() => hostCount(text), { code: "host_count_invalid" }, text);
});
