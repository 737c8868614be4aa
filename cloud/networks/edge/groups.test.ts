/** Security groups, their rules and their members on a real database. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { readJournal } from "@holdfast/store/journal";
import { readFacts } from "./facts.ts";
import { type Office, openOffices } from "./testing.ts";

const { office, beside } = await openOffices();

async function alone(work: (office: Office) => Promise<void>): Promise<void> {
  const { ask, counts, set } = office;
  const start = await counts();
  set.clear();
  await ask("createNetwork", {}, { name: "blue" });
  await ask("createNetwork", {}, { name: "red" });
  await work(office);
  for (const network of ["blue", "red"]) await ask("deleteNetwork", { network });
  for (const { name: group, rules } of (await ask("listGroups", {})).groups)
    if (rules.length > 0) await ask("removeRules", { group }, { rules: rules.map(({ id }) => id) });
  for (const { name } of (await ask("listGroups", {})).groups)
    await ask("deleteGroup", { group: name });
  assert.deepEqual(await counts(), start, "everything was given back once");
}

const ssh = { protocol: "tcp", fromPort: 22, cidr: "10.0.0.0/8" };

test("a group is made with its rules, which may name the group itself", () =>
  alone(async ({ ask }) => {
    const body = {
      name: "web",
      description: "the front",
      rules: [ssh, { protocol: "any", group: "web" }, { ...ssh, direction: "egress", toPort: 23 }],
    };
    const made = await ask("createGroup", {}, body);
    assert.deepEqual(
      made.rules.map(({ id: _, ...rule }) => rule),
      [
        {
          direction: "ingress",
          protocol: "tcp",
          fromPort: 22,
          toPort: 22,
          cidr: "10.0.0.0/8",
          group: null,
        },
        {
          direction: "ingress",
          protocol: "any",
          fromPort: null,
          toPort: null,
          cidr: null,
          group: "web",
        },
        {
          direction: "egress",
          protocol: "tcp",
          fromPort: 22,
          toPort: 23,
          cidr: "10.0.0.0/8",
          group: null,
        },
      ],
    );
    assert.deepEqual([made.description, made.instances], ["the front", []]);
    assert.deepEqual(await ask("getGroup", { group: made.id }), made);
  }));

test("the same rule twice is one rule, and a change is told only when there is one", () =>
  alone(async ({ ask, changes, database }) => {
    const made = await ask(
      "createGroup",
      {},
      { name: "web", rules: [ssh, { ...ssh, toPort: 22 }] },
    );
    assert.equal(made.rules.length, 1);
    const told = changes();
    assert.deepEqual(await ask("addRules", { group: "web" }, { rules: [ssh] }), made);
    assert.equal(changes(), told);
    const udp = { protocol: "udp", fromPort: 53, cidr: "0.0.0.0/0" };
    const both = await ask("addRules", { group: "web" }, { rules: [ssh, udp] });
    assert.equal(both.rules.length, 2);
    const [first] = made.rules;
    const left = await ask("removeRules", { group: "web" }, { rules: [first?.id] });
    assert.deepEqual(
      left.rules.map(({ protocol }) => protocol),
      ["udp"],
    );
    assert.equal(changes(), told + 2);
    const events = (await readJournal(database, made.id)).map(({ event }) => event);
    assert.deepEqual(events, ["groupCreated", "rulesAdded", "rulesRemoved"]);
  }));

test("two managers that add rules at once together keep to the most that there may be", () =>
  alone(async ({ ask, refusal, set }) => {
    set.set("networks.most_rules", 10);
    beside.set.set("networks.most_rules", 10);
    await ask("createGroup", {}, { name: "web" });
    const rules = (from: number, count: number) =>
      Array.from({ length: count }, (_, index) => ({ ...ssh, fromPort: from + index }));
    const ends = await Promise.allSettled([
      office.ask("addRules", { group: "web" }, { rules: rules(100, 6) }),
      beside.ask("addRules", { group: "web" }, { rules: rules(200, 6) }),
    ]);
    assert.deepEqual(ends.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.equal((await ask("getGroup", { group: "web" })).rules.length, 6);
    const problem = await refusal("addRules", { group: "web" }, { rules: rules(300, 5) });
    assert.equal(problem.code, "too_many_rules");
    assert.match(problem.message, /would have 11 rules; 10 is the most/);
    const body = { name: "more", rules: rules(1, 11) };
    assert.equal((await refusal("createGroup", {}, body)).code, "too_many_rules");
    assert.equal((await ask("listGroups", {})).groups.length, 1, "a refused group is not there");
  }));

test("two thousand rules fit into one group by default", () =>
  alone(async ({ ask }) => {
    const rules = Array.from({ length: 2_000 }, (_, index) => ({ ...ssh, fromPort: index + 1 }));
    assert.equal((await ask("createGroup", {}, { name: "many", rules })).rules.length, 2_000);
  }));

test("what is not there, or would be left dangling, is refused", () =>
  alone(async ({ ask, refusal, instance, expunge, other }) => {
    await ask("createGroup", {}, { name: "web", rules: [ssh] });
    await ask("createGroup", {}, { name: "db", rules: [{ fromPort: 5432, group: "web" }] });
    await ask("createGroup", {}, { name: "theirs" }, other);
    const guests = [await instance("lonely"), await instance("one", "blue")];
    await ask("setInstanceGroups", { instance: "one" }, { groups: ["db"] });
    const strange = "0197a000-0000-7000-8000-ffffffffffff";
    const [rule] = (await ask("getGroup", { group: "web" })).rules;
    const table: readonly [code: string, ...asked: Parameters<Office["ask"]>][] = [
      ["name_taken", "createGroup", {}, { name: "web" }],
      ["group_not_found", "createGroup", {}, { name: "x", rules: [{ group: "theirs" }] }],
      ["rule_unusable", "createGroup", {}, { name: "x", rules: [{ ...ssh, group: "web" }] }],
      ["rule_unusable", "addRules", { group: "web" }, { rules: [ssh, { protocol: "tcp" }] }],
      ["group_not_found", "addRules", { group: "theirs" }, { rules: [ssh] }],
      ["group_not_found", "addRules", { group: "web" }, { rules: [{ group: "y" }] }],
      ["group_not_found", "getGroup", { group: "theirs" }],
      ["rule_not_found", "removeRules", { group: "web" }, { rules: [rule?.id, strange] }],
      ["rule_not_found", "removeRules", { group: "db" }, { rules: [rule?.id] }],
      ["group_in_use", "deleteGroup", { group: "web" }],
      ["group_in_use", "deleteGroup", { group: "db" }],
      ["instance_not_found", "setInstanceGroups", { instance: "nobody" }, { groups: [] }],
      ["not_connected", "setInstanceGroups", { instance: "lonely" }, { groups: ["web"] }],
      ["group_not_found", "setInstanceGroups", { instance: "one" }, { groups: ["web", "theirs"] }],
    ];
    for (const [code, ...asked] of table)
      assert.equal((await refusal(...asked)).code, code, asked.slice(0, 2).join());
    assert.equal((await ask("getGroup", { group: "web" })).rules.length, 1, "all or none");
    await ask("setInstanceGroups", { instance: "one" }, { groups: [] });
    await ask("deleteGroup", { group: "theirs" }, undefined, other);
    for (const guest of guests) await expunge(guest);
  }));

test("the groups of an instance are on all its connections, and in its timeline", () =>
  alone(async ({ ask, instance, expunge, database, counts }) => {
    for (const name of ["a", "b", "c"]) await ask("createGroup", {}, { name, rules: [ssh] });
    const web = await instance("web", "blue", "red");
    const put = (...groups: string[]) => ask("setInstanceGroups", { instance: "web" }, { groups });
    assert.deepEqual(await put("b", "a"), { groups: ["a", "b"] });
    assert.equal((await counts()).nic_group, 4);
    await put("c", "b");
    await put("b", "c");
    assert.deepEqual((await ask("getGroup", { group: "c" })).instances, ["web"]);
    assert.deepEqual((await ask("getGroup", { group: "a" })).instances, []);
    const rows = await readJournal(database, web);
    assert.deepEqual(
      rows.map(({ kind, event, detail }) => ({ kind, event, detail })),
      [
        {
          kind: "instance",
          event: "securityGroupsSet",
          detail: { before: [], groups: ["a", "b"] },
        },
        {
          kind: "instance",
          event: "securityGroupsSet",
          detail: { before: ["a", "b"], groups: ["b", "c"] },
        },
      ],
    );
    await expunge(web);
    assert.equal((await counts()).nic_group, 0);
  }));

test("what is written here is what the pictures of hosts are made of", () =>
  alone(async ({ ask, instance, expunge, database, mintId }) => {
    await ask("createGroup", {}, { name: "web", rules: [ssh, { protocol: "icmp", group: "web" }] });
    const web = await instance("web", "blue");
    await ask("setInstanceGroups", { instance: "web" }, { groups: ["web"] });
    await ask(
      "createForward",
      { network: "blue" },
      { publicPort: 80, instance: "web", port: 8080 },
    );
    const { id } = await ask("getNetwork", { network: "blue" });
    const host = mintId<"Host">();
    await database.query("insert into zone values ('z')");
    await database.query("insert into pod values ('p', 'z')");
    await database.query("insert into cluster values ('c', 'p')");
    await database.query(
      "insert into host (id, name, cluster, state, mode) values ($1, 'h1', 'c', 'up', 'enabled')",
      [host],
    );
    await database.query(
      "insert into router (network_id, host_id, host_epoch, generation, since) values ($1, $2, 1, 1, now())",
      [id, host],
    );
    const facts = await readFacts(database, [host]);
    assert.deepEqual(
      facts.networks.map(({ cidr, vni }) => `${cidr} ${vni}`),
      ["10.16.0.0/24 4096"],
    );
    assert.deepEqual(
      facts.forwards.map(({ publicPort, address }) => `${publicPort} ${address}`),
      ["80 10.16.0.2"],
    );
    const [member] = facts.nics;
    assert.deepEqual(
      facts.rules.map(({ group }) => group),
      [member?.groups[0], member?.groups[0]],
    );
    await expunge(web);
  }));
