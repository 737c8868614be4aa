/** The small parts: the moving line, near names, exit codes put together, and options. */
import assert from "node:assert/strict";
import { Writable } from "node:stream";
import { test } from "node:test";
import { kinds } from "@holdfast/kernel/problem";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { programOf } from "./commands.ts";
import { exitFor, exitOfJob, exits, together } from "./exits.ts";
import { choice, nearest } from "./nearest.ts";
import { list, seconds, whole } from "./options.ts";
import { progressOn } from "./progress.ts";

function screen(isTTY: boolean, columns = 40) {
  let text = "";
  const stream = new Writable({
    write(piece, _, done) {
      text += String(piece);
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns }), read: () => text };
}

test("the moving line fits its terminal, keeps its clock while it changes, and goes away", () => {
  let now = 0;
  const clock: Clock = { now: () => now as Instant, sleep: async () => {} };
  const { stream, read } = screen(true);
  const line = progressOn(stream, clock);
  line.say("one");
  now = 1_500;
  line.say("a text that is far too long for so narrow a terminal");
  line.above("stays");
  line.end();
  line.end();
  const clear = "\r\u001b[K";
  const long = "a text that is far too long for…  1.5 s";
  assert.equal(long.length, 39);
  assert.equal(read(), `${clear}one  0.0 s${clear}${long}${clear}stays\n${clear}${long}${clear}`);
});

test("without a terminal each new thing is said once, on a line of its own", () => {
  const { stream, read } = screen(false);
  const line = progressOn(stream, { now: () => 0 as Instant, sleep: async () => {} });
  for (const text of ["one", "one", "two"]) line.say(text);
  line.above("stays");
  line.end();
  assert.equal(read(), "one\ntwo\nstays\n");
});

test("near names are those that differ by a slip of the finger", () => {
  const names = ["web", "web-1", "worker", "database", "db"];
  assert.deepEqual(nearest("wbe", names), ["web"]);
  assert.deepEqual(nearest("web-", names), ["web-1", "web"]);
  assert.deepEqual(nearest("datbase", names), ["database"]);
  assert.deepEqual(nearest("nobody", names), []);
  assert.deepEqual([choice(["a"]), choice(["a", "b", "c"])], ["a", "a, b or c"]);
});

test("every kind of problem has an exit code, and several ends become one", () => {
  for (const kind of Object.keys(kinds) as (keyof typeof kinds)[])
    assert.ok(exitFor(kind) > 0, kind);
  assert.deepEqual([together(0, 3), together(3, 0), together(3, 3), together(3, 4)], [3, 3, 3, 1]);
  const codes = Object.values(exits).map(({ code }) => code);
  assert.equal(new Set(codes).size, codes.length);
});

test("a job ends with 0, with 5 for want of room, and with 1 for everything else", () => {
  const ended = (state: string, kind?: string) =>
    exitOfJob({ state, problem: kind ? { kind } : null });
  assert.deepEqual(
    [
      ended("succeeded"),
      ended("failed", "exhausted"),
      ended("failed", "unavailable"),
      ended("cancelled"),
    ],
    [0, 5, 1, 1],
  );
});

test("options take numbers and lists as people write them, and nothing else", () => {
  assert.deepEqual([whole("12"), seconds("0.5"), list("a,b", ["c"])], [12, 0.5, ["c", "a", "b"]]);
  for (const text of ["", "1.5", "ten", "1e3", "9".repeat(20)])
    assert.throws(() => whole(text), /whole number/);
  for (const text of ["-1", "soon"]) assert.throws(() => seconds(text), /seconds/);
});

test("whoever waits has said --wait, whatever for, and nothing else waits or keeps from it", () => {
  type Command = ReturnType<typeof programOf>;
  const all = (command: Command): readonly Command[] => [command, ...command.commands.flatMap(all)];
  const program = programOf(() => assert.fail("nothing is carried out here"));
  const options = all(program).flatMap((command) =>
    command.options.map(({ long, description }) => ({ in: command.name(), long, description })),
  );
  const isAboutWaiting = ({ long, description }: (typeof options)[number]) =>
    /wait/.test(long ?? "") || /^(do not )?wait until/.test(description);
  const waiting = options.filter(isAboutWaiting);
  assert.ok(waiting.length > 15);
  for (const option of waiting) {
    assert.equal(option.long, "--wait", JSON.stringify(option));
    assert.match(option.description, /^wait until /, JSON.stringify(option));
  }
});
