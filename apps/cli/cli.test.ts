/** Whole command lines against a manager: what is asked, what is printed where, and how it ends. */
import assert from "node:assert/strict";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough } from "node:stream";
import { type TestContext, test } from "node:test";
import { problem } from "@holdfast/kernel/problem";
import { writeConnection } from "./connection.ts";
import { exits } from "./exits.ts";
import { type Cloud, fakeCloud } from "./fake-cloud.ts";
import { aJob, anInstance } from "./samples.ts";
import { desk, type How, run } from "./testing.ts";
import { Interrupted } from "./world.ts";

async function given(t: TestContext, cloud?: Cloud) {
  const one = await desk(cloud);
  t.after(() => one.stop());
  return one;
}

async function folder(t: TestContext) {
  const path = await mkdtemp(join(tmpdir(), "holdfast-cli-"));
  t.after(() => rm(path, { recursive: true }));
  return path;
}

test("--json prints exactly the reply, wherever it is said", async (t) => {
  const { type } = await given(t);
  const after = await type("show web --json");
  assert.deepEqual(JSON.parse(after.out), anInstance());
  assert.equal((await type("--json show web")).out, after.out);
  assert.equal(after.err, "");
});

test("list follows the pages of the manager", async (t) => {
  const named = (name: string, index: number) =>
    anInstance({ name, id: `0197a000-0000-7000-8000-00000000000${index}` });
  const { type, manager, cloud } = await given(
    t,
    fakeCloud(...["a", "b", "c", "d", "e"].map(named)),
  );
  cloud.largestPage = 2;
  const { out } = await type("list --json");
  const names = JSON.parse(out).instances.map(({ name }: { name: string }) => name);
  assert.deepEqual(names, ["a", "b", "c", "d", "e"]);
  assert.equal(manager.heard.length, 3);
});

test("list --state is a state, and holdfast --state a directory", async (t) => {
  const { type, manager } = await given(t);
  const state = await folder(t);
  await writeConnection(state, { url: manager.url, token: "secret" });
  const { code, out } = await type(`--state ${state} list --state stopped`, { environment: {} });
  assert.equal(code, 0);
  assert.match(out, /^No instances like that in project default/);
  assert.match(manager.heard[0]?.line ?? "", /instances\?state=stopped&limit=1000$/);
});

test("run sends what was asked for, with a key and the id that every log will carry", async (t) => {
  const { type, manager } = await given(t);
  const file = join(await folder(t), "user-data");
  await writeFile(file, "#!/bin/sh\necho hi\n");
  const line = `run db --count 2 --type small --image debian --zone east --host-tag ssd --host-tag fast,big --anti-affinity db --user-data ${file} --disk 20 --protect --paused --metadata off --metadata-tokens required --metadata-hops 2 --pool shared --recovery elsewhere --priority -5 --depends-on lb,auth --verbose --project blue`;
  const { code, err } = await type(line);
  assert.equal(code, 0, err);
  const [heard] = manager.heard;
  assert.equal(heard?.line, "POST /v1/projects/blue/instances");
  assert.deepEqual(heard?.body, {
    name: "db",
    count: 2,
    type: "small",
    image: "debian",
    zone: "east",
    hostTags: ["ssd", "fast", "big"],
    antiAffinityGroup: "db",
    userData: "#!/bin/sh\necho hi\n",
    diskGiB: 20,
    isProtected: true,
    startPaused: true,
    metadata: "off",
    metadataTokens: "required",
    metadataHops: 2,
    pool: "shared",
    recovery: "elsewhere",
    priority: -5,
    dependsOn: ["lb", "auth"],
  });
  const { "x-request-id": id, "idempotency-key": key } = heard?.headers ?? {};
  assert.match(String(id), /^[0-9a-f-]{36}$/);
  assert.match(String(key), /^[0-9a-f-]{36}$/);
  assert.ok(err.includes(`request ${id}`), "--verbose tells the id");
});

