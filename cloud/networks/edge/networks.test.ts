/** Networks and their forwards on a real database, asked for by one manager and by two at once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ensureDefaultPlace } from "@holdfast/cloud/hosts/edge";
import type { NetworkId } from "@holdfast/kernel/ids";
import type { Problem } from "@holdfast/kernel/problem";
import type { Sql } from "@holdfast/store/database";
import { readJournal } from "@holdfast/store/journal";
import { allotNics } from "./nics.ts";
import { type Office, openOffices } from "./testing.ts";

const { office, beside } = await openOffices();

/** Runs it with nothing there before, and checks that nothing is left. */
async function alone(work: (office: Office) => Promise<void>): Promise<void> {
  const start = await office.counts();
  office.set.clear();
  await work(office);
  for (const { name } of (await office.ask("listNetworks", {})).networks)
    await office.ask("deleteNetwork", { network: name });
  assert.deepEqual(await office.counts(), start, "everything was given back once");
}

test("a network has what nobody chose for it: an id, a /24, a router's address and a domain", () =>
  alone(async ({ ask, project, database, changes }) => {
    const told = changes();
    const made = await ask("createNetwork", {}, { name: "blue" });
    const { name, cidr, gateway, vni, vlan, domain, mtu, guests, capacity, router } = made;
    assert.deepEqual(
      { name, cidr, gateway, vni, vlan, domain, mtu, guests, capacity, router },
      {
        ...{ name: "blue", cidr: "10.16.0.0/24", gateway: "10.16.0.1", vni: 4_096, vlan: null },
        ...{ domain: "blue.holdfast.internal", mtu: 1_450, guests: 0, capacity: 253, router: null },
      },
    );
    assert.equal(made.project, "default");
    assert.equal((await ask("createNetwork", {}, { name: "red" })).cidr, "10.16.1.0/24");
    assert.equal(changes(), told + 2);
    const [row] = await readJournal(database, made.id);
    assert.deepEqual([row?.kind, row?.event, row?.actor], ["network", "created", "tester"]);
    assert.deepEqual(await ask("getNetwork", { network: made.id }), made, "by its id as well");
    assert.ok(project);
  }));

const refused: readonly [body: object, code: string, says: RegExp][] = [
  [{ name: "blue" }, "name_taken", /There is a network blue/],
  [{ name: "x", cidr: "8.8.8.0/24" }, "network_unusable", /not in 10\.0\.0\.0\/8/],
  [{ name: "x", cidr: "10.0.0.0/8" }, "network_unusable", /larger than a \/16/],
  [{ name: "x", cidr: "10.0.0.0/30" }, "network_unusable", /smaller than a \/29/],
  [{ name: "x", cidr: "10.1.0.128/25" }, "network_overlaps", /network blue \(10\.1\.0\.0\/24\)/],
  [{ name: "x", cidr: "10.1.0.0/16" }, "network_overlaps", /network blue/],
  [{ name: "x", vlan: 7 }, "vlan_unsupported", /no host is up/],
];
for (const [body, code, says] of refused)
  test(`${JSON.stringify(body)} beside a network blue of 10.1.0.0/24 is ${code}`, () =>
    alone(async ({ ask, refusal, changes }) => {
      await ask("createNetwork", {}, { name: "blue", cidr: "10.1.0.0/24" });
      const told = changes();
      const problem = await refusal("createNetwork", {}, body);
      assert.equal(problem.code, code);
      assert.match(problem.message, says);
      assert.equal(changes(), told, "what is refused is no news");
    }));

test("other projects may have the same addresses and the same name", () =>
  alone(async ({ ask, other }) => {
    const body = { name: "blue", cidr: "10.1.0.0/24" };
    await ask("createNetwork", {}, body);
    const theirs = await ask("createNetwork", {}, body, other);
    assert.equal(theirs.vni, 4_097);
    await ask("deleteNetwork", { network: "blue" }, undefined, other);
  }));

