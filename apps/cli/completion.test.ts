/** What Tab offers, from the tree that parses and from a manager; and that Tab never hurts. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { type TestContext, test } from "node:test";
import { promisify } from "node:util";
import { fakeCloud } from "./fake-cloud.ts";
import { scripts } from "./groups/completion.ts";
import { aJob, anInstance } from "./samples.ts";
import { type Desk, desk, run } from "./testing.ts";

async function offered(one: Desk | undefined, line: string): Promise<readonly string[]> {
  // A space at the end becomes an empty word: the one under the cursor.
  const words = `__complete ${line}`.split(" ");
  const environment = one
    ? { HOLDFAST_URL: one.manager.url, HOLDFAST_TOKEN: "secret" }
    : { HOLDFAST_STATE: "/nowhere" };
  const { code, out, err } = await run(words, { environment });
  assert.deepEqual([code, err], [0, ""]);
  return out.split("\n").filter(Boolean);
}

async function given(t: TestContext): Promise<Desk> {
  const one = await desk(
    fakeCloud(anInstance(), anInstance({ name: "worker" }), anInstance({ name: "db" })),
  );
  t.after(() => one.stop());
  one.cloud.jobs.set(aJob().id, aJob());
  return one;
}

const cases: readonly [line: string, offers: readonly string[]][] = [
  ["st", ["start", "stop", "status"]],
  ["stop w", ["web", "worker"]],
  ["stop web ", ["worker", "db"]],
  ["stop --force --wait web d", ["db"]],
  ["show web ", []],
  ["--project blue show ", ["web", "worker", "db"]],
  ["stop --f", ["--force"]],
  ["stop -- --f", []],
  ["hosts ", ["set", "token", "revoke", "bmc"]],
  ["hosts set ", ["h1", "h2"]],
  ["hosts set h1 --mode ", ["enabled", "draining", "maintenance"]],
  ["list --host ", ["h1", "h2"]],
  ["list --state sto", ["stopped", "stopping"]],
  ["run --type ", ["tiny"]],
  ["run --image t", ["tiny"]],
  ["run --user-data ", [":files"]],
  ["run --zone ", []],
  ["run ", []],
  ["images import ", [":files"]],
  ["images delete ", ["tiny"]],
  ["job ", [aJob().id]],
  ["settings set inst", ["instances.stop_grace"]],
  ["settings set instances.stop_grace ", []],
  ["completion ", ["bash", "zsh", "fish"]],
  ["help exi", ["exit-codes"]],
  ["keys create ci --project ", ["default"]],
];
for (const [line, offers] of cases)
  test(`after "holdfast ${line}" it offers ${offers.join(", ") || "nothing"}`, async (t) => {
    assert.deepEqual(await offered(await given(t), line), offers);
  });

test("every option that the parser knows is offered, also those of every command", async () => {
  const flags = await offered(undefined, "list --");
  for (const flag of ["--state", "--host", "--all", "--json", "--project", "--help"])
    assert.ok(flags.includes(flag), flag);
});

test("with no platform, a wrong token or a manager that hangs, nothing is offered and nothing is said", async (t) => {
  assert.deepEqual(await offered(undefined, "stop "), []);
  const mute = createServer(() => {}).listen(0, "127.0.0.1");
  await new Promise((resolve) => mute.once("listening", resolve));
  t.after(() => mute.close());
  const address = mute.address();
  const port = typeof address === "object" ? address?.port : 0;
  const ran = await run(["__complete", "stop", ""], {
    environment: { HOLDFAST_URL: `http://127.0.0.1:${port}`, HOLDFAST_TOKEN: "x" },
  });
  assert.deepEqual(ran, { code: 0, out: "", err: "" });
});

test("bash itself completes a command, and a name from the manager", async () => {
  const shell = async (cursor: number, ...words: string[]) => {
    const program = `holdfast() { IFS=' '; printf '%s\\n' "asked:$*" "a b"; }
${scripts.bash}
COMP_WORDS=(${words.map((word) => `'${word}'`).join(" ")}); COMP_CWORD=${cursor}
_holdfast; printf '[%s]' "\${COMPREPLY[@]}"`;
    return (await promisify(execFile)("bash", ["--norc", "-c", program])).stdout;
  };
  assert.equal(await shell(2, "holdfast", "stop", ""), "[asked:__complete stop ][a b]");
  assert.equal(await shell(1, "holdfast", "st", "web"), "[asked:__complete st][a b]");
});

test("the script of each shell is printed as it is", async () => {
  for (const [shell, script] of Object.entries(scripts))
    assert.equal((await run(`completion ${shell}`, {})).out, `${script}\n`);
});
