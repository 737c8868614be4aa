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

test("what has happened to several guests within a moment is read once", async () => {
  const read: unknown[] = [];
  const query = async (_text: string, values: readonly unknown[]) => {
    read.push(values[0]);
    return [];
  };
  const watch = metadataWatch({
    database: { query, lookUps: { query } } as Partial<Database> as Database, // As above.
    ticks: () => 0,
    hosts: () => [],
    tell: () => {},
    tellChanges: () => {},
    onError: (error) => assert.fail(String(error)),
  });
  watch.touched(["a"]);
  await turn();
  watch.touched(["b", "a"]);
  while (read.length === 0) await turn();
  await watch.close();
  assert.deepEqual(read[0], ["a", "b"]);
});
