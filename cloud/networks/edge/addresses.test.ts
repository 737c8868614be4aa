/** Public addresses and their ranges on a real database. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { readJournal } from "@holdfast/store/journal";
import { giveAutomatic } from "./public-addresses.ts";
import { type Office, openOffices } from "./testing.ts";

const { office, beside } = await openOffices();

/** With a range of eight addresses, and checks that nothing is left. */
async function alone(work: (office: Office) => Promise<void>): Promise<void> {
  const { ask, counts } = office;
  const start = await counts();
  const cidr = "203.0.113.0/29";
  await ask("addRange", {}, { cidr });
  await work(office);
  for (const { address } of (await ask("listAddresses", {})).addresses)
    await ask("releaseAddress", { address });
  assert.equal((await ask("removeRange", {}, { cidr })).taken, 0);
  for (const { name } of (await ask("listNetworks", {})).networks)
    await ask("deleteNetwork", { network: name });
  assert.deepEqual(await counts(), start, "everything was given back once");
}

test("what two managers allocate at once is all different, and all of it", () =>
  alone(async ({ ask, refusal }) => {
    const all = await Promise.all(
      Array.from({ length: 8 }, (_, index) =>
        (index % 2 ? beside : office).ask("allocateAddress", {}, { name: `a-${index}` }),
      ),
    );
    const numbers = all.map(({ address }) => Number(address.split(".").at(-1))).sort();
    assert.deepEqual(numbers, [0, 1, 2, 3, 4, 5, 6, 7]);
    const problem = await refusal("allocateAddress", {}, {});
    assert.equal(problem.code, "public_addresses_exhausted");
    assert.match(problem.message, /All 8 public addresses are taken; 8 of them .* to nothing/);
    const [range] = (await ask("listRanges", {})).ranges;
    assert.deepEqual([range?.size, range?.taken], [8, 8]);
    assert.equal(
      (await refusal("removeRange", {}, { cidr: "203.0.113.0/29" })).code,
      "range_in_use",
    );
  }));

test("a static address moves from one instance to another, by its name or as it is", () =>
  alone(async ({ ask, instance, expunge, database, changes }) => {
    await ask("createNetwork", {}, { name: "blue" });
    await ask("createNetwork", {}, { name: "red" });
    const [web, db] = [await instance("web", "blue", "red"), await instance("db", "blue")];
    const { address } = await ask("allocateAddress", {}, { name: "front" });
    const given = await ask("attachAddress", { address: "front" }, { instance: "web" });
    assert.deepEqual([given.address, given.instance, given.kind], [address, "web", "static"]);
    const told = changes();
    await ask("attachAddress", { address: "front" }, { instance: "web" });
    assert.equal(changes(), told, "the same again is no change");
    await ask("attachAddress", { address: "front" }, { instance: "web", network: "red" });
    assert.equal((await ask("attachAddress", { address }, { instance: "db" })).instance, "db");
    await expunge(db);
    const [left] = (await ask("listAddresses", {})).addresses;
    assert.deepEqual([left?.address, left?.instance], [address, null], "it stays the project's");
    const events = async (id: string) =>
      (await readJournal(database, id)).map(({ event }) => event);
    assert.deepEqual(await events(db), ["addressAttached"]);
    assert.deepEqual(await events(web), [
      ...["addressAttached", "addressDetached", "addressAttached", "addressDetached"],
    ]);
    await expunge(web);
  }));