test("run reads user data from a pipe", async (t) => {
  const { type, manager } = await given(t);
  const stdin = new PassThrough().end("#!/bin/sh\n");
  await type("run db --user-data -", { stdin: stdin as unknown as NonNullable<How["stdin"]> }); // A stream without raw mode.
  assert.deepEqual(manager.heard[0]?.body, { name: "db", userData: "#!/bin/sh\n" });
});

const endings: readonly [line: string, code: number, says: RegExp][] = [
  [
    "show nobody",
    exits.notFound.code,
    /error: There is no instance nobody\.\nnext: {4}See them: holdfast list\nrequest: \S+\nmore: {4}docs\/problems\/instance_not_found\.md\n$/,
  ],
  ["show wbe", exits.notFound.code, /next: {4}Did you mean web\?/],
  ["stop wbe", exits.notFound.code, /next: {4}Did you mean web\?/],
  [
    "hosts revoke",
    exits.usage.code,
    /missing required argument 'host'\nnext: {4}holdfast help hosts revoke/,
  ],
  ["destroy kept", exits.conflict.code, /next: {4}Allow it: holdfast protect kept --off/],
  ["job 1", exits.invalid.code, /FIELD {2}REASON\n {2}job/],
  ["lsit", exits.usage.code, /unknown command 'lsit'\n\(Did you mean list\?\)/],
  ["hosts sett", exits.usage.code, /unknown command 'sett'\n\(Did you mean set\?\)/],
  ["help hosts sett", exits.usage.code, /Did you mean set\?/],
  ["run --disk big", exits.usage.code, /'big' is invalid.*It must be a whole number/],
  ["list --state asleep", exits.usage.code, /Allowed choices are provisioning/],
  ["run --hlep", exits.usage.code, /Did you mean --help\?|unknown option '--hlep'/],
  ["hosts set h1", exits.usage.code, /nothing to change/],
  ["hosts bmc h1 --url http://b", exits.usage.code, /give --url, --user and --password-file/],
  ["hosts bmc h1 --remove --user root", exits.usage.code, /--remove stands alone/],
  [
    "hosts bmc h1 --url http://b --user root --password-file /nowhere",
    exits.invalid.code,
    /\/nowhere cannot be read/,
  ],
  [
    "failover h1",
    exits.usage.code,
    /never ordered by hand\n(.|\n)*holdfast attest h1 --reason TEXT\n(.|\n)*--mode draining\n/,
  ],
  ["failover h9 --dry-run", exits.notFound.code, /There is no host h9/],
  ["attest h2", exits.usage.code, /required option '--reason <text>' not specified/],
  ["attest h2 --reason seen --name h1", exits.invalid.code, /You swore for h1/],
  ["fences h9", exits.notFound.code, /There is no host h9/],
  ["fences show", exits.usage.code, /missing required argument 'certificate'/],
  ["fences show 1", exits.invalid.code, /FIELD {8}REASON\n {2}certificate/],
  ["fencing release pod", exits.invalid.code, /must be `pod NAME` or `zone NAME`/],
  ["fencing release zone a --minutes 0", exits.usage.code, /must be a whole number from 1 on/],
  ["deaths --hours -1", exits.usage.code, /must be a whole number from 1 on/],
  [
    "deaths --cause bad-luck",
    exits.invalid.code,
    /FIELD {2}REASON\n {2}cause {2}must be a class of/,
  ],
  ["why nobody", exits.notFound.code, /There is no instance nobody/],
  ["status nobody", exits.notFound.code, /There is no instance nobody/],
  ["status web --summary ok", exits.usage.code, /--summary is for a list/],
  [
    "alarms create ring --action notify",
    exits.invalid.code,
    /FIELD {4}REASON\n {2}webhook {2}is needed/,
  ],
  ["alarms create ring", exits.usage.code, /required option '--action <action>' not specified/],
  ["alarms create ring --action stop --instance nobody", exits.notFound.code, /no instance nobody/],
  ["run --recovery always", exits.usage.code, /Allowed choices are automatic, in-place/],
  [
    "settings set instances.stop_grac 3",
    exits.notFound.code,
    /Did you mean instances\.stop_grace\?/,
  ],
  ["run --user-data /nowhere", exits.invalid.code, /\/nowhere cannot be read/],
  ["images import /nowhere", exits.invalid.code, /\/nowhere is not a file/],
  ["", exits.usage.code, /Usage: holdfast/],
];
for (const [line, code, says] of endings)
  test(`"holdfast ${line}" ends with ${code} and says what to do`, async (t) => {
    const { type } = await given(
      t,
      fakeCloud(anInstance(), anInstance({ name: "kept", isProtected: true })),
    );
    const ran = await type(line);
    assert.match(ran.err, says);
    assert.deepEqual([ran.code, ran.out], [code, ""]);
    assert.doesNotMatch(ran.err, /\n\s+at /, "no stack trace");
  });

