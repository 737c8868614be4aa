/**
 * Whatever is killed, whenever and however often: afterwards everything is as it was asked for.
 *
 * Managers are real processes, PostgreSQL is one that syncs to the disk, agents lose everything they had
 * begun. SEED=n repeats the choices of a run; what happens between them is still up to the machine.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { openMonitor } from "@holdfast/cloud/invariants/edge";
import { seeded } from "@holdfast/kernel/random";
import { milliseconds } from "@holdfast/kernel/time";
import { readJournal } from "@holdfast/store/journal";
import { type Client, network, newClient, project } from "./clients.ts";
import { type Cluster, startCluster } from "./cluster.ts";
import { type Misfortune, misfortunes, strike } from "./misfortune.ts";
import { until, wallClock } from "./platform.ts";

const seed = Number(process.env.SEED ?? 1);
const enough = 200;
/** A machine that is too busy for more must still come to an end. */
const workTime = 240_000;
const settings = {
  "hosts.heartbeat": 0.5,
  "hosts.lease": 2,
  "instances.stop_grace": 3,
  "instances.expunge_retry": 2,
  "instances.restart_budget": 100,
  "instances.restart_window": 1,
  "manager.resync": 1,
  "migrations.preparing": 20,
  "migrations.switching": 5,
  "migrations.aborting": 10,
};

/**
 * Bytes each second. A guest of 128 MiB whose disk has a tenth of a GiB in it moves for about two seconds, so that
 * it is hit at each of its steps; its last one takes the time in which it stands still, in milliseconds.
 */
const wireSpeed = 128 * 2 ** 20;
const switchTime = milliseconds(200);

let cluster: Cluster;
let clients: readonly Client[] = [];
const struck = new Map<Misfortune, number>();
/** How many moves were under way at a blow, by their state. */
const hit = new Map<string, number>();
before(async () => {
  cluster = await startCluster({ managers: 2, hosts: 3, settings });
  for (const { world } of cluster.hosts) Object.assign(world, { wireSpeed, switchTime });
  const made = [
    await cluster.call("POST", `${project}/networks`, { name: network, cidr: "10.7.0.0/24" }),
    await cluster.call("POST", "/v1/public-ranges", { cidr: "203.0.113.0/24" }),
  ];
  for (const { status, body } of made) assert.equal(status, 201, JSON.stringify(body));
});
after(() => cluster.close());

/** The only host that could have taken it was silent at that moment, and whoever asked was told so. */
const noRoom = "insufficient_capacity";

interface Row {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly desired: string;
  readonly generation: number;
  readonly host: string | null;
  readonly code: string | null;
}
const rowsOf = () =>
  cluster.database.query<Row>(
    `select i.id, i.name, i.state, i.desired, i.generation, h.name as host,
       i.cause->'problem'->>'code' as code
     from instance i left join host h on h.id = i.home order by i.name`,
  );
/** For the reader of a failure. */
async function story(id: string): Promise<string> {
  const entries = await readJournal(cluster.database, id, 0, 10_000);
  return entries
    .map(
      ({ event, to, generation, detail }) =>
        `${event} → ${to} g${generation} ${JSON.stringify(detail)}`,
    )
    .join("\n");
}
const openMoves = () =>
  cluster.database
    .query<{ state: string }>("select state from migration where state in ('preparing', 'copying')")
    .catch(() => []); // It may just be coming back.
const accepted = () => clients.flatMap((client) => client.accepted);

