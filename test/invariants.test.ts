/**
 * The monitor on a real database: rows that a platform has written by itself break no rule, and each way to falsify
 * them is named. What was falsified is undone with its transaction.
 */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { openMonitor } from "@holdfast/cloud/invariants/edge";
import type { Sql } from "@holdfast/store/database";
import { sharedPlatform, until, wallClock } from "./platform.ts";

interface Accepted {
  readonly job: string;
  readonly instances: readonly { readonly id: string }[];
}
interface Invariants {
  readonly holds: boolean;
  readonly checkedAt: number | null;
  readonly rules: readonly {
    readonly name: string;
    readonly about: string;
    readonly subjects: number;
    readonly roundOf: number | null;
    readonly violations: number;
  }[];
  readonly violations: readonly { readonly rule: string; readonly name: string }[];
}

const at = "/v1/projects/default";
const platform = await sharedPlatform({ managers: 2, hosts: 2 });
before(async () => {
  await platform.call("PUT", "/v1/settings/manager.invariants", { value: 1 });
  await run("web");
  await run("gone");
  for (const verb of ["stop", "start", "destroy", "expunge"]) await command("gone", verb);
  await platform.call("POST", `${at}/volumes`, { name: "data", sizeGiB: 1 });
  await platform.call("POST", `${at}/networks`, { name: "blue", cidr: "10.9.0.0/24" });
  await run("blue-1", { networks: ["blue"] });
  await command("blue-1", "stop");
});

async function run(name: string, more: object = {}) {
  const { status, body } = await platform.call<Accepted>("POST", `${at}/instances`, {
    name,
    ...more,
  });
  assert.equal(status, 202);
  await done(body.job);
}
async function command(name: string, verb: string) {
  const { body } = await platform.call<Accepted>("POST", `${at}/instances/${name}/${verb}`, {});
  await done(body.job);
}
async function done(job: string) {
  for (;;) {
    const { body } = await platform.call<{ state: string }>(
      "GET",
      `${at}/jobs/${job}?waitSeconds=20`,
    );
    if (body.state !== "running") return;
  }
}

/** What an operator could only do with the database in hand, and the rule that names it. */
const falsified: readonly (readonly [sql: string, rule: string])[] = [
  ["update host set reserved_cpus = reserved_cpus + 1 where name = 'host-1'", "capacity-adds-up"],
  ["update host set epoch = epoch + 1 where name = 'host-2'", "down-with-certificate"],
  ["update host_lease set epoch = 0", "lease-of-its-epoch"],
  ["update host set state = 'suspect' where name = 'host-1'", "host-journal-adds-up"],
  ["update instance set desired = 'stopped' where name = 'web'", "wishes-are-followed"],
  [
    "update instance set look_at = now() - interval '1 minute' where name = 'web'",
    "nothing-overdue",
  ],
  [
    "update instance set last_generation = last_generation + 1 where name = 'web'",
    "generations-in-order",
  ],
  [
    "update instance set state = 'stopped', home = null, desired = 'stopped' where name = 'web'",
    "one-writer",
  ],
  [
    "update incarnation set host_id = (select id from host h where h.id <> host_id limit 1)",
    "home-where-its-process-is",
  ],
  [
    "update instance set name = 'web-2', state = 'stopped' where name = 'gone'",
    "there-keeps-everything",
  ],
  ["delete from journal where event = 'bootConfirmed'", "journal-has-no-gap"],
  [
    "update journal set event = 'want-stopped' where event = 'exitObserved'",
    "home-ends-with-proof",
  ],
  ["update journal set detail = null", "endings-have-causes"],
  ["update job set state = 'running', finished_at = null, succeeded = 0", "jobs-end"],
  ["update job set failed = failed + 1, total = total + 1", "jobs-add-up"],
  [
    "update volume set state = 'expunging', host_id = (select id from host limit 1) where name = 'data'",
    "volumes-get-somewhere",
  ],
  [
    "update volume set state = 'destroyed' where kind = 'root' and state = 'ready'",
    "open-volumes-stay",
  ],
  ["update network set deleted_at = now() where name = 'blue'", "gone-networks-hold-nothing"],
  ["update network set cidr = '10.200.0.0/24' where name = 'blue'", "addresses-are-given-back"],
  ["update nic set slot = 1", "there-keeps-everything"],
];