test("help is an answer, and so are the version and the exit codes", async () => {
  const help = await run("help hosts set", {});
  assert.deepEqual([help.code, help.err], [0, ""]);
  assert.match(help.out, /^Usage: holdfast hosts set \[options\] <host>/);
  assert.deepEqual([(await run("--version", {})).code, (await run("run --help", {})).code], [0, 0]);
  const { out } = await run("help exit-codes", {});
  for (const { code, means } of Object.values(exits)) assert.ok(out.includes(`${code}  ${means}`));
});

test("with no platform here, every command says how to start one", async (t) => {
  const ran = await run(`list --all`, { environment: { HOLDFAST_STATE: await folder(t) } });
  assert.equal(ran.code, exits.unavailable.code);
  assert.match(ran.err, /no platform has been started.*\nnext: {4}Start one: holdfast up/);
});

test("a manager that is away, a token that is wrong and a stranger all have their own end", async (t) => {
  const { type, manager } = await given(t);
  const wrong = { HOLDFAST_URL: manager.url, HOLDFAST_TOKEN: "wrong" };
  assert.equal((await type("list", { environment: wrong })).code, exits.denied.code);
  const typo = { HOLDFAST_URL: "nonsense", HOLDFAST_TOKEN: "x" };
  assert.equal((await type("list", { environment: typo })).code, exits.invalid.code);
  await manager.stop();
  const away = await type("list");
  assert.equal(away.code, exits.unavailable.code);
  assert.match(away.err, /Nothing listens there\.\nnext: {4}Start it: holdfast up/);
});

test("client.json is for its owner alone, and one that is broken is said to be", async (t) => {
  const state = join(await folder(t), "state");
  await writeConnection(state, { url: "http://127.0.0.1:1", token: "secret" });
  const file = join(state, "client.json");
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  await writeFile(file, "{");
  const ran = await run("list", { environment: { HOLDFAST_STATE: state } });
  assert.match(ran.err, /does not hold a url and a token/);
  assert.doesNotMatch(ran.err, /secret/);
});

test("errors with --json are the problem itself, beside the result", async (t) => {
  const { type } = await given(t);
  const { out, err } = await type("show nobody --json");
  assert.equal(out, "");
  const { code, requestId, kind } = JSON.parse(err);
  assert.deepEqual([code, kind, typeof requestId], ["instance_not_found", "not_found", "string"]);
});

test("one name that is refused does not keep the others from being carried out", async (t) => {
  const { type, cloud } = await given(t, fakeCloud(anInstance(), anInstance({ name: "db" })));
  const ran = await type("stop web wbe db web");
  assert.equal(ran.code, exits.notFound.code);
  assert.equal(cloud.jobs.size, 2, "and twice the same is once");
  assert.match(ran.out, /^web: stop asked for.*\ndb: stop asked for/);
  assert.match(ran.err, /There is no instance wbe/);
});

test("--wait tells each step on a line of its own where there is no terminal", async (t) => {
  const { type, cloud } = await given(t);
  cloud.looks = 3;
  const step = "asking the guest to shut down";
  cloud.instances.set(
    "web",
    anInstance({
      state: "stopping",
      op: { kind: "stop", step, since: 0, deadline: 1, attempt: 0 },
    }),
  );
  const { code, out, err } = await type("stop web --wait");
  assert.deepEqual([code, out], [0, ""]);
  assert.match(err, /^web: stopping, asking the guest to shut down, guest up\nweb: stop done in /);
});