test("attaching gives an automatic address back, and another static one stays the project's", () =>
  alone(async ({ ask, instance, expunge, database, project, refusal }) => {
    await ask("createNetwork", {}, { name: "blue" });
    const web = await instance("web", "blue");
    const rows = await database.query<{ id: never }>("select id from nic where instance_id = $1", [
      web,
    ]);
    const [nic] = rows.map(({ id }) => id);
    assert.ok(nic);
    const give = () =>
      database.transaction((sql) => giveAutomatic(sql, [{ nic, project }], 0 as Instant));
    await give();
    const [automatic] = (await ask("listAddresses", {})).addresses;
    assert.equal(automatic?.kind, "automatic");
    const params = { address: automatic?.address ?? "" };
    const moves: readonly Parameters<Office["ask"]>[] = [
      ["attachAddress", params, { instance: "web" }],
      ["detachAddress", params, {}],
      ["releaseAddress", params],
    ];
    for (const move of moves)
      assert.equal((await refusal(...move)).code, "address_not_static", move[0]);
    const one = await ask("allocateAddress", {}, { name: "one" });
    await ask("allocateAddress", {}, { name: "two" });
    await ask("attachAddress", { address: "one" }, { instance: "web" });
    assert.equal((await ask("listAddresses", {})).addresses.length, 2, "the automatic one is gone");
    await give();
    assert.equal(
      (await ask("listAddresses", {})).addresses.length,
      2,
      "and does not come back beside it",
    );
    await ask("attachAddress", { address: "two" }, { instance: "web" });
    const { addresses } = await ask("listAddresses", {});
    const holders = addresses.map(({ name, instance: holder }) => `${name} ${holder}`);
    assert.deepEqual(holders, ["one null", "two web"]);
    assert.equal((await refusal("releaseAddress", { address: "two" })).code, "address_in_use");
    assert.equal((await ask("detachAddress", { address: "two" }, {})).instance, null);
    assert.equal((await ask("releaseAddress", { address: "one" })).address, one.address);
    await expunge(web);
  }));

test("what cannot be attached says why", () =>
  alone(async ({ ask, refusal, instance, expunge, other }) => {
    await ask("createNetwork", {}, { name: "blue" });
    await ask("createNetwork", {}, { name: "red" });
    const guests = [await instance("lonely"), await instance("web", "blue")];
    await ask("allocateAddress", {}, { name: "front" });
    const table: readonly [address: string, body: object, code: string][] = [
      ["back", { instance: "web" }, "address_not_found"],
      ["203.0.113.7", { instance: "web" }, "address_not_found"],
      ["front", { instance: "nobody" }, "instance_not_found"],
      ["front", { instance: "lonely" }, "not_connected"],
      ["front", { instance: "web", network: "red" }, "not_connected"],
      ["front", { instance: "web", network: "green" }, "network_not_found"],
    ];
    for (const [address, body, code] of table)
      assert.equal((await refusal("attachAddress", { address }, body)).code, code);
    const theirs = await refusal("releaseAddress", { address: "front" }, undefined, other);
    assert.equal(theirs.code, "address_not_found", "what others have is not there");
    assert.equal((await refusal("allocateAddress", {}, { name: "front" })).code, "name_taken");
    for (const guest of guests) await expunge(guest);
  }));

test("two who attach two addresses to one instance at once leave it with one of them", () =>
  alone(async ({ ask, instance, expunge }) => {
    await ask("createNetwork", {}, { name: "blue" });
    const web = await instance("web", "blue");
    for (const name of ["one", "two"]) await ask("allocateAddress", {}, { name });
    for (let round = 0; round < 5; round++) {
      await Promise.all([
        office.ask("attachAddress", { address: "one" }, { instance: "web" }),
        beside.ask("attachAddress", { address: "two" }, { instance: "web" }),
      ]);
      const { addresses } = await ask("listAddresses", {});
      assert.equal(addresses.filter((one) => one.instance === "web").length, 1);
    }
    await expunge(web);
  }));

const ranges: readonly [cidr: string, code: string][] = [
  ["127.0.0.0/24", "range_unusable"],
  ["224.0.0.0/24", "range_unusable"],
  ["198.0.0.0/15", "range_unusable"],
  ["203.0.113.0/28", "range_overlaps"],
  ["203.0.113.4/32", "range_overlaps"],
];
for (const [cidr, code] of ranges)
  test(`a range ${cidr} beside 203.0.113.0/29 is ${code}`, () =>
    alone(async ({ refusal }) => {
      assert.equal((await refusal("addRange", {}, { cidr })).code, code);
      assert.equal((await refusal("removeRange", {}, { cidr })).code, "range_not_found");
    }));

test("without any range it says so, and of two managers that add the same one only one does", async () => {
  const { ask, refusal } = office;
  assert.match(
    (await refusal("allocateAddress", {}, {})).message,
    /no range of them has been given/,
  );
  const cidr = "198.51.100.0/24";
  const both = [office, beside].map((one) => one.ask("addRange", {}, { cidr }));
  const ends = await Promise.allSettled(both);
  assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
  await ask("removeRange", {}, { cidr });
});
