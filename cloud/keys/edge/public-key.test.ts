import assert from "node:assert/strict";
import { test } from "node:test";
import { Problem } from "@holdfast/kernel/problem";
import { publicKeyOf } from "./public-key.ts";

const blob = "AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh";

test("a key is kept as one line, with the fingerprint that ssh-keygen prints", () => {
  const { line, fingerprint } = publicKeyOf(`  ssh-ed25519   ${blob} me@home\n`);
  assert.equal(line, `ssh-ed25519 ${blob} me@home`);
  assert.match(fingerprint, /^SHA256:[A-Za-z0-9+/]{43}$/);
});

const refused: readonly (readonly [string, string])[] = [
  ["nothing", ""],
  ["a private key", "-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n"],
  ["two keys", `ssh-ed25519 ${blob}\nssh-ed25519 ${blob}`],
  ["options before the key", `command="reboot" ssh-ed25519 ${blob}`],
  ["a type that does not fit what follows", `ssh-rsa ${blob}`],
  ["half a key", `ssh-ed25519 ${blob.slice(0, 24)}`],
  ["what is no base64", `ssh-ed25519 ${blob.slice(0, -1)}!`],
];
for (const [title, text] of refused)
  test(`refused is ${title}`, () => {
    assert.throws(
      () => publicKeyOf(text),
      (error) => error instanceof Problem && error.code === "key_unusable",
    );
  });