test("--wait rewrites one line on a terminal, and takes it away at the end", async (t) => {
  const { type, cloud } = await given(t);
  cloud.looks = 3;
  const { err } = await type("stop web --wait", { isTTY: true });
  assert.ok(err.startsWith("\r\u001b[Kweb: running, guest up  0."), err);
  const shown = err.split("\n").map((line) => line.split("\r\u001b[K").at(-1));
  assert.match(shown[0] ?? "", /^web: stop done in /);
  assert.equal(shown.at(-1), "");
});

test("--wait ends as the job ends: 1 for what failed, 5 for want of room", async (t) => {
  const { type, cloud } = await given(t);
  cloud.failure = {
    kind: "unavailable",
    code: "kernel_missing",
    message: "No kernel.",
    fix: "Import it again.",
  };
  const failed = await type("start web --wait");
  assert.equal(failed.code, exits.failed.code);
  assert.match(
    failed.err,
    /web: start failed: 0 of 1 done, 1 failed\nerror: No kernel\.\nnext: {4}Import it again\.\nrequest: req-1\nmore: {4}docs\/problems\/kernel_missing\.md/,
  );
  cloud.failure = { kind: "exhausted", code: "insufficient_capacity", message: "No room." };
  assert.equal((await type("start web --wait")).code, exits.exhausted.code);
});

test("--wait --json prints the job as it ended, and nothing else", async (t) => {
  const { type } = await given(t);
  const { out } = await type("reboot web --force --wait --json");
  assert.equal(JSON.parse(out).state, "succeeded");
});

test("job --wait joins a job that somebody else began", async (t) => {
  const { type, cloud } = await given(t);
  const job = aJob();
  cloud.jobs.set(job.id, job);
  cloud.looks = 4;
  assert.equal((await type(`job ${job.id} --wait`)).code, 0);
  cloud.jobs.set(job.id, { ...job, state: "cancelled", cancelled: 1 });
  assert.equal((await type(`job ${job.id} --wait`)).code, exits.failed.code);
  assert.equal((await type(`job ${job.id}`)).code, 0, "without --wait it is only a question");
});

test("--wait outlasts a manager that is killed and started again, and nothing is asked twice", async (t) => {
  const cloud = fakeCloud(anInstance());
  cloud.looks = 5;
  let one = await desk(cloud);
  t.after(() => one.stop());
  let restarts = 0;
  const { code, err } = await one.type("stop web --wait", {
    onErr: (text) => {
      if (text.startsWith("web: running") && restarts === 0) {
        restarts = 1;
        void one.stop();
      }
      if (text.startsWith("Waiting:") && restarts === 1) {
        restarts = 2;
        void desk(cloud, { port: one.manager.port }).then((again) => {
          one = again;
        });
      }
    },
  });
  assert.equal(code, 0, err);
  assert.equal(restarts, 2);
  assert.match(err, /Waiting: The manager at .* cannot be reached/);
  assert.equal(cloud.jobs.size, 1);
});

test("a command that was cut off in the middle is carried out once", async (t) => {
  let cuts = 0;
  const one = await desk(fakeCloud(anInstance()), {
    before: (request, response) => {
      if (request.method !== "POST" || ++cuts > 1) return false;
      response.on("finish", () => {}).destroy();
      return true;
    },
  });
  t.after(() => one.stop());
  const { code } = await one.type("stop web --wait");
  assert.equal(code, 0);
  const keys = one.manager.heard
    .filter(({ line }) => line.startsWith("POST"))
    .map(({ headers }) => headers["idempotency-key"]);
  assert.equal(cuts, 2);
  assert.equal(new Set(keys).size, 1);
});

