/** That orders come in turn, that one which fails says why, and that the shell may die. */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { environment } from "./commands.ts";
import { shell } from "./shell.ts";

const step = (script: string, input = "") => ({ argv: ["/bin/sh", "-c", script], input });

test("steps are done one after another, up to the first that fails, which says why", async () => {
  const { run, close } = shell(["/bin/sh"], environment);
  await run([step("read -r line && [ \"$line\" = 'it is $HOME' ]", "it is $HOME")]);
  const failing = run([step("true"), step("echo complaint >&2; exit 3"), step("echo never >&2")]);
  await assert.rejects(failing, ({ message }: Error) => message.endsWith("failed: complaint"));
  await run([step("true")]);
  close();
});

test("a shell that has died is another one for the next order", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-shell-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const first = join(directory, "first");
  const mortal = `[ -e ${first} ] && exec /bin/sh; : >${first}; read -r line`;
  const { run, close } = shell(["/bin/sh", "-c", mortal], environment);
  await assert.rejects(run([step("true")]), /has ended/);
  await run([step("true")]);
  close();
});

test("a large input arrives whole", async () => {
  const { run, close } = shell(["/bin/sh"], environment);
  const input = "0123456789abcde\n".repeat(65_536);
  await run([step(`[ "$(wc -c)" = ${input.length} ]`, input)]);
  close();
});

test("what the shell is itself may say something into a file, whatever it is", async (t) => {
  const directory = mkdtempSync(join(tmpdir(), "holdfast-shell-"));
  t.after(() => rmSync(directory, { recursive: true }));
  const { run, close } = shell(["/bin/sh"], environment);
  const into = join(directory, "it's here");
  for (const text of ["", "it's $HOME\n", "%s\\n\n".repeat(10_000)]) {
    await run([{ argv: ["printf", "%s", text], into }]);
    assert.equal(readFileSync(into, "utf8"), text);
  }
  close();
});
