/** Leases in a real database, under clocks that are turned by hand. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Clock, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import { ensureDefaultPlace } from "./fleet.ts";
import { hostLeases } from "./leases.ts";

const host = "0190f5a0-0000-7000-8000-000000000001" as HostId;
let made: Awaited<ReturnType<typeof testDatabase>>;

before(async () => {
  made = await testDatabase();
  await ensureDefaultPlace(made.database);
  await made.database.query(
    "insert into host (id, name, cluster, state, mode) values ($1, 'host-1', 'default', 'up', 'enabled')",
    [host],
  );
});
beforeEach(async () => {
  await made.database.query("update host set state = 'up'");
  await made.database.query("delete from host_lease");
  await made.database.query(
    "insert into host_lease (host_id, renewed_at, manager, epoch) values ($1, now(), 'm', 1)",
    [host],
  );
});
after(async () => {
  await made.drop();
  await stopTestServer();
});

/** A manager whose clocks can be turned: `pass` is time that goes by, `jump` is none. */
function manager() {
  const begun = performance.now();
  let passed = 0;
  let jumped = 0;
  const ticks = () => performance.now() - begun + passed;
  const clock: Clock = {
    now: () => (Date.now() + passed + jumped) as Instant,
    sleep: async () => {},
  };
  let isAway = false;
  let meanwhile = async () => {};
  const changed: HostId[] = [];
  const gone = async () => Promise.reject(problem("unavailable", "database_unavailable", "away"));
  const { database } = made;
  const leases = hostLeases({
    database: {
      ...database,
      query: (...asked) => (isAway ? gone() : database.query(...asked)),
      async transaction(...asked) {
        await meanwhile();
        return isAway ? gone() : database.transaction(...asked);
      },
    },
    clock,
    ticks,
    self: "m",
    lease: () => seconds(5),
    flaps: () => ({ limit: 100, window: minutes(1) }),
    onChanged: (hosts) => changed.push(...hosts),
    onError: (error) => assert.fail(String(error)),
  });
  return {
    leases,
    clock,
    changed,
    pass: (duration: number) => {
      passed += duration;
    },
    jump: (duration: number) => {
      jumped += duration;
    },
    setAway: (is: boolean) => {
      isAway = is;
    },
    /** Before its next transaction. */
    setMeanwhile: (happen: () => Promise<void>) => {
      meanwhile = happen;
    },
  };
}

async function read<T>(what: string): Promise<T> {
  const [row] = await made.database.query<{ it: T }>(
    `select ${what} as it from host h join host_lease l on l.host_id = h.id`,
  );
  assert.ok(row);
  return row.it;
}
const stateOf = () => read<string>("h.state");

test("a host that is silent is suspect after its lease, and not before a manager that has just begun has listened", async () => {
  const { leases, pass } = manager();
  pass(seconds(6));
  await leases.watch();
  assert.equal(await stateOf(), "up");
  pass(seconds(2));
  await leases.watch();
  assert.equal(await stateOf(), "suspect");
});

test("the clock is set back by an hour while a host is silent: it is suspect after its lease, not in an hour", async () => {
  await made.database.query(
    `update host_lease set renewed_at = now() + interval '1 hour',
       ends_by = now() + interval '1 hour 16 seconds', stamping_since = now() + interval '30 minutes'`,
  );
  const { leases, pass } = manager();
  await leases.watch();
  assert.ok((await read<Instant>("l.ends_by")) <= Date.now() + 16_000);
  assert.ok((await read<Instant>("l.stamping_since")) <= Date.now());
  pass(seconds(8));
  await leases.watch();
  assert.equal(await stateOf(), "suspect");
});

test("the clock is set forward by an hour: nobody is silent because of that, and from then on time counts anew", async () => {
  const { leases, clock, pass, jump } = manager();
  pass(seconds(8));
  await leases.renew({ host, epoch: 1, guard: null, endsWithin: seconds(16) });
  assert.equal(leases.steadySince(), undefined);
  jump(minutes(60));
  await leases.watch();
  assert.equal(await stateOf(), "up");
  assert.ok(leases.isSettling());
  const since = leases.steadySince();
  assert.ok(since !== undefined && Math.abs(since - clock.now()) < 5_000);
});

test("nobody is silent because the database was away, however long and though nobody asked for anything", async () => {
  const { leases, pass, setAway } = manager();
  setAway(true);
  for (let second = 0; second < 13; second++) {
    pass(seconds(1));
    await leases.watch().catch(() => {});
  }
  setAway(false);
  pass(seconds(2));
  await leases.watch();
  assert.equal(await stateOf(), "up");
  pass(seconds(6));
  await leases.watch();
  assert.equal(await stateOf(), "suspect");
});