test("Ctrl-C while waiting leaves the job alone and says how to find it again", async (t) => {
  const { type, cloud } = await given(t);
  cloud.looks = 1_000_000;
  const stop = new AbortController();
  const { code, err } = await type("stop web --wait", {
    interrupted: stop.signal,
    onErr: (text) => {
      if (text.startsWith("web:")) stop.abort(new Interrupted());
    },
  });
  assert.equal(code, exits.interrupted.code);
  const [job] = cloud.jobs.keys();
  assert.ok(err.includes(`The job goes on: holdfast job ${job}`));
});

test("colours are for terminals, and for those who want them", async (t) => {
  const { type, manager } = await given(t);
  const isColoured = async (line: string, how: How) =>
    (await type(line, how)).out.includes("\u001b[32m");
  const environment = { HOLDFAST_URL: manager.url, HOLDFAST_TOKEN: "secret", NO_COLOR: "1" };
  assert.equal(await isColoured("list", { isTTY: true }), true);
  assert.equal(await isColoured("list", {}), false);
  assert.equal(await isColoured("list --no-color", { isTTY: true }), false);
  assert.equal(await isColoured("list", { isTTY: true, environment }), false);
  assert.equal(await isColoured("list --json", { isTTY: true }), false);
});

test("a bug is told as one, and its stack only to whoever asks", async (t) => {
  const broken = {
    ...fakeCloud(),
    handlers: [],
  };
  const one = await desk(broken, {
    before: (_, response) => {
      response.end('{"instances":7}');
      return true;
    },
  });
  t.after(() => one.stop());
  const quiet = await one.type("list");
  assert.deepEqual([quiet.code, /\n\s+at /.test(quiet.err)], [exits.failed.code, false]);
  assert.match(quiet.err, /replied in another shape/);
  assert.match((await one.type("list --verbose")).err, /\n\s+at /);
});