class Undone extends Error {}

for (const [sql, rule] of falsified)
  test(`${rule} names it after: ${sql}`, async () => {
    let names: readonly string[] = [];
    const attempt = platform.database.transaction(async (one: Sql) => {
      await one.query(sql);
      const monitor = openMonitor(platform.database, { now: wallClock.now });
      const { violations } = await monitor.survey({ everything: true, sql: one });
      names = violations.map((violation) => violation.rule);
      throw new Undone();
    });
    await assert.rejects(attempt, Undone);
    assert.ok(names.includes(rule), `named were: ${names.join(", ")}`);
  });

test("a look finds what has changed since the one before, and nothing else twice", async () => {
  const monitor = openMonitor(platform.database, { now: wallClock.now, reach: { walk: 0 } });
  await monitor.look();
  const quiet = await monitor.survey();
  assert.equal(quiet.subjects.instance, 0);
  await command("web", "stop");
  // What is younger than a transaction that goes on, of whoever uses this PostgreSQL, is seen when that is over.
  let found = quiet;
  await until("the change is seen", async () => {
    found = await monitor.survey();
    return found.subjects.instance > 0;
  });
  const { subjects, violations } = found;
  assert.deepEqual(violations, []);
  assert.deepEqual([subjects.instance, subjects.volume, subjects.host], [1, 1, 1]);
  assert.equal((await monitor.survey()).subjects.instance, 0);
  await command("web", "start");
});

test("what is broken keeps the moment at which it was first seen, until it is mended", async () => {
  const monitor = openMonitor(platform.database, { now: wallClock.now });
  await platform.database.query("update host set reserved_cpus = reserved_cpus + 1");
  const [first, second] = [await monitor.look({ everything: true }), await monitor.look()];
  assert.deepEqual(
    first.map(({ rule, since }) => [rule, since]),
    second.map(({ rule, since }) => [rule, since]),
  );
  assert.equal(first.length, 2);
  await until("it is in `holdfast health` and in the answer of the API", async () => {
    const { body } = await platform.call<Invariants>("GET", "/v1/invariants");
    const health = await platform.call<{ troubles: { code: string }[] }>("GET", "/v1/health");
    return (
      !body.holds &&
      body.violations.length === 2 &&
      health.body.troubles.filter(({ code }) => code === "invariant-broken").length === 2
    );
  });
  await platform.database.query("update host set reserved_cpus = reserved_cpus - 1");
  assert.deepEqual(await monitor.look(), []);
  await until("all holds again", async () => {
    const { body } = await platform.call<Invariants>("GET", "/v1/invariants");
    return body.holds;
  });
});

test("one of the managers looks, the other takes over, and any of them says how far it got", async () => {
  const look = async () => (await platform.call<Invariants>("GET", "/v1/invariants")).body;
  await until("all instances have been looked at", async () => {
    const { rules, holds } = await look();
    const writer = rules.find(({ name }) => name === "one-writer");
    return holds && writer?.roundOf === 3;
  });
  const [row] = await platform.database.query<{ owner: string }>(
    "select owner from lease where name = 'invariants'",
  );
  const index = row?.owner === "manager-1" ? 0 : 1;
  await platform.stopManager(index);
  const stoppedAt = (await look()).checkedAt ?? 0;
  await until("another looks", async () => ((await look()).checkedAt ?? 0) > stoppedAt);
  const metrics = await (
    await fetch(`http://127.0.0.1:${platform.managers[1 - index]?.apiPort}/metrics`)
  ).text();
  assert.match(metrics, /holdfast_invariant_violations\{rule="one-writer"\} 0/);
  await platform.startManager(index);
});
