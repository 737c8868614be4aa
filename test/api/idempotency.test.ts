/**
 * A key makes a request safe to repeat: it is carried out once, however often, wherever and whenever it is
 * sent, and whatever has become of its instances since.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Answer, sharedPlatform, until } from "../platform.ts";

interface Accepted {
  readonly job: string;
  readonly instances: readonly { readonly id: string; readonly name: string }[];
}
interface Refused {
  readonly code: string;
}

let keys = 0;
const at = "/v1/projects/default";
const newKey = () => `key-${++keys}`;
const platform = await sharedPlatform({ managers: 2, hosts: 2 });

/** Through the given manager, or the first. */
async function ask<T = Accepted>(
  path: string,
  body: object,
  key?: string,
  manager = 0,
): Promise<Answer<T>> {
  const response = await fetch(`http://127.0.0.1:${platform.managers[manager]?.apiPort}${path}`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${platform.token}`,
      "content-type": "application/json",
      ...(key === undefined ? {} : { "idempotency-key": key }),
    },
    body: JSON.stringify(body),
  });
  return { status: response.status, body: (await response.json()) as T }; // The tests say what they expect.
}

async function done(job: string): Promise<string> {
  for (;;) {
    const { body } = await platform.call<{ state: string }>(
      "GET",
      `${at}/jobs/${job}?waitSeconds=20`,
    );
    if (body.state !== "running") return body.state;
  }
}

async function run(name: string): Promise<string> {
  const { body } = await ask(`${at}/instances`, { name });
  assert.equal(await done(body.job), "succeeded");
  return body.instances[0]?.id ?? "";
}

async function count(text: string, ...values: readonly unknown[]): Promise<number> {
  const [row] = await platform.database.query<{ n: number }>(
    `select count(*)::int as n from ${text}`,
    values,
  );
  return row?.n ?? -1;
}
const jobsUnder = (key: string) => count("job where idempotency_key = $1", key);

/** The same request, at the same moment, many times, at both managers. */
const atOnce = <T = Accepted>(path: string, body: object, key: string) =>
  Promise.all(Array.from({ length: 12 }, (_, index) => ask<T>(path, body, key, index % 2)));

test("one request sent by many at once to two managers makes one job, and all are told of it", async () => {
  for (let round = 0; round < 5; round++) {
    const key = newKey();
    const answers = await atOnce(`${at}/instances`, { name: `once-${round}` }, key);
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 202),
    );
    assert.equal(new Set(answers.map(({ body }) => body.job)).size, 1);
    assert.equal(new Set(answers.map(({ body }) => body.instances[0]?.id)).size, 1);
    assert.equal(await jobsUnder(key), 1);
    assert.equal(await count("instance where name = $1", `once-${round}`), 1);
    assert.equal(await done(answers[0]?.body.job ?? ""), "succeeded");
  }
  for (const host of platform.hosts)
    assert.equal(
      new Set([...host.world.machines.values()].map(({ spec }) => spec.id)).size,
      host.world.machines.size,
    );
});

test("without a name, one is made up once: every repeat is told of the same instance", async () => {
  const key = newKey();
  const answers = await atOnce(`${at}/instances`, {}, key);
  assert.equal(new Set(answers.map(({ body }) => body.instances[0]?.name)).size, 1);
  assert.equal(await jobsUnder(key), 1);
});

test("many instances under one key are the same many for every repeat", async () => {
  const key = newKey();
  const answers = await atOnce(`${at}/instances`, { name: "many", count: 7 }, key);
  const [first] = answers;
  assert.equal(first?.body.instances.length, 7);
  for (const { body } of answers) assert.deepEqual(ids(body), ids(first.body));
  assert.equal(await count("instance where name like 'many-%'"), 7);
  assert.equal(await done(first.body.job), "succeeded");
});

const ids = ({ instances }: Accepted) => instances.map(({ id }) => id).sort();

test("a repeat is answered with the first job also when all is over, and starts nothing again", async () => {
  const key = newKey();
  const { body: first } = await ask(`${at}/instances`, { name: "short" }, key);
  await done(first.job);
  for (const verb of ["destroy", "expunge"]) {
    const { body } = await ask(`${at}/instances/short/${verb}`, {});
    assert.equal(await done(body.job), "succeeded", verb);
  }
  const { status, body: again } = await ask(`${at}/instances`, { name: "short" }, key, 1);
  assert.deepEqual([status, again.job, ids(again)], [202, first.job, ids(first)]);
  assert.equal(await count("instance where name = 'short' and state <> 'expunged'"), 0);
});

test("another request under a key is refused, whatever it differs in, and changes nothing", async () => {
  const key = newKey();
  const id = await run("keyed");
  const { body } = await ask(`${at}/instances`, { name: "taken" }, key);
  await done(body.job);
  const journal = await count("journal");
  for (const [path, asked] of [
    ["/instances", { name: "other" }],
    ["/instances", { name: "taken", count: 2 }],
    ["/instances", {}],
    ["/instances/keyed/stop", {}],
    [`/instances/${id}/destroy`, {}],
  ] as const) {
    const { status, body: refused } = await ask<Refused>(`${at}${path}`, asked, key);
    assert.deepEqual([status, refused.code], [409, "idempotency_key_reused"], path);
  }
  assert.equal(await count("journal"), journal);
});

test("different requests at once under one key: one wins, the others are refused", async () => {
  const key = newKey();
  const answers = await Promise.all(
    Array.from({ length: 8 }, (_, index) =>
      ask<Accepted & Refused>(`${at}/instances`, { name: `race-${index}` }, key, index % 2),
    ),
  );
  const won = answers.filter(({ status }) => status === 202);
  const lost = answers.filter(({ status }) => status === 409);
  assert.deepEqual([won.length, lost.length], [1, 7]);
  assert.ok(lost.every(({ body }) => body.code === "idempotency_key_reused"));
  assert.equal(await count("instance where name like 'race-%'"), 1);
  assert.equal(
    await count("volume v where not exists (select from instance i where i.volume_id = v.id)"),
    0,
  );
});

test("of a request that is refused, however many send it at once, each is told why", async () => {
  await platform.call("POST", "/v1/projects", { name: "full" });
  await platform.call("PUT", "/v1/quotas", { project: "full", resource: "instances", most: 0 });
  const key = newKey();
  const answers = await atOnce<Refused>("/v1/projects/full/instances", { name: "no-room" }, key);
  for (const { status, body } of answers)
    assert.deepEqual([status, body.code], [507, "quota_exceeded"]);
  assert.equal(await jobsUnder(key), 0);
});

test("a default that is written out is the same request as one that is left out, in any order", async () => {
  const key = newKey();
  const { body: first } = await ask(`${at}/instances`, { name: "spelt", type: "tiny" }, key);
  const { status, body } = await ask(
    `${at}/instances`,
    { count: 1, hostTags: [], name: "spelt" },
    key,
  );
  assert.deepEqual([status, body.job], [202, first.job]);
});

test("the same key in another project is another key", async () => {
  await platform.call("POST", "/v1/projects", { name: "next-door" });
  const key = newKey();
  const here = await ask(`${at}/instances`, { name: "same" }, key);
  const there = await ask("/v1/projects/next-door/instances", { name: "same" }, key);
  assert.deepEqual([here.status, there.status], [202, 202]);
  assert.notEqual(here.body.job, there.body.job);
  assert.equal(await jobsUnder(key), 2);
});

test("a command under a key is carried out once by however many, and its repeats change nothing later", async () => {
  const id = await run("ordered");
  for (const [verb, body, state] of [
    ["stop", { force: true }, "stopped"],
    ["start", {}, "running"],
    ["reboot", { force: true }, "running"],
    ["destroy", {}, "destroyed"],
    ["recover", {}, "stopped"],
    ["destroy", {}, "destroyed"],
    ["expunge", {}, "expunged"],
  ] as const) {
    const key = newKey();
    const answers = await atOnce(`${at}/instances/${id}/${verb}`, body, key);
    assert.deepEqual(
      answers.map(({ status }) => status),
      answers.map(() => 202),
      verb,
    );
    assert.equal(new Set(answers.map(({ body: one }) => one.job)).size, 1, verb);
    assert.equal(await done(answers[0]?.body.job ?? ""), "succeeded", verb);
    assert.equal(await jobsUnder(key), 1);
    const commands = await count(
      "journal where subject = $1 and job_id = $2 and event like 'command-%'",
      id,
      answers[0]?.body.job,
    );
    assert.ok(commands <= 1, `${verb}: ${commands} commands`);
    await until(`${state} after ${verb}`, async () => {
      const { body: now } = await platform.call<{ state: string }>("GET", `${at}/instances/${id}`);
      return now.state === state;
    });
    // Long after, when the state would not even allow it.
    const { status, body: late } = await ask(`${at}/instances/${id}/${verb}`, body, key);
    assert.deepEqual([status, late.job], [202, answers[0]?.body.job], verb);
  }
});

test("a request that is refused spends no key", async () => {
  const key = newKey();
  const refused = await ask<Refused>(`${at}/instances`, { name: "later", type: "nosuch" }, key);
  assert.deepEqual([refused.status, refused.body.code], [404, "type_not_found"]);
  const { status } = await ask(`${at}/instances`, { name: "later" }, key);
  assert.equal(status, 202);
  const absent = newKey();
  assert.equal((await ask(`${at}/instances/absent/stop`, {}, absent)).status, 404);
  assert.equal(await jobsUnder(absent), 0);
});