test("every other command asks the manager and prints its answer", async (t) => {
  const { type, cloud } = await given(t);
  const job = aJob();
  cloud.jobs.set(job.id, job);
  const lines: readonly [line: string, says: RegExp][] = [
    ["protect web", /^web is protected\.\n$/],
    ["protect web --off", /^web is no longer protected\.\n$/],
    ["log web -n 5", /holdfast: ready \(web\)\n$/],
    ["events web", /bootConfirmed/],
    ["trace web", /api {9}POST/],
    ["jobs --state running", /run {3}running/],
    [`cancel ${job.id}`, /^run {2}cancelled/],
    ["hosts", /h2 {4}suspect/],
    ["hosts set h9 --mode draining --no-tags", /h9 {4}up {5}draining.* - /],
    ["hosts token --minutes 5", /^holdfast join /],
    ["hosts revoke h1", /^h1: 1 certificate/],
    ["failover h1 --dry-run", /^If h1 died now, 1 of 2 instances would be started elsewhere\.\n/],
    ["attest h2 --name h2 --reason seen", /^h2, epoch 3: (.|\n)*Evidence\n {2}reason {2}seen\n$/],
    ["fences", /^HOST {2}EPOCH(.|\n)*\nh2 /],
    ["fences h1", /^h1 has never been proven dead\.\n$/],
    ["fences show 0197a000-0000-7000-8000-0000000000f1", /^h2, epoch 3: its power was read back/],
    ["fences show 0197a000-0000-7000-8000-0000000000f1 --statement", /^one\ntwo\n$/],
    ["fences show 0197a000-0000-7000-8000-0000000000f1 --signature", /^MEUCIQ==\n$/],
    ["hosts bmc h1 --remove", /^h1: its power controller is forgotten/],
    ["hosts bmc h2 --remove", /^h2 had no power controller/],
    ["fencing release zone default --minutes 5", /^Fencing goes on in zone default until /],
    ["relaunch web", /^web: relaunch asked for/],
    ["status web", /^web is running on h1: impaired(.|\n)*\nnext \(instance\): See its last words/],
    [
      "status",
      /^NAME {2}STATE {4}HOST {2}SUMMARY(.|\n)*\nweb {3}running {2}h1 {4}impaired {2}passed/,
    ],
    ["status --summary ok", /^No instance of project default is ok\.\n$/],
    ["health", /^All is well\.\n$/],
    ["why web", /^web, generation 3: guest-panic\nIts kernel panicked\.\n/],
    ["deaths", /^NAME {2}GEN {2}CAUSE(.|\n)*\nweb +3 {2}guest-panic/],
    ["deaths --cause host-failure", /^Nobody has died like that\.\n$/],
    ["deaths --hours 1", /^NAME(.|\n)*\nweb +3 /],
    ["deaths web", /\nweb +3 (.|\n)*\nweb +2 {2}guest-hang/],
    ["deaths web --cause guest-hang -n 1", /^NAME.*\nweb +2 {2}guest-hang[^\n]*\n$/],
    ["deaths web --cause host-failure", /^web has not died like that\.\n$/],
    ["alarms", /^NAME {5}INSTANCE(.|\n)*\nwake-up {2}all {7}instance/],
    ["alarms --project blue", /^No alarms in project blue\. Make one: holdfast alarms create\n$/],
    [
      "alarms create ring --action stop --instance web --check volume",
      /watches +the volume check of web\n/,
    ],
    ["alarms show wake-up", /^wake-up\n +state +alarm\n +rings for +web\n/],
    ["alarms history wake-up", / rang +web {2}It hangs\. {2}by holdfast\n$/],
    ["alarms delete wake-up", /^wake-up is deleted\.\n$/],
    ["recovery web", /recovery +automatic: (.|\n)*pool +local: its volume/],
    ["recovery web --policy none --depends-on a --depends-on b,c", /depends on +a, b, c\n/],
    ["recovery web --no-depends-on", /recovery +none: (.|\n)*depends on +nobody\n/],
    ["types", /^NAME {2}CPUS/],
    [
      "types set big --cpus 8 --memory 8192 --disk 50",
      /^NAME.*\nbig +8 {2}8 GiB {3}50 GiB {2}unlimited\n$/,
    ],
    ["images", /^NAME {2}STATE/],
    ["images show tiny", /^tiny {2}ready/],
    ["images delete old", /^old is deleted/],
    ["images delete old --keep", /^old is deleted/],
    ["images copy tiny golden", /^golden {2}ready/],
    ["images share tiny blue green", /shared with +blue, green/],
    ["settings", /instances\.stop_grace/],
    ["settings set instances.stop_grace 20", /^instances\.stop_grace is 20 s\.\n$/],
    ["settings reset instances.stop_grace", /is 60 s \(the default\)/],
    ["projects", /^NAME/],
    ["projects create blue", /^Project blue is made/],
    ["keys create ci --project blue", /HFNEW:secret/],
    ["keys create ci --for deploy --days 30", /^export HOLDFAST_TOKEN=HFNEW:secret\nexport AWS_/],
    ["keys", /^ACCESS KEY.*\nHFNEW +first +whatever its account may/],
    ["keys of deploy@blue", /^ACCESS KEY.*\nHFNEW/],
    ["keys of ada", /^ACCESS KEY.*\nHFNEW/],
    ["keys revoke HFNEW", /^HFNEW \(first\) is revoked/],
    ["keys revoke HFNEW --of bob", /^HFNEW \(first\) is revoked/],
    ["whoami", /^ada\n(.|\n)*owner of the platform\n$/],
    ["roles", /^ROLE.*\nowner +Everything/],
    ["organisations", /^NAME.*\ndefault/],
    ["organisations create acme", /^Organisation acme is made/],
    ["projects create blue --organisation acme", /^Project blue is made/],
    ["users", /^NAME.*\nada +user/],
    ["users create bob", /^bob is known/],
    ["users disable bob", /^bob is shut out/],
    ["users enable bob", /^bob may come in again/],
    ["service-accounts", /^NAME.*\ndeploy@default +program of default/],
    ["service-accounts create ci developer", /^ci@default is known/],
    ["members", /^Nobody has a role on just that/],
    ["members --platform", /^NAME.*\nada +owner/],
    ["members --organisation acme", /^NAME.*\nbob +viewer/],
    ["members set bob developer", /^bob is developer of project default/],
    ["members set bob owner --organisation acme", /^bob is owner of organisation acme/],
    ["members remove bob --platform", /^bob is no longer viewer of the platform/],
    ["users password bob", /^made-up\n$/],
    ["sessions", /^SESSION.*\ns-1 +10\.0\.0\.9 +Firefox/],
    ["sessions end s-1", /^That session from 10\.0\.0\.9 is over/],
    ["sessions of bob", /^SESSION.*\ns-1 +10\.0\.0\.9 +Firefox/],
    ["sessions end s-1 --of bob", /^That session from 10\.0\.0\.9 is over/],
    ["sso", /^There is no single sign-on/],
    [
      `sso set https://sso.example.org --client holdfast --secret-file ${join(import.meta.dirname, "package.json")} --map web=developer@project:web`,
      /^https:\/\/sso\.example\.org\n(.|\n)*web +developer +project web\n$/,
    ],
    ["sso remove", /^There is no single sign-on any more/],
    [`password ${import.meta.filename}`, /^The password of ada is changed/],
    ["quotas", /^RESOURCE.*\ninstances +3 +3 +instances\ncpus +3 +no limit/],
    ["quotas set cpus 8", /\ncpus +3 +8/],
    ["quotas reset cpus", /\ncpus +3 +no limit/],
    ["required-tags", /asks for no tags/],
    ["required-tags set owner stage=test,live", /\nowner +any\nstage +test, live\n$/],
    ["required-tags set --organisation acme", /^No tags are asked for/],
    ["run tagged --tag owner=ada --tag stage=live", /tagged/],
    ["tags set instance web owner=ada", /^TAG +VALUE\nowner +ada\n$/],
    ["tags remove volume data owner", /^It has no tags/],
    ["audit", /^Nothing like that was asked for/],
    [
      "audit --all --refused --writes",
      /^AT \(UTC\).*\n.* ada +10\.0\.0\.9 +allowed +POST \/v1\/keys/,
    ],
  ];
  for (const [line, says] of lines) {
    const { code, out, err } = await type(line);
    assert.equal(code, 0, `${line}: ${err}`);
    assert.match(out, says);
  }
  assert.equal((await type("placement explain --type big")).code, exits.exhausted.code);
});