test(`two hundred operations are carried out while everything is killed again and again (SEED=${seed})`, async (t) => {
  const random = seeded(seed);
  const hands = ["ada", "bob", "eve", "kim"];
  clients = hands.map((name, index) => newClient(cluster, name, seeded(seed + index + 1)));
  const end = performance.now() + workTime;
  let deck: Misfortune[] = [];
  let dealt = 0;
  let isBroken = false;
  const isOver = () =>
    isBroken ||
    performance.now() > end ||
    (accepted().length >= enough && dealt >= misfortunes.length);
  const killing = async () => {
    while (!isOver()) {
      // After some more work, so that a slow machine is not only ever hit; and at some moment of it.
      const goal = accepted().length + random.below(8);
      const since = performance.now();
      while (!isOver() && accepted().length < goal && performance.now() - since < 3_000)
        await sleep(10);
      await sleep(random.below(500));
      if (deck.length === 0) deck = random.shuffled(misfortunes);
      const what = deck.pop() ?? "manager";
      for (const { state } of await openMoves()) hit.set(state, (hit.get(state) ?? 0) + 1);
      await strike(cluster, what, random);
      struck.set(what, (struck.get(what) ?? 0) + 1);
      dealt++;
    }
  };
  const stopAll = (error: unknown) => {
    isBroken = true;
    throw error;
  };
  const all = [killing(), ...clients.map((client) => client.work(isOver))];
  // All to their ends, however they end: nobody may still be killing when this is taken down.
  const ends = await Promise.allSettled(all.map((one) => one.catch(stopAll)));
  for (const one of ends) if (one.status === "rejected") throw one.reason;
  const isSettled = async () => (await cluster.unsettled()).length === 0;
  await until("everything is settled", isSettled, 60_000).catch(async () =>
    assert.deepEqual(await cluster.unsettled(), []),
  );

  const sum = (of: (client: Client) => number) => clients.reduce((all, one) => all + of(one), 0);
  t.diagnostic(`accepted ${accepted().length}, refused ${sum((one) => one.refused)}`);
  t.diagnostic(`cancelled ${sum((one) => one.cancelled)}, launched ${cluster.watch.launches()}`);
  t.diagnostic(`struck ${JSON.stringify(Object.fromEntries(struck))}`);
  assert.ok(accepted().length >= enough, `only ${accepted().length} operations in ${workTime} ms`);
  assert.ok(dealt >= misfortunes.length);
  assert.deepEqual(
    clients.flatMap((client) => client.strange),
    [],
  );
});

test("every instance is what was last wished of it, and the hosts run exactly those that should", async () => {
  const rows = await rowsOf();
  assert.ok(rows.length > 0);
  for (const { name, state, desired, host, generation, id, code } of rows) {
    const isRefused = state === "failed" && code === noRoom;
    const isSo = isRefused ? ["running", "stopped"].includes(desired) : state === desired;
    assert.ok(isSo, `${name} is ${state}, wished ${desired}: ${await story(id)}`);
    const expected = state === "running" ? [{ host, generation }] : [];
    assert.deepEqual(cluster.watch.running(id), expected, name);
  }
  const owned = clients.flatMap((client) => client.owned);
  assert.equal(rows.length, owned.length);
  for (const { id, name, wished } of owned) {
    const row = rows.find((one) => one.id === id);
    assert.ok(row && wished.includes(row.desired), `${name} is ${row?.desired}, wished ${wished}`);
  }
});

test("nothing was launched twice, out of order, or beside another", () => {
  assert.deepEqual(cluster.watch.violations, []);
  assert.ok(cluster.watch.launches() > 20);
});

test("no request that was accepted is lost, none was written down twice, and every job has ended", async () => {
  const jobs = await cluster.database.query<{ id: string; state: string; code: string | null }>(
    "select id, state, problem->>'code' as code from job where idempotency_key is not null",
  );
  assert.equal(jobs.length, accepted().length);
  const orders = await cluster.database.query<{ job: string; event: string }>(
    "select job_id as job, event from journal where event like 'command-%'",
  );
  for (const { job, kind } of accepted()) {
    const row = jobs.find(({ id }) => id === job);
    assert.ok(row && row.state !== "running", `${kind} ${job} is ${row?.state}`);
    // A reset is pressed or it is not, and a move gets there or does not. Everything else is wished for until it is so, as was seen above;
    // only whoever waits is told when there is no room, or when it takes longer than its deadline.
    if (row.state === "failed" && kind !== "reboot" && kind !== "migrate")
      assert.ok(row.code === noRoom || row.code === "instance_failed", `${kind}: ${row.code}`);
    if (kind === "run") continue;
    const written = orders.filter((order) => order.job === job);
    assert.deepEqual(
      written.map(({ event }) => event),
      [`command-${kind}`],
    );
  }
});

