/** Two installations on one machine: the second one neither has networks there nor takes away the first one's. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { promisify } from "node:util";
import type { LinkSeen, Observed } from "./observe.ts";
import { ownership } from "./owner.ts";

const run = promisify(execFile);
const namespace = `hfo-${process.pid}`;
const seen = (...names: readonly string[]) =>
  ({ links: new Map(names.map((name) => [name, {} as LinkSeen])) }) as unknown as Observed; // Nothing else is looked at.

test("networks have one owner, until none of them is left", async (t) => {
  await run("ip", ["netns", "add", namespace]);
  t.after(async () => {
    await second.end();
    await first.end();
    await run("ip", ["netns", "del", namespace]);
  });
  const first = ownership("/a/networks", namespace);
  const second = ownership("/b/networks", namespace);
  await first.take(seen("eth0"));
  await first.take(seen("eth0", "hfb4096"));
  assert.equal(await second.mayTouch(seen("eth0", "hfb4096")), false);
  await assert.rejects(second.take(seen("eth0", "hfb4096")), {
    code: "networks_owned",
    message: /\/a\/networks/,
  });
  await second.end(); // Not its own to end.
  assert.equal(await second.mayTouch(seen("eth0", "hfb4096")), false);
  await second.take(seen("eth0"));
  assert.equal(await first.mayTouch(seen("eth0", "hfb4096")), false);
  assert.equal(await first.mayTouch(seen("eth0")), true);
});