test("health ends with a code of its own when something is wrong, for scripts that ask", async (t) => {
  const cloud = Object.assign(fakeCloud(), { isWell: false });
  const { type } = await given(t, cloud);
  const { code, out } = await type("health");
  assert.equal(code, exits.troubled.code);
  assert.match(out, /^1 thing is wrong, 1 of them an outage\.\n\noutage {2}host h2, /);
  assert.equal((await type("health --json")).code, exits.troubled.code);
});

test("the secret of a new webhook is told once, beside the reply and not in it", async (t) => {
  const { type, manager } = await given(t);
  const line = "alarms create ring --action notify --webhook https://hooks.example/1";
  const { code, out, err } = await type(`${line} --periods 3`);
  assert.equal(code, 0, err);
  assert.match(out, /does +notify: post to the webhook/);
  assert.doesNotMatch(out, /made-up/);
  assert.match(err, /Its secret, which is not shown again: made-up/);
  assert.deepEqual(manager.heard.at(-1)?.body, {
    ...{ name: "ring", action: "notify", webhook: "https://hooks.example/1" },
    ...{ check: "any", periods: 3 },
  });
});

test("attest asks for the name of the host, and swears for what is typed", async (t) => {
  const { type, manager } = await given(t);
  const typing = (text: string) =>
    new PassThrough().end(text) as unknown as NonNullable<How["stdin"]>; // A stream without raw mode.
  const line = "attest h2 --reason seen";
  const sworn = await type(line, { stdin: typing("h2\r\nh1\n"), isTTY: true });
  assert.equal(sworn.code, 0, sworn.err);
  assert.match(
    sworn.err,
    /^h2 is suspect and was last heard 1 s ago\. 2 instances will be started/,
  );
  assert.match(sworn.err, /Look at the machine, not at a list\./);
  assert.deepEqual(manager.heard.at(-1)?.body, { name: "h2", reason: "seen" });
  const mistaken = await type(line, { stdin: typing("h1") });
  assert.deepEqual([mistaken.code, mistaken.out], [exits.invalid.code, ""]);
  assert.equal((await type(line, { stdin: typing("") })).code, exits.invalid.code);
  const unknown = await type("attest h9 --reason seen", { stdin: typing("h9\n") });
  assert.deepEqual([unknown.code, unknown.err.includes("Look at")], [exits.notFound.code, false]);
  const stop = new AbortController();
  const left = await type(line, {
    stdin: new PassThrough() as unknown as NonNullable<How["stdin"]>, // Nobody types anything.
    interrupted: stop.signal,
    onErr: () => stop.abort(new Interrupted()),
  });
  assert.equal(left.code, exits.interrupted.code);
});

