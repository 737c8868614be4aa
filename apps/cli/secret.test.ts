/** Passwords on the command line: typed without being shown, and never an argument. */
import assert from "node:assert/strict";
import { PassThrough } from "node:stream";
import { test } from "node:test";
import { exits } from "./exits.ts";
import { typedSecret } from "./secret.ts";
import { desk } from "./testing.ts";
import type { Keyboard } from "./world.ts";

function keyboard(isTTY: boolean): PassThrough & Keyboard & { modes: boolean[] } {
  const modes: boolean[] = [];
  return Object.assign(new PassThrough(), {
    ...{ isTTY, modes },
    setRawMode: (on: boolean) => modes.push(on),
  });
}

const long = "correct horse battery";

/** What is typed at each prompt, as it appears. */
async function typing(texts: readonly string[], line: string) {
  const one = await desk();
  const stdin = keyboard(true);
  const left = [...texts];
  const ran = await one.type(line, {
    stdin,
    onErr: (text) => {
      if (/: $/.test(text)) stdin.write(left.shift() ?? "");
    },
  });
  await one.stop();
  return { ...ran, modes: stdin.modes, heard: one.manager.heard };
}

test("a password is typed twice and not shown, and the terminal is as before", async () => {
  const { code, out, err, modes, heard } = await typing(
    ["old one\r", `${long}x\u007f\r`, `${long}\r`],
    "password",
  );
  assert.deepEqual([code, out], [0, "The password of ada is changed.\n"], err);
  assert.equal(err, "Present password, if there is one: \nNew password: \nOnce more: \n");
  assert.deepEqual(modes, [true, false, true, false, true, false]);
  assert.deepEqual(heard[0]?.body, { password: long, current: "old one" });
});

test("two that differ change nothing, and without a present one none is sent", async () => {
  const differ = await typing(["\r", `${long}\r`, `${long}y\r`], "password");
  assert.equal(differ.code, exits.invalid.code);
  assert.deepEqual([...differ.heard], []);
  const first = await typing(["\r", `${long}\r`, `${long}\r`], "password");
  assert.deepEqual(first.heard[0]?.body, { password: long });
});

test("Ctrl-C leaves, with the terminal as before", async () => {
  const { code, modes } = await typing(["secr\u0003"], "password");
  assert.equal(code, exits.interrupted.code);
  assert.deepEqual(modes, [true, false]);
});

test("letters of several bytes are taken back whole, and what was typed ahead is for the next", async () => {
  const stdin = keyboard(true);
  const stderr = new PassThrough();
  stdin.write("aé\u007fb\nzwei\n");
  assert.equal(await typedSecret({ stdin, stderr }, "One"), "ab");
  assert.equal(await typedSecret({ stdin, stderr }, "Two"), "zwei");
});