test("what a host was promised is kept, though the next promise is shorter", async () => {
  const { leases } = manager();
  await leases.renew({ host, epoch: 1, guard: null, endsWithin: seconds(31) });
  const before = await read<Instant>("l.ends_by");
  await leases.renew({ host, epoch: 1, guard: null, endsWithin: seconds(16) });
  assert.equal(await read<Instant>("l.ends_by"), before);
  await leases.renew({ host, epoch: 1, guard: null, endsWithin: seconds(40) });
  assert.ok((await read<Instant>("l.ends_by")) > before);
});

test("a lease is for one boot: a guard that asks from another is refused, and its host falls silent", async () => {
  await made.database.query("update host set boot_id = 'this boot'");
  const { leases, pass } = manager();
  const asked = { host, epoch: 1, guard: null, endsWithin: seconds(16) };
  await leases.renew({ ...asked, bootId: "this boot" });
  await made.database.query("update host_lease set renewed_at = now() - interval '1 hour'");
  await assert.rejects(leases.renew({ ...asked, bootId: "another boot" }), { code: "lease_void" });
  pass(seconds(8));
  await leases.watch();
  assert.equal(await stateOf(), "suspect");
});

test("who asks in the same moment for another epoch or boot of a host is refused, and takes nobody with it", async () => {
  await made.database.query("update host set boot_id = 'now'");
  const { leases } = manager();
  const ask = (more: { epoch: number; bootId?: string }) =>
    leases.renew({ host, guard: null, endsWithin: seconds(16), ...more }).then(
      () => "renewed",
      (error) => error.code,
    );
  const own = { epoch: 1 };
  const guard = { epoch: 1, bootId: "now" };
  const lateEpoch = { epoch: 0 };
  const otherEpoch = { epoch: 2 };
  const lateBoot = { epoch: 1, bootId: "before" };
  for (const batch of [
    [own, lateEpoch, lateBoot, guard, otherEpoch],
    [lateBoot, otherEpoch, guard, own, lateEpoch],
    [guard, own, lateEpoch, otherEpoch, lateBoot],
  ])
    assert.deepEqual(
      await Promise.all(batch.map(ask)),
      batch.map((one) => (one === own || one === guard ? "renewed" : "lease_void")),
    );
});

test("a host that is proven dead in the moment in which it is heard again stays dead", async () => {
  await made.database.query("update host set state = 'suspect'");
  const { leases, setMeanwhile } = manager();
  const dead = new Promise<void>((resolve) => {
    setMeanwhile(async () => {
      await made.database.query("update host set state = 'down'");
      resolve();
    });
  });
  await leases.renew({ host, epoch: 1, guard: null, endsWithin: seconds(16) });
  await dead;
  setMeanwhile(async () => {});
  await leases.renew({ host, epoch: 1, guard: null, endsWithin: seconds(16) }); // Behind what it has begun.
  assert.equal(await stateOf(), "down");
});

test("the guests of a host are due for a look in the moment in which it falls silent", async () => {
  const { database } = made;
  const [project, image, volume, guest] = [2, 3, 4, 5].map((n) => host.replace(/.$/, `${n}`));
  await database.query("insert into project (id, name) values ($1, 'p')", [project]);
  await database.query(
    "insert into image (id, name, state, source) values ($1, 'tiny', 'ready', 'x')",
    [image],
  );
  await database.query(
    `insert into volume (id, project_id, image_id, state, size_bytes, pool, created_at)
     values ($1, $2, $3, 'ready', 1, 'local', now())`,
    [volume, project, image],
  );
  await database.query(
    `insert into instance (id, project_id, name, type, cpus, memory_mib, image_id, volume_id, created_at, desired,
       state, request_id, generation, home, last_host)
     values ($1, $2, 'web', 'tiny', 1, 128, $3, $4, now(), 'running', 'running', 'r', 1, $5, $5)`,
    [guest, project, image, volume, host],
  );
  const { leases, pass } = manager();
  await database.query("update host_lease set renewed_at = now() - interval '1 hour'");
  pass(seconds(8));
  await leases.watch();
  assert.equal(await stateOf(), "suspect");
  const [row] = await database.query<{ isDue: boolean }>(
    `select look_at <= now() as "isDue" from instance`,
  );
  assert.deepEqual(row, { isDue: true });
});

test("of many hosts that fall silent the first are known before the last of them are written down", async () => {
  const { database } = made;
  await database.query(
    `insert into host (id, name, cluster, state, mode)
     select gen_random_uuid(), 'other-' || n, 'default', 'up', 'enabled' from generate_series(1, 50) n`,
  );
  await database.query(
    `insert into host_lease (host_id, renewed_at, manager, epoch)
     select id, now(), 'm', 1 from host on conflict do nothing`,
  );
  await database.query("update host_lease set renewed_at = now() - interval '1 hour'");
  const { leases, pass, changed, setMeanwhile } = manager();
  const knownBefore: number[] = [];
  setMeanwhile(async () => {
    knownBefore.push(changed.length);
  });
  pass(seconds(8));
  await leases.watch();
  assert.deepEqual(knownBefore.slice(0, 2), [0, 50]);
  assert.equal(changed.length, 51);
});
