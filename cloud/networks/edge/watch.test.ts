/** What a manager asks, and whom it tells first, when an instance has come to a host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { HostId, NetworkId } from "@holdfast/kernel/ids";
import type { Instant, Ticks } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
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

test("the host of a start is told with one question, before its neighbours, and only then does anybody look for a router", async () => {
  const { database, ask, instance } = office;
  await database.query("insert into zone values ('z')");
  await database.query("insert into pod values ('p', 'z')");
  await database.query("insert into cluster values ('p', 'p')");
  const network = (await ask("createNetwork", {}, { name: "blue" })).id as NetworkId;
  const hosts = [await hostNamed(office, "a"), await hostNamed(office, "b")];
  const [far, near] = hosts;
  assert.ok(far && near);
  const guests = [await instance("web", "blue"), await instance("db", "blue")];
  for (const [index, id] of guests.entries())
    await database.query("update instance set home = $2, state = 'running' where id = $1", [
      id,
      hosts[index],
    ]);

  const counted = counting(database);
  const told = new Map<HostId, ReadonlyMap<NetworkId, { ports: number }>>();
  const heard: { host: HostId; changes: Changes; asked: readonly string[] }[] = [];
  const errors: unknown[] = [];
  const watch = networkWatch({
    database: counted,
    clock: { now: () => 1_763_719_200_000 as Instant, sleep: async () => {} },
    ticks: () => performance.now() as ReturnType<Ticks>, // Any number that grows.
    self: "manager-1",
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
  const routers = async () =>
    (await database.query("select from router where network_id = $1", [network])).length;
  try {
    for (const host of hosts) watch.arrived(host);
    await until(() => told.size === hosts.length);
    assert.equal(await routers(), 1, "the first turn places what is missing");
    await until(() => heard.length > 0); // And tells of it, in a turn of its own.

    await database.query("delete from router where network_id = $1", [network]);
    const joined = await instance("cache", "blue");
    await database.query("update instance set home = $2, state = 'running' where id = $1", [
      joined,
      near,
    ]);
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
    await until(async () => (await routers()) === 1);
    assert.deepEqual(errors, []);
  } finally {
    await watch.close();
  }
});
