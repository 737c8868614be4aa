/** The commands about volumes: what they ask, what they print, and what they say when it cannot be. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { exits } from "./exits.ts";
import { fakeCloud } from "./fake-cloud.ts";
import { anInstance } from "./samples.ts";
import { desk, run } from "./testing.ts";

async function given(t: TestContext, instance = anInstance()) {
  const one = await desk(fakeCloud(instance));
  t.after(() => one.stop());
  return one;
}

const answers: readonly [line: string, says: RegExp][] = [
  ["volumes", /^NAME {2}SIZE(.|\n)*\ndata {2}20 GiB {2}ready {2}web +local +h1 +1 +1 +2 h\n$/],
  ["volumes --project blue", /^No volumes in project blue\. Make one: holdfast volumes create/],
  ["volumes create logs --size 5", /^logs {2}5 GiB\n +state +not made yet\n(.|\n)*nothing\n/],
  ["volumes create logs --size 5 --encrypted", /encrypted +yes\n/],
  ["volumes encryption", /^In project default only that is encrypted for which it is asked/],
  ["volumes encryption on", /^Whatever is made in project default from now on is encrypted\.\n$/],
  ["volumes show data", /encrypted +no\n(.|\n)*limits +500 requests\/s\n/],
  ["volumes attach data web", /attached to +web as disk 1: its host has not said so yet\n/],
  ["volumes attach data web --wait", /attached to +web as disk 1: its guest has it\n/],
  ["volumes detach data", /^data: the guest of web is asked to let go of it\.\n$/],
  ["volumes resize data 40", /size +40 GiB, 20 GiB so far\n/],
  ["volumes limit data --iops 900 --speed 20M", /limits +900 requests\/s, 20 MiB\/s\n/],
  ["volumes limit data", /limits +unlimited\n/],
  ["volumes delete data", /^data is being deleted on h1\.\n$/],
  ["volumes check data", /checked +damaged \(its file was cut short\), now\n/],
  ["snapshots", /\nbefore +data +ready +20 GiB +frozen +5 min/],
  ["snapshots --project blue", /^No snapshots\. Make one: holdfast snapshots create VOLUME NAME\n/],
  ["snapshots create web.root later", /\nlater +data +making +20 GiB +-/],
  ["snapshots create data later --wait", /\nlater +data +ready +20 GiB +frozen/],
  ["snapshots share before blue green", /SHARED WITH[\s\S]*frozen +5 min +blue, green/],
  ["snapshots restore before", /restore +since now for operator, on h1\n/],
  ["snapshots restore before --wait", /^data {2}20 GiB\n +state +ready\n/],
  ["snapshots delete before", /^before of data is being deleted\.\n$/],
  ["snapshots delete before --force", /^before of data is forgotten; its bytes stay in the volume/],
  ["backups", / ENCRYPTED (.|\n)*203 +data +ready +20 GiB +yes +3 GiB +nothing: full +schedule/],
  ["backups create data --full", /203 +data +making(.|\n)* request /],
  ["backups restore 0197a000-0000-7000-8000-000000000203 --name copy", /^copy {2}20 GiB\n/],
  ["backups delete 0197a000-0000-7000-8000-000000000203", /^A backup of data is being deleted/],
  ["backups schedule data --every 30 --daily 14", /\ndata +every 30 min +24 hourly, 14 daily, 4/],
  ["backups schedule data --stop", /^data is backed up by itself no longer\.\n$/],
  ["backups schedules", /\ndata +every hour +24 hourly, 7 daily, 4 weekly +50 min ago +in 10 min/],
  ["images create-from web golden", /^golden {2}importing/],
  ["images create-from web golden --wait", /ready/],
  ["types set fast --cpus 1 --memory 512 --disk 8 --disk-iops 900", / 900 requests\/s\n/],
];
for (const [line, says] of answers)
  test(`"holdfast ${line}" asks the manager and prints its answer`, async (t) => {
    const { type } = await given(t);
    const { code, out, err } = await type(line);
    assert.equal(code, 0, err);
    assert.match(out, says);
  });

const endings: readonly [line: string, code: number, says: RegExp][] = [
  ["volumes show dtaa", exits.notFound.code, /Did you mean data\?/],
  ["volumes create logs", exits.usage.code, /required option '--size <GiB>'/],
  ["volumes create logs --size 0", exits.invalid.code, /sizeGiB/],
  ["volumes limit data --speed fast", exits.usage.code, /bytes such as 20M or 1G/],
  ["backups schedule data --every 1", exits.invalid.code, /everyMinutes/],
];
for (const [line, code, says] of endings)
  test(`"holdfast ${line}" ends with ${code} and says what to do`, async (t) => {
    const { type } = await given(t);
    const ran = await type(line);
    assert.match(ran.err, says);
    assert.deepEqual([ran.code, ran.out], [code, ""]);
  });

test("a snapshot is forgotten where that is asked for", async (t) => {
  const { type, manager } = await given(t);
  for (const line of ["snapshots delete before", "snapshots delete before --force"])
    assert.equal((await type(line)).code, 0);
  const asked = manager.heard.map(({ line }) => line.split("/snapshots/")[1]);
  assert.deepEqual(asked, ["before", "before?force=true"]);
});

test("who waits for a backup that fails is told why, and the command ends as failed", async (t) => {
  const { type } = await given(t);
  const { code, out, err } = await type("backups create data --wait");
  assert.equal(code, exits.failed.code);
  assert.match(err, /The place for backups is not there\./);
  assert.match(out, / failed /);
});

test("run attaches volumes by name, makes new ones by size, and has an ephemeral disk", async (t) => {
  const { type, manager } = await given(t);
  assert.equal((await type("run db --volume data,10 --ephemeral 4")).code, 0);
  assert.deepEqual(manager.heard.at(-1)?.body, {
    name: "db",
    volumes: [{ volume: "data" }, { sizeGiB: 10 }],
    ephemeralGiB: 4,
  });
});

test("what would lose an ephemeral disk is not asked for before somebody says yes", async (t) => {
  const scratch = {
    ...{ volume: "0197a000-0000-7000-8000-000000000204", name: "web.ephemeral" },
    ...{ kind: "ephemeral" as const, sizeBytes: 2 ** 30, pool: "local", encrypted: false },
  };
  const { type, manager } = await given(t, anInstance({ disks: [scratch] }));
  for (const verb of ["stop", "destroy", "relaunch"]) {
    const { code, err } = await type(`${verb} web`);
    assert.equal(code, exits.conflict.code);
    assert.match(err, /ephemeral disk of web is lost/);
    assert.match(err, new RegExp(`holdfast ${verb} web --yes`));
  }
  assert.ok(manager.heard.every(({ line }) => line.startsWith("GET")));
  assert.equal((await type("reboot web")).code, 0, "that loses nothing");
  assert.equal((await type("stop web --yes")).code, 0);
});

const offers: readonly [line: string, offers: readonly string[]][] = [
  ["volumes show ", ["data"]],
  ["volumes attach data ", ["web"]],
  ["snapshots restore ", ["before"]],
  ["run --volume ", ["data"]],
];
for (const [line, words] of offers)
  test(`after "holdfast ${line}" it offers ${words.join(", ")}`, async (t) => {
    const { manager } = await given(t);
    const typed = ["__complete", ...line.split(" ")];
    const environment = { HOLDFAST_URL: manager.url, HOLDFAST_TOKEN: "secret" };
    const { out } = await run(typed, { environment });
    assert.deepEqual(out.split("\n").filter(Boolean), words);
  });
