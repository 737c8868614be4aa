import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { commands, execute } from "./commands.ts";
import { removalsOf, removeLinks } from "./removal.ts";

async function aHost(t: TestContext, ...links: readonly string[]) {
  const namespace = `hfd-${process.pid}`;
  await execute(["ip", "netns", "add", namespace]);
  t.after(() => execute(["ip", "netns", "del", namespace]));
  const kernel = commands(namespace);
  t.after(() => kernel.close());
  for (const name of links)
    await kernel.run(undefined, ["ip", "link", "add", name, "type", "bridge"]);
  const names = async () => {
    const all = JSON.parse(await kernel.run(undefined, ["ip", "-j", "link", "show"])) as {
      ifname: string;
    }[]; // As ip says it.
    return all.map(({ ifname }) => ifname).filter((name) => name !== "lo");
  };
  return { kernel, names };
}

test("a device that went by itself keeps no other from being removed", async (t) => {
  const { kernel, names } = await aHost(t, "hfb1", "hfb2", "hfb3");
  await removeLinks(kernel, ["hfr9", "hfb1", "hfu9", "hfb2"]);
  assert.deepEqual(await names(), ["hfb3"]);
});

test("a device that stays is a reason to say so", async (t) => {
  const { kernel, names } = await aHost(t, "hfb1");
  await assert.rejects(removeLinks(kernel, ["hfb1", "lo"]), /lo|not supported|permitted/i);
  assert.deepEqual(await names(), []);
});

test("devices that go together are gone at once, and nobody who was left among them before", async (t) => {
  const { kernel, names } = await aHost(t, "hfb1", "hfb2", "hfb3", "hfb4");
  // As of somebody who was killed before the last line.
  await kernel.batch(undefined, "ip", removalsOf(["hfb1", "hfb2", "hfb3"]).slice(0, -1));
  const before = kernel.changes();
  await removeLinks(kernel, ["hfb3", "hfb4"]);
  assert.deepEqual(await names(), ["hfb1", "hfb2"]);
  assert.equal(kernel.changes() - before, 3, "not one by one");
});
