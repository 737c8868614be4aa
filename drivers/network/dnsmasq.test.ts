/** That the note of what a dnsmasq was told is never of something else than it serves. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { commands, environment } from "./commands.ts";
import { ensureDns } from "./dnsmasq.ts";

test("names that were told in part are told again, also when they are those from before by then", async (t) => {
  const directory = await mkdtemp(join(tmpdir(), "hf-dns-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const kernel = commands(undefined);
  t.after(() => kernel.close());
  const files = (host: string) => ({ config: "", leases: `${host}\n`, names: `${host}\n` });
  const tell = (host: string) => ensureDns(kernel, "unused", directory, files(host));
  // In its place, by the name that it is known by: empty text has this digest.
  const config = join(directory, "e3b0c44298fc1c14.conf");
  const script = "trap '' HUP; echo; cat >/dev/null; :";
  const place = spawn("/bin/sh", ["-c", script, "sh", `--conf-file=${config}`], {
    ...{ env: environment, stdio: ["pipe", "pipe", "ignore"] },
  });
  t.after(() => place.stdin.end());
  await once(place.stdout, "data");
  await writeFile(join(directory, "pid"), `${place.pid}\n`);
  await tell("one");
  const before = kernel.changes();
  await tell("one");
  assert.equal(kernel.changes(), before, "they are told once");
  const names = join(directory, "names");
  await rm(names);
  await mkdir(names); // Leases can be written, and names cannot.
  await assert.rejects(tell("two"));
  await rm(names, { recursive: true });
  await tell("one");
  for (const file of ["leases", "names"])
    assert.equal(await readFile(join(directory, file), "utf8"), "one\n");
});