test("everything holds that always holds", async () => {
  const monitor = openMonitor(cluster.database, { now: wallClock.now });
  const violations = await monitor.look({ everything: true });
  assert.deepEqual(
    violations.map(({ rule, name, says }) => `${rule}: ${name}: ${says}`),
    [],
  );
});

test("every move has come to an end, and where one was kept from it, nothing waits", async (t) => {
  const rows = await cluster.database.query<{ state: string; count: number }>(
    "select state, count(*)::int as count from migration group by 1 order by 1",
  );
  t.diagnostic(`moves ${rows.map(({ state, count }) => `${state} ${count}`).join(", ")}`);
  t.diagnostic(`moves under way at a blow ${JSON.stringify(Object.fromEntries(hit))}`);
  for (const { state } of rows)
    assert.ok(!["preparing", "copying", "switched"].includes(state), state);
  assert.ok(
    rows.some(({ state }) => state === "done"),
    "no move got there",
  );
  assert.ok(hit.size > 0, "no move was under way at any blow");
});

test("what is reserved on each host is what its instances need", async () => {
  const rows = await cluster.database.query(
    `select h.name, h.reserved_cpus, h.reserved_memory_mib,
       coalesce(sum(i.cpus), 0)::int as cpus, coalesce(sum(i.memory_mib), 0)::int as memory
     from host h left join instance i on i.home = h.id group by h.id
     having h.reserved_cpus <> coalesce(sum(i.cpus), 0)
       or h.reserved_memory_mib <> coalesce(sum(i.memory_mib), 0)`,
  );
  assert.deepEqual(rows, []);
});

test("when all is expunged nothing is left anywhere", async () => {
  const { database, hosts, watch } = cluster;
  for (const { id, state } of await rowsOf()) {
    if (state === "expunged") continue;
    await cluster.call("POST", `${project}/instances/${id}/destroy`, {});
    await until("it is destroyed", async () => {
      const [row] = await database.query<Row>("select state from instance where id = $1", [id]);
      return row?.state === "destroyed";
    });
    await cluster.call("POST", `${project}/instances/${id}/expunge`, {});
  }
  await until("all are expunged", async () =>
    (await rowsOf()).every(({ state }) => state === "expunged"),
  );
  await until(
    "the hosts have let go",
    () =>
      hosts.every(({ agent }) => agent?.keeper.held().length === 0) && watch.left().length === 0,
  );
  const kept = () => hosts.flatMap(({ pools }) => [...(pools.get("local")?.volumes.keys() ?? [])]);
  await until("no volume is left", () => kept().length === 0).catch(() =>
    assert.deepEqual(kept(), []),
  );
  for (const { shelf, loans } of hosts) {
    assert.deepEqual(await shelf.load(), []);
    assert.deepEqual(await loans.load(), []);
  }
  const reserved = "select name from host where reserved_cpus <> 0 or reserved_memory_mib <> 0";
  assert.deepEqual(await database.query(reserved), []);
  const volumes = () => database.query("select id, state from volume where state <> 'expunged'");
  await until("no volume is on record", async () => (await volumes()).length === 0).catch(
    async () => assert.deepEqual(await volumes(), []),
  );
  const { status } = await cluster.call("DELETE", `${project}/networks/${network}`);
  assert.ok(status < 300, `the network is kept: ${status}`); // Its router's address goes with it.
  await until("every address, router, disk and task is given back", async () => {
    const counts = await leftovers();
    return Object.values(counts).every((count) => count === 0);
  }).catch(async () => assert.deepEqual(await leftovers(), {}));
});

async function leftovers(): Promise<Record<string, number>> {
  const [row] = await cluster.database.query<Record<string, number>>(
    `select (select count(*)::int from nic) as nics,
       (select count(*)::int from public_address) as "publicAddresses",
       (select count(*)::int from router) as routers,
       (select count(*)::int from port_forward) as forwards,
       (select count(*)::int from storage_task) as tasks,
       (select count(*)::int from attachment) as attachments`,
  );
  return row ?? {};
}
