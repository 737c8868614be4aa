/** What one look at a real QEMU finds, and what counts as an answer from inside of a guest. */
import assert from "node:assert/strict";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileSource } from "@holdfast/kernel/block";
import { type InstanceId, uuidV7 } from "@holdfast/kernel/ids";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import type { MachineSpec } from "./driver.ts";
import { fixtureHost } from "./fixture-host.ts";
import { pingGuestAgent } from "./guest-agent.ts";

const atOnce = { acpi: milliseconds(0), terminate: milliseconds(0), kill: seconds(20) };

test("a look at a QEMU tells its run state, what its disk has done, and that it is frozen", async (t) => {
  const host = await fixtureHost(t);
  const driver = host.open();
  t.after(() => driver.close());
  const directory = await mkdtemp(join(tmpdir(), "holdfast-disk-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  await chmod(directory, 0o711); // The guest's own user opens it.
  const file = join(directory, "disk.raw");
  await writeFile(file, Buffer.alloc(1 << 20));
  const spec: MachineSpec = {
    id: uuidV7(1, new Uint8Array(16).fill(7)) as InstanceId,
    generation: 1,
    name: "looked-at",
    cpus: 2, // A queue of requests for each.
    memoryMiB: 64,
    boot: "firmware",
    disks: [{ id: "disk0", source: fileSource(file, "raw"), readOnly: false }],
    metadata: {},
    paused: false,
    requestId: "r",
  };
  await driver.start(spec);
  const look = () => driver.examine(spec, seconds(20));

  // The firmware reads the first sector to see whether it can boot from there.
  let found = await look();
  while ((found.disks[0]?.completed ?? 0) === 0) {
    await sleep(50);
    found = await look();
  }
  const [disk] = found.disks;
  assert.deepEqual([found.runState, found.guest, found.agent], ["running", "booting", "none"]);
  assert.deepEqual([disk?.node, disk?.failed, disk?.inFlight], ["disk0", 0, 0]);
  assert.ok(found.answeredIn !== undefined);
  assert.equal(found.bootedBy, "launch");

  await driver.pause(spec);
  assert.equal((await look()).runState, "paused");
  await driver.resume(spec);
  await driver.reset(spec, milliseconds(0));
  while ((await look()).bootedBy !== "host-qmp-system-reset") await sleep(20); // Told as an event.

  await host.freeze(spec);
  const frozen = await driver.examine(spec, milliseconds(300));
  assert.deepEqual([frozen.answeredIn, frozen.runState, frozen.disks], [undefined, undefined, []]);
  await driver.stop(spec, atOnce);
  await assert.rejects(look(), { code: "not_running" });
  await driver.forget(spec);
});

/** The host's end of a channel with something at the other end of it that reacts to what is written. */
async function channel(
  t: TestContext,
  react: (text: string) => string | undefined,
): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-agent-"));
  const path = join(directory, "agent.sock");
  const server = createServer((socket) => {
    socket.setEncoding("latin1").on("data", (text: string) => {
      const answer = react(text);
      if (answer !== undefined) socket.write(answer, "latin1");
    });
    socket.on("error", () => {});
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  t.after(async () => {
    await new Promise((resolve) => server.close(resolve));
    await rm(directory, { recursive: true, force: true });
  });
  return path;
}

test("an agent that repeats our number answers, also behind what an earlier question left unread", async (t) => {
  const numberIn = (text: string) => Number(/"id":(\d+)/.exec(text)?.[1]);
  const path = await channel(t, (text) => {
    assert.ok(text.startsWith("\u00ff"), "begins with the sentinel");
    return `{"return": 6}\n{"error": {}}\n\u00ff{"return": ${numberIn(text)}}\n`;
  });
  assert.equal(await pingGuestAgent(path, 7, seconds(20)), true);
});

test("an agent that says nothing, or the number of another question, does not answer", async (t) => {
  const quiet = await channel(t, () => undefined);
  const stale = await channel(t, () => '{"return": 70}\n');
  const closing = await channel(t, () => undefined);
  const wait = milliseconds(100);
  assert.deepEqual(
    await Promise.all([
      pingGuestAgent(quiet, 7, wait),
      pingGuestAgent(stale, 7, wait),
      pingGuestAgent(`${closing}-not`, 7, wait),
    ]),
    [false, false, false],
  );
});