test("a VLAN is for operators, where every host can have it, and for one network", () =>
  alone(async ({ ask, refusal, other, database, mintId }) => {
    await ensureDefaultPlace(database);
    const refused = async () =>
      (await refusal("createNetwork", {}, { name: "v", vlan: 7 })).message;
    const host = async (name: string, facts: object) =>
      database.query(
        `insert into host (id, name, cluster, state, mode, facts) values ($1, $2, 'default', 'up', 'enabled', $3)
         on conflict (name) do update set facts = excluded.facts`,
        [mintId(), name, JSON.stringify(facts)],
      );
    const able = { networks: { vlan: null } };
    try {
      await host("host-1", able);
      await host("host-2", {});
      assert.match(await refused(), /host-2 cannot have it: its agent has not said/);
      await host("host-2", { networks: { vlan: "the module 8021q is not there" } });
      assert.match(await refused(), /host-2 cannot have it: the module 8021q is not there/);
      await host("host-2", able);
      assert.equal(
        (await refusal("createNetwork", {}, { name: "v", vlan: 7 }, other)).code,
        "vlan_forbidden",
      );
      const made = await ask("createNetwork", {}, { name: "v", vlan: 7 });
      assert.deepEqual([made.vlan, made.mtu], [7, 1_500]);
      assert.equal((await refusal("createNetwork", {}, { name: "w", vlan: 7 })).code, "vlan_taken");
    } finally {
      await database.query("update host set state = 'suspect'");
    }
  }));

test("fifty networks that two managers make at once have fifty ids and fifty address ranges", () =>
  alone(async ({ ask }) => {
    const made = await Promise.all(
      Array.from({ length: 50 }, (_, index) =>
        (index % 2 ? beside : office).ask("createNetwork", {}, { name: `n-${index}` }),
      ),
    );
    assert.equal(new Set(made.map(({ vni }) => vni)).size, 50);
    assert.equal(new Set(made.map(({ cidr }) => cidr)).size, 50);
    const ids = made.map(({ vni }) => vni).sort((a, b) => a - b);
    assert.deepEqual([ids[0], ids.at(-1)], [4_096, 4_145], "the lowest that there are");
    const { held, free } = await ask("listNetworkIds", {});
    assert.deepEqual([held.length, free], [50, 16_777_215 - 4_096 + 1 - 50]);
  }));

test("when the last id is held it says by whom, and a deleted network's is free again", () =>
  alone(async ({ ask, refusal, set, instance, expunge, other }) => {
    set.set("networks.first_id", 7_000).set("networks.last_id", 7_002);
    await ask("createNetwork", {}, { name: "busy" });
    await ask("createNetwork", {}, { name: "theirs" }, other);
    await ask("createNetwork", {}, { name: "idle" });
    const guest = await instance("web", "busy");
    const problem = await refusal("createNetwork", {}, { name: "more" });
    assert.equal(problem.code, "network_ids_exhausted");
    assert.match(problem.message, /All 3 network ids from 7000 to 7002 are held, 2 of them by/);
    const names = ({ details }: typeof problem) =>
      ((details.facts?.held ?? []) as { network: string }[]).map(({ network }) => network);
    assert.deepEqual(names(problem), ["theirs", "idle", "busy"], "empty ones first");
    assert.match(problem.details.fix ?? "", /--project other networks delete theirs/);

    const seen = await refusal("createNetwork", {}, { name: "more" }, other);
    assert.deepEqual(names(seen), ["theirs"], "a project is not told what others have");
    assert.match(seen.details.fix ?? "", /^Delete one .*: holdfast networks delete theirs\./);

    await ask("deleteNetwork", { network: "theirs" }, undefined, other);
    assert.equal((await ask("createNetwork", {}, { name: "more" })).vni, 7_001);
    const { held, free } = await ask("listNetworkIds", {});
    assert.deepEqual(
      [free, held.map(({ network, guests, vni }) => `${network} ${guests} ${vni}`)],
      [0, ["idle 0 7002", "more 0 7001", "busy 1 7000"]],
    );
    set.set("networks.last_id", 6_000);
    assert.match((await refusal("createNetwork", {}, { name: "x" })).message, /pool .* is empty/);
    await expunge(guest);
  }));

