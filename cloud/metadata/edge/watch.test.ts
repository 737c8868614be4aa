/** What hosts are told of their guests, by a watch that finds nothing in the database. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { HostId } from "@holdfast/kernel/ids";
import type { Database } from "@holdfast/store/database";
import { metadataWatch } from "./watch.ts";

const [one, two] = ["host-1", "host-2"] as HostId[];

test("a host that comes while another is being told is told as well", async () => {
  assert.ok(one && two);
  const here = [one];
  const told: HostId[] = [];
  let onRead = () => {};
  const watch = metadataWatch({
    database: {
      query: async () => {
        onRead();
        return [];
      },
    } as Partial<Database> as Database, // All that it reads with.
    ticks: () => 0,
    hosts: () => here,
    tell: (host) => told.push(host),
    tellChanges: () => {},
    onError: (error) => assert.fail(String(error)),
  });
  onRead = () => {
    onRead = () => {};
    here.push(two);
    watch.arrived(two);
  };
  watch.arrived(one);
  for (let left = 20; left > 0; left--) await turn();
  await watch.close();
  assert.deepEqual(told, [one, two]);
});

test("what happens to guests is read once for a moment, but of who is new at its host at once", async (t) => {
  assert.ok(one && two);
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const homes = new Map([["a", one]]);
  const read: unknown[] = [];
  const query = async (text: string, values: readonly unknown[]) => {
    if (!text.startsWith("select id as instance")) return [];
    const [ids] = values as [readonly string[]]; // As it is written.
    read.push(ids);
    return ids.flatMap((instance) => {
      const host = homes.get(instance);
      return host ? [{ instance, host }] : [];
    });
  };
  const watch = metadataWatch({
    database: { query, lookUps: { query } } as Partial<Database> as Database, // As above.
    ticks: () => 0,
    hosts: () => [],
    tell: () => {},
    tellChanges: () => {},
    onError: (error) => assert.fail(String(error)),
  });
  const after = async (milliseconds: number) => {
    t.mock.timers.tick(milliseconds);
    for (let left = 10; left > 0; left--) await turn();
    return read.splice(0);
  };
  watch.touched(["a"]);
  assert.deepEqual(await after(15), [["a"]], "nobody has heard of it");
  watch.touched(["a"], one);
  assert.deepEqual(await after(30), []);
  watch.touched(["a"]);
  assert.deepEqual(await after(20), [["a"]]);
  watch.touched(["a"], one);
  watch.touched(["b", "a"]);
  assert.deepEqual(await after(15), [["a", "b"]], "with one that is new");
  watch.touched(["a"], two);
  assert.deepEqual(await after(15), [["a"]], "it is to be elsewhere");
  homes.delete("a");
  watch.touched(["a"]);
  await after(50);
  watch.touched(["a"]);
  assert.deepEqual(await after(15), [["a"]], "it was nowhere");
  await watch.close();
});
