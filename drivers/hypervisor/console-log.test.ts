import assert from "node:assert/strict";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { followConsole, plainText, readConsole } from "./console-log.ts";
import { pathsOf } from "./incarnation.ts";

const clock: Clock = { now: () => Date.now() as Instant, sleep: async () => {} };
const limit = 10_000;

function guest(t: TestContext) {
  const runDir = mkdtempSync(join(tmpdir(), "hf-console-"));
  t.after(() => rmSync(runDir, { recursive: true }));
  const paths = pathsOf(runDir, { id: "vm" as InstanceId, generation: 1 });
  mkdirSync(paths.vm, { recursive: true });
  writeFileSync(paths.consoleLog, "");
  const say = (text: string) => appendFileSync(paths.consoleLog, text);
  const texts = async () => (await readConsole(paths, 10_000)).map(({ text }) => text);
  return { paths, say, texts };
}

test("the ready line is heard once for each boot, wherever it is cut in two", async (t) => {
  const { paths, say } = guest(t);
  let heard = 0;
  const log = await followConsole(paths, { limit, clock }, () => heard++);
  say("[    1.2] holdfast: re");
  await log.catchUp();
  assert.deepEqual([heard, log.isUp], [0, false]);
  say("ady\r\n");
  await log.catchUp();
  assert.deepEqual([heard, log.isUp], [1, true]);
  say("more\r\n");
  await log.catchUp();
  assert.equal(heard, 1);
  await log.reset();
  assert.equal(log.isUp, false);
  say("holdfast: ready\r\n");
  await log.catchUp();
  assert.deepEqual([heard, log.isUp], [2, true]);
  log.close();
});

test("without being asked, what is written is found", async (t) => {
  const { paths, say } = guest(t);
  const keepAlive = setInterval(() => {}, 1_000);
  let log: Awaited<ReturnType<typeof followConsole>> | undefined;
  await new Promise<void>((resolve) => {
    void followConsole(paths, { limit, clock }, resolve).then((followed) => {
      log = followed;
      say("holdfast: ready\n");
    });
  });
  log?.close();
  clearInterval(keepAlive);
});

test("who comes back knows whether the guest is up, from what was written meanwhile as well", async (t) => {
  const { paths, say } = guest(t);
  const open = () => followConsole(paths, { limit, clock }, () => {});
  const first = await open();
  first.close();
  say("holdfast: ready\n");
  const second = await open();
  assert.equal(second.isUp, true);
  await second.reset();
  second.close();
  say("booting\n");
  const third = await open();
  assert.equal(third.isUp, false, "it was ready before the reset");
  third.close();
});

test("a flood is cut, and what is kept are the last lines in order", async (t) => {
  const { paths, say, texts } = guest(t);
  const log = await followConsole(paths, { limit, clock }, () => {});
  say("holdfast: ready\n");
  for (let i = 0; i < 3_000; i++) {
    say(`line ${i}\n`);
    if (i % 500 === 0) await log.catchUp();
  }
  await log.catchUp();
  const files = [paths.consoleLog, paths.consoleOld, paths.consoleSeen, `${paths.consoleSeen}.1`];
  const bytes = files.filter(existsSync).reduce((sum, file) => sum + statSync(file).size, 0);
  assert.ok(bytes < 3 * limit, `${bytes} bytes are kept`);
  const lines = await texts();
  assert.equal(lines.at(-1), "line 2999");
  const numbers = lines.slice(1).map((line) => Number(line.slice(5)));
  assert.deepEqual(
    numbers,
    numbers.toSorted((a, b) => a - b),
  );
  log.close();
  const next = await followConsole(paths, { limit, clock }, () => {});
  assert.equal(next.isUp, true, "the cut did not forget that it is up");
  next.close();
});

test("a guest that drips does not fill the disk with dates", async (t) => {
  const { paths, say } = guest(t);
  const log = await followConsole(paths, { limit: 1 << 20, clock }, () => {});
  for (let i = 0; i < 9_000; i++) {
    say("x");
    await log.catchUp();
  }
  log.close();
  assert.ok(
    statSync(paths.consoleSeen).size < 300_000,
    `${statSync(paths.consoleSeen).size} bytes`,
  );
});

test("lines carry the time at which they were seen", async (t) => {
  const { paths, say } = guest(t);
  const log = await followConsole(paths, { limit, clock }, () => {});
  const sayAt = async (moment: number, text: string) => {
    say(text);
    utimesSync(paths.consoleLog, moment / 1_000, moment / 1_000);
    await log.catchUp();
  };
  await sayAt(5_000, "first\n");
  await sayAt(9_000, "second\nand a prompt: ");
  assert.deepEqual(await readConsole(paths, 10), [
    { at: 5_000, text: "first" },
    { at: 9_000, text: "second" },
    { at: 9_000, text: "and a prompt: " },
  ]);
  log.close();
});

test("a console log that was replaced by a link is not followed", async (t) => {
  const { paths, texts } = guest(t);
  rmSync(paths.consoleLog);
  symlinkSync("/etc/passwd", paths.consoleLog);
  assert.deepEqual(await texts(), []);
});

test("a line cannot drive the terminal that shows it", () => {
  assert.equal(plainText("\x1b[2J\x1b[31mred\x1b[0m\x07 \x1bc\tend\r"), "red \tend");
});