test("a password is read from a file or a pipe, and never told", async (t) => {
  const { type, manager } = await given(t);
  const file = join(await folder(t), "password");
  await writeFile(file, "secret word\n");
  const line = "hosts bmc h1 --url https://bmc/redfish/v1/Systems/1 --user root --password-file";
  const { code, out, err } = await type(`${line} ${file} --verbose`);
  assert.deepEqual([code, out], [0, "h1: its power controller answers, and the power is on.\n"]);
  assert.doesNotMatch(err, /secret word/);
  const heard = manager.heard.at(-1);
  assert.equal(heard?.line, "PUT /v1/hosts/h1/bmc");
  assert.deepEqual(heard?.body, {
    url: "https://bmc/redfish/v1/Systems/1",
    user: "root",
    password: "secret word",
  });
  const stdin = new PassThrough().end("piped\r\n") as unknown as NonNullable<How["stdin"]>; // A stream without raw mode.
  await type(`${line} -`, { stdin });
  assert.match(JSON.stringify(manager.heard.at(-1)?.body), /"password":"piped"/);
});

test("an image is sent from a file, under its own name", async (t) => {
  let sent = 0;
  const cloud = fakeCloud();
  const one = await desk(cloud, {
    before: (request, response) => {
      if (request.method !== "PUT") return false;
      request.on("data", (piece: Buffer) => {
        sent += piece.length;
      });
      request.on("end", () =>
        response.end(
          JSON.stringify({
            id: "i",
            name: "debian-12",
            project: null,
            state: "ready",
            source: "upload",
            manifest: null,
            warm: false,
            bytes: 5,
            encrypted: false,
            problem: null,
            createdAt: 0,
            tags: {},
            sharedWith: [],
          }),
        ),
      );
      return true;
    },
  });
  t.after(() => one.stop());
  const file = join(await folder(t), "Debian-12.qcow2");
  await writeFile(file, Buffer.alloc(100_000));
  const { code, out, err } = await one.type(
    `images import ${file} --checksum sha256:${"0".repeat(64)}`,
  );
  assert.equal(code, 0, err);
  assert.equal(sent, 100_000);
  assert.match(out, /^debian-12 {2}ready/);
  const { body } = one.manager.heard[0] ?? {};
  assert.deepEqual(body, { name: "debian-12", checksum: `sha256:${"0".repeat(64)}` });
});

test("refusals keep their kind on the way out", async (t) => {
  const refusal = problem("exhausted", "too_many_jobs", "Enough.", { retryAfterSeconds: 5 });
  const one = await desk(fakeCloud(anInstance()), {
    before: (_, response) => {
      response.writeHead(507).end(
        JSON.stringify({
          ...refusal.details,
          kind: refusal.kind,
          code: refusal.code,
          message: refusal.message,
        }),
      );
      return true;
    },
  });
  t.after(() => one.stop());
  const { code, err } = await one.type("run");
  assert.equal(code, exits.exhausted.code);
  assert.match(err, /error: Enough\.\nretry: {3}in 5 s/);
});
