/** Two installations on one machine: the second one neither has networks there nor takes away the first one's. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { commands, execute } from "./commands.ts";
import { observe } from "./observe.ts";
import { ownership } from "./owner.ts";

let made = 0;

/** A host's network namespace, with a link of ours that comes and goes. */
async function aHost(t: TestContext) {
  const namespace = `hfo-${process.pid}-${++made}`;
  await execute(["ip", "netns", "add", namespace]);
  t.after(() => execute(["ip", "netns", "del", namespace]));
  const kernel = commands(namespace);
  const ip = (...argv: string[]) => kernel.run(undefined, ["ip", ...argv]);
  return {
    kernel,
    look: () => observe(kernel),
    addLink: () => ip("link", "add", "hfb4096", "type", "bridge"),
    removeLink: () => ip("link", "del", "hfb4096"),
    shown: () => ip("link", "show", "lo"),
  };
}

test("networks have one owner, until none of them is left", async (t) => {
  const { kernel, look, addLink, removeLink, shown } = await aHost(t);
  const first = ownership("/a directory/networks", kernel);
  const second = ownership("/b/networks", kernel);
  await first.take(await look());
  await addLink();
  await first.take(await look());
  assert.match(await shown(), /alias holdfast: \/a directory\/networks/);
  assert.equal(second.mayTouch(await look()), false);
  await assert.rejects(second.take(await look()), {
    code: "networks_owned",
    message: /\/a directory\/networks/,
  });
  await second.end(); // Not its own to end.
  assert.equal(second.mayTouch(await look()), false);
  await removeLink();
  await second.take(await look());
  await addLink();
  assert.equal(first.mayTouch(await look()), false);
  await removeLink();
  assert.equal(first.mayTouch(await look()), true);
  await second.end();
  assert.doesNotMatch(await shown(), /holdfast/);
});

test("an owner writes its name once, however often it is asked", async (t) => {
  const { kernel, look } = await aHost(t);
  const owner = ownership("/a/networks", kernel);
  for (let round = 0; round < 3; round++) await owner.take(await look());
  assert.equal(kernel.changes(), 1);
});

test("an owner is gone with its namespace: a new one belongs to nobody, whatever its number", async (t) => {
  for (let round = 0; round < 3; round++) {
    const { kernel, look, addLink } = await aHost(t);
    await ownership(`/round-${round}/networks`, kernel).take(await look());
    await addLink();
    await execute(["ip", "netns", "del", `hfo-${process.pid}-${made}`]);
    await execute(["ip", "netns", "add", `hfo-${process.pid}-${made}`]);
    await addLink();
    assert.equal(ownership("/new/networks", kernel).mayTouch(await look()), true);
  }
});

test("two directories whose paths are too long or too strange for a device are told apart", async (t) => {
  const { kernel, look, addLink } = await aHost(t);
  const path = `/${'"ä\\\n'.repeat(100)}`;
  const first = ownership(`${path}/a`, kernel);
  await first.take(await look());
  await addLink();
  await first.take(await look());
  assert.equal(kernel.changes(), 1, "it knows its own name again");
  assert.equal(ownership(`${path}/b`, kernel).mayTouch(await look()), false);
});
