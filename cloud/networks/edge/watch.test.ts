/** What a manager asks, and whom it tells first, when an instance has come to a host. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import type { Instant, Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { readJournal } from "@holdfast/store/journal";
import type { NetworkHosts, NetworkPicture } from "../core/picture.ts";
import { type Office, openOffices } from "./testing.ts";
import { networkWatch } from "./watch.ts";

const { office } = await openOffices();

type Changes = ReadonlyMap<NetworkId, NetworkPicture | NetworkHosts | null>;

async function hostNamed({ database, mintId }: Office, name: string): Promise<HostId> {
  const host = mintId<"Host">() as HostId;
  await database.query(
    `insert into host (id, name, cluster, state, mode, epoch, underlay)
     values ($1, $2, 'p', 'up', 'enabled', 1, '198.51.100.1')`,
    [host, name],
  );
  return host;
}

/** The same database, and how often it was gone to. */
function counting(database: Database): Database & { asked: string[] } {
  const asked: string[] = [];
  return {
    asked,
    query(text, values) {
      asked.push("query");
      return database.query(text, values);
    },
    transaction(work, locally) {
      asked.push("transaction");
      return database.transaction(work, locally);
    },
    lookUps: {
      query(text, values) {
        asked.push("look-up");
        return database.lookUps.query(text, values);
      },
    },
    close: async () => {},
  };
}

async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await isSo())) await sleep(2);
}

async function runOn({ database }: Office, instance: string, host: HostId): Promise<void> {
  await database.query("update instance set home = $2, state = 'running' where id = $1", [
    instance,
    host,
  ]);
}

/** A manager with these hosts, whose time stands still until it is set. */
function openWatch(database: Database, self: string, hosts: readonly HostId[]) {
  const counted = counting(database);
  const told = new Map<HostId, ReadonlyMap<NetworkId, { ports: number }>>();
  const heard: { host: HostId; changes: Changes; asked: readonly string[] }[] = [];
  const errors: unknown[] = [];
  const time = { now: 0 };
  const watch = networkWatch({
    database: counted,
    clock: { now: () => 1_763_719_200_000 as Instant, sleep: async () => {} },
    ticks: () => time.now as ReturnType<Ticks>, // Any number that grows.
    self,
    hosts: () => hosts,
    tell(host, pictures) {
      told.set(host, new Map(pictures.map(({ id, ports }) => [id, { ports: ports.length }])));
    },
    tellChanges(host, changes) {
      heard.push({ host, changes, asked: [...counted.asked] });
    },
    told: (host) => told.get(host),
    onError: (error) => errors.push(error),
  });
  const arrive = async () => {
    for (const host of hosts) watch.arrived(host);
    await until(() => told.size === hosts.length);
  };
  return { watch, counted, heard, errors, time, arrive };
}

let hosts: readonly HostId[] = [];
before(async () => {
  const { database } = office;
  await database.query("insert into zone values ('z')");
  await database.query("insert into pod values ('p', 'z')");
  await database.query("insert into cluster values ('p', 'p')");
  hosts = [await hostNamed(office, "a"), await hostNamed(office, "b")];
});

test("the host of a start is told with one question, before its neighbours, and only then does anybody look for a router", async () => {
  const { database, ask, instance } = office;
  const network = (await ask("createNetwork", {}, { name: "blue" })).id as NetworkId;
  const [far, near] = hosts;
  assert.ok(far && near);
  await runOn(office, await instance("web", "blue"), far);
  await runOn(office, await instance("db", "blue"), near);

  const { watch, counted, heard, errors, time, arrive } = openWatch(database, "manager-1", hosts);
  const routers = async () =>
    (await database.query("select from router where network_id = $1", [network])).length;
  try {
    await arrive();
    assert.equal(await routers(), 1, "the first turn places what is missing");
    await until(() => heard.length > 0); // And tells of it, in a turn of its own.

    await database.query("delete from router where network_id = $1", [network]);
    const joined = await instance("cache", "blue");
    await runOn(office, joined, near);
    heard.length = 0;
    counted.asked.length = 0;
    watch.touched({ instances: [joined] });
    await until(() => heard.length >= 2);
    const [first, second] = heard;
    assert.deepEqual([first?.host, second?.host], [near, far], "whoever waits comes first");
    assert.deepEqual(first?.asked, ["look-up"]);
    const picture = first?.changes.get(network);
    assert.ok(picture && "ports" in picture);
    assert.equal(picture.ports.length, 2);
    const neighbour = second?.changes.get(network);
    assert.ok(neighbour && !("ports" in neighbour), "whose part of it is as it was");
    assert.equal(await routers(), 0);
    time.now = 1_000;
    await until(async () => (await routers()) === 1);
    assert.deepEqual(errors, []);
  } finally {
    await watch.close();
  }
});

test("what a look-up is refused is read the long way", async () => {
  const { database, instance } = office;
  const [far] = hosts;
  assert.ok(far);
  const { watch, counted, heard, errors, arrive } = openWatch(database, "manager-1", [far]);
  try {
    await arrive();
    await until(() => heard.length > 0 || counted.asked.includes("transaction"));
    const joined = await instance("late", "blue");
    await runOn(office, joined, far);
    counted.lookUps.query = async () => Promise.reject(new Error("held up"));
    heard.length = 0;
    watch.touched({ instances: [joined] });
    await until(() => heard.length > 0);
    assert.equal(errors.splice(0).length, 1);
  } finally {
    await watch.close();
  }
});

test("an address that one manager gives or takes is in the journal, so the hosts of another hear of it", async () => {
  const { database, ask, instance } = office;
  const network = (await ask("createNetwork", {}, { name: "red" })).id as NetworkId;
  await ask("addRange", {}, { cidr: "203.0.113.0/29" });
  const [far, near] = hosts;
  assert.ok(far && near);
  await runOn(office, await instance("at-far", "red"), far);
  await runOn(office, await instance("at-near", "red"), near);
  const one = openWatch(database, "manager-1", [far]);
  const other = openWatch(database, "manager-2", [near]);
  const events = async (id: string) => (await readJournal(database, id)).map(({ event }) => event);
  try {
    await one.arrive();
    await other.arrive();
    assert.deepEqual(await events(network), ["created", "routerPlaced", "addressAllocated"]);
    const joined = await instance("front", "red");
    await runOn(office, joined, near);
    const setPublic = async (isPublic: boolean, expected: readonly string[]) => {
      await database.query("update nic set is_public = $2 where instance_id = $1", [
        joined,
        isPublic,
      ]);
      one.watch.touched({ instances: [joined] });
      await until(async () => {
        one.time.now += 1_000;
        return (await publicOf(joined)) === isPublic;
      });
      assert.deepEqual(await events(joined), expected);
      other.heard.length = 0;
      other.time.now += 10_000;
      other.watch.touched({ instances: [joined] });
      await until(() => other.heard.length > 0);
      const picture = other.heard.at(-1)?.changes.get(network);
      assert.ok(picture && "ports" in picture);
      assert.equal(
        picture.ports.some(({ publicAddress }) => publicAddress !== null),
        isPublic,
      );
    };
    await setPublic(true, ["addressAttached"]);
    await setPublic(false, ["addressAttached", "addressDetached"]);
    assert.deepEqual([...one.errors, ...other.errors], []);
  } finally {
    await one.watch.close();
    await other.watch.close();
  }
});

/** Whether it has an address of its own. */
async function publicOf(instance: string): Promise<boolean> {
  const rows = await office.database.query(
    "select from public_address a join nic c on c.id = a.nic_id where c.instance_id = $1",
    [instance],
  );
  return rows.length > 0;
}