test("when a project has used up the supply of addresses it can still choose its own", () =>
  alone(async ({ ask, refusal, set, other }) => {
    set.set("networks.supply", "10.200.0.0/23");
    await ask("createNetwork", {}, { name: "a" });
    await ask("createNetwork", {}, { name: "b", cidr: "10.200.0.0/26" }, other);
    await ask("createNetwork", {}, { name: "b" });
    assert.equal((await refusal("createNetwork", {}, { name: "c" })).code, "networks_exhausted");
    await ask("createNetwork", {}, { name: "c", cidr: "10.200.2.0/24" });
    const theirs = await ask("createNetwork", {}, { name: "c" }, other);
    assert.equal(theirs.cidr, "10.200.1.0/24");
    for (const network of ["b", "c"]) await ask("deleteNetwork", { network }, undefined, other);
  }));

test("who holds the addresses of a network is looked up only where there are not enough", () =>
  alone(async ({ ask, instance, expunge, database, mintId }) => {
    const cidrs = { blue: "10.9.0.0/29", red: "10.9.1.0/29" };
    const [blue, red] = await Promise.all(
      Object.entries(cidrs).map(async ([name, cidr]) => ask("createNetwork", {}, { name, cidr })),
    );
    const guest = await instance("web", "blue", "red");
    const allot = (...networks: readonly (typeof blue)[]) =>
      database.transaction(async (sql) => {
        let statements = 0;
        const query: Sql["query"] = (...asked) => {
          statements++;
          return sql.query(...asked);
        };
        const connections = networks.map((network) => ({
          ...{ id: mintId<"Nic">(), network: network?.id as NetworkId }, // As it was made.
          ...{ isPublic: false, groups: [] },
        }));
        const nics = await allotNics({ ...sql, query }, [{ instance: guest, connections }]);
        return [statements, ...nics.map(({ address }) => address)];
      });
    assert.deepEqual(await allot(blue, red), [2, "10.9.0.3", "10.9.1.3"]);
    await assert.rejects(allot(blue, blue, blue, blue, blue, red), (problem: Problem) => {
      const idle = [{ address: "10.9.0.2", instance: "web", state: "stopped" }];
      assert.deepEqual(problem.details.facts, { size: 5, taken: 1, asked: 5, idle });
      return problem.code === "addresses_exhausted";
    });
    await expunge(guest);
  }));

test("a network is not deleted while something is connected, and only once", () =>
  alone(async ({ ask, refusal, instance, expunge, database }) => {
    const { id } = await ask("createNetwork", {}, { name: "blue" });
    const guest = await instance("web", "blue");
    assert.equal((await ask("getNetwork", { network: "blue" })).guests, 1);
    const problem = await refusal("deleteNetwork", { network: "blue" });
    assert.equal(problem.code, "network_in_use");
    assert.match(problem.message, /^Connected to blue: web\./);
    await expunge(guest);
    const ends = await Promise.allSettled([
      office.ask("deleteNetwork", { network: "blue" }),
      beside.ask("deleteNetwork", { network: "blue" }),
    ]);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.equal((await refusal("getNetwork", { network: "blue" })).code, "network_not_found");
    const events = (await readJournal(database, id)).map(({ event }) => event);
    assert.deepEqual(events, ["created", "deleted"]);
  }));

test("a guest that is connected while its network is deleted either is in time or finds it gone", () =>
  alone(async ({ ask, instance, expunge }) => {
    for (let round = 0; round < 5; round++) {
      await ask("createNetwork", {}, { name: "blue" });
      const [born, gone] = await Promise.allSettled([
        instance(`web-${round}`, "blue"),
        beside.ask("deleteNetwork", { network: "blue" }),
      ]);
      const { networks } = await ask("listNetworks", {});
      assert.equal(networks.length === 1, gone.status === "rejected");
      assert.equal(networks[0]?.guests ?? 0, networks.length, "either both or neither");
      if (born.status === "fulfilled") await expunge(born.value);
      for (const { name } of networks) await ask("deleteNetwork", { network: name });
    }
  }));

test("what a network held is free again: its router, its public address, its forwards", () =>
  alone(async ({ ask, database, project, instance, expunge, counts, mintId }) => {
    const { id } = await ask("createNetwork", {}, { name: "blue" });
    const host = mintId<"Host">();
    await insertHost(office, host);
    await database.query(
      `insert into router (network_id, host_id, host_epoch, generation, since) values ($1, $2, 1, 3, now())`,
      [id, host],
    );
    await database.query(
      `insert into public_address (address, project_id, kind, network_id, allocated_at)
       values ('203.0.113.9', $1, 'router', $2, now())`,
      [project, id as NetworkId],
    );
    const guest = await instance("web", "blue");
    await ask(
      "createForward",
      { network: "blue" },
      { publicPort: 80, instance: "web", port: 8080 },
    );
    const { router } = await ask("getNetwork", { network: "blue" });
    assert.deepEqual(
      [router?.host, router?.generation, router?.isUp, router?.publicAddress],
      ["h1", 3, null, "203.0.113.9"],
    );
    await expunge(guest);
    assert.equal((await counts()).port_forward, 0, "a forward goes with its instance");
    await ask("deleteNetwork", { network: "blue" });
  }));

test("a port of a network leads to one port of one guest", () =>
  alone(async ({ ask, refusal, instance, expunge }) => {
    await ask("createNetwork", {}, { name: "blue" });
    await ask("createNetwork", {}, { name: "red" });
    const web = await instance("web", "blue", "red");
    const db = await instance("db", "red");
    const to = (port: number, more: object = {}) => ({
      publicPort: port,
      instance: "web",
      port: 80,
      ...more,
    });
    const made = await ask("createForward", { network: "red" }, to(8080));
    assert.deepEqual(
      [made.network, made.protocol, made.publicPort, made.instance, made.address, made.port],
      ["red", "tcp", 8080, "web", "10.16.1.2", 80],
    );
    assert.equal(made.publicAddress, null);
    await ask("createForward", { network: "red" }, to(8080, { protocol: "udp" }));
    await ask("createForward", { network: "blue" }, to(8080));
    const refusals: readonly [network: string, body: object, code: string][] = [
      ["red", to(8080, { instance: "db" }), "port_taken"],
      ["blue", to(81, { instance: "db" }), "not_connected"],
      ["blue", to(81, { instance: "nobody" }), "instance_not_found"],
      ["green", to(81), "network_not_found"],
    ];
    for (const [network, body, code] of refusals)
      assert.equal((await refusal("createForward", { network }, body)).code, code);
    const { forwards } = await ask("listForwards", { network: "red" });
    assert.deepEqual(
      forwards.map(({ protocol }) => protocol),
      ["tcp", "udp"],
    );
    const elsewhere = { network: "blue", forward: made.id };
    assert.equal((await refusal("deleteForward", elsewhere)).code, "forward_not_found");
    await ask("deleteForward", { network: "red", forward: made.id });
    const again = { network: "red", forward: made.id };
    assert.equal((await refusal("deleteForward", again)).code, "forward_not_found");
    for (const guest of [web, db]) await expunge(guest);
  }));

async function insertHost({ database }: Office, id: string): Promise<void> {
  await database.query("insert into zone values ('z')");
  await database.query("insert into pod values ('p', 'z')");
  await database.query("insert into cluster values ('c', 'p')");
  await database.query(
    "insert into host (id, name, cluster, state, mode) values ($1, 'h1', 'c', 'up', 'enabled')",
    [id],
  );
}
