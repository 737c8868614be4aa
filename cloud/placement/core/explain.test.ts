/** Each row is a fleet and a wish, in words; what the rules say of the host, and what would help. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { choose, placeAll } from "./choose.ts";
import { type ExplainOptions, explain } from "./explain.ts";
import type { Explanation, HostCapacity, PlacementRequest, Rejection } from "./model.ts";
import { Picture } from "./picture.ts";
import { refusal } from "./refusal.ts";
import { host } from "./testing.ts";

const idOf = (name: string) => host(name).id;
const wish = (facts: Partial<PlacementRequest> = {}): PlacementRequest => ({
  cpus: 2,
  memoryMiB: 4096,
  tags: [],
  avoidHosts: [],
  ...facts,
});
const options: ExplainOptions = { planner: "first-fit", factors: { cpu: 1, memory: 1 } };

type Fixes = readonly string[];
const rules: Record<
  string,
  readonly [Partial<HostCapacity>, Partial<PlacementRequest>, readonly Rejection[], Fixes]
> = {
  "a host that is down is refused": [
    { state: "down" },
    {},
    [{ rule: "host-state", have: "down", need: "up" }],
    ["bring h1 back, which is down"],
  ],
  "a host that is only suspected is refused too: it may be gone": [
    { state: "suspect" },
    {},
    [{ rule: "host-state", have: "suspect", need: "up" }],
    ["bring h1 back, which is suspect"],
  ],
  "a host that is being drained takes nothing new": [
    { mode: "draining" },
    {},
    [{ rule: "host-mode", have: "draining", need: "enabled" }],
    ["enable h1, which is draining"],
  ],
  "a host in maintenance takes nothing new": [
    { mode: "maintenance" },
    {},
    [{ rule: "host-mode", have: "maintenance", need: "enabled" }],
    ["enable h1, which is in maintenance"],
  ],
  "a host of another zone is refused": [
    {},
    { zone: "b" },
    [{ rule: "zone", have: "a", need: "b" }],
    ["ask for zone a"],
  ],
  "a host must carry every tag": [
    { tags: ["ssd"] },
    { tags: ["ssd", "gpu"] },
    [{ rule: "tags", have: "ssd", need: "ssd, gpu" }],
    ["add tag gpu to h1", "ask without tag gpu"],
  ],
  "a host that is not among those asked for is refused": [
    {},
    { onlyHosts: [idOf("h9")] },
    [{ rule: "only-hosts", have: "h1", need: "one of 1 named hosts" }],
    ["allow h1 too"],
  ],
  "a host where it has just failed is refused": [
    {},
    { avoidHosts: [idOf("h1")] },
    [{ rule: "avoided", have: "h1", need: "a host where it has not just failed" }],
    ["stop avoiding h1"],
  ],
  "two members of an anti-affinity group do not share a host": [
    {},
    { antiAffinityGroup: "web" },
    [{ rule: "anti-affinity", have: "a member of web", need: "no member of web" }],
    ["relax anti-affinity group web on h1"],
  ],
  "a host that is short of cpus says by how many": [
    { reservedCpus: 7 },
    {},
    [{ rule: "cpu", have: 1, need: 2, unit: "cpus", shortBy: 1 }],
    [
      "free 1 cpu on h1",
      "raise the cpu factor from 1 to 1.13",
      "ask for no more than 1 cpu and 4096 MiB",
    ],
  ],
  "a host that is short of memory says by how much": [
    { reservedMemoryMiB: 6144 },
    {},
    [{ rule: "memory", have: 2048, need: 4096, unit: "MiB", shortBy: 2048 }],
    [
      "free 2048 MiB on h1",
      "raise the memory factor from 1 to 1.25",
      "ask for no more than 2 cpus and 2048 MiB",
    ],
  ],
  "short of both: one act of freeing helps, one factor does not": [
    { reservedMemoryMiB: 6144, reservedCpus: 8 },
    {},
    [
      { rule: "cpu", have: 0, need: 2, unit: "cpus", shortBy: 2 },
      { rule: "memory", have: 2048, need: 4096, unit: "MiB", shortBy: 2048 },
    ],
    ["free 2 cpus and 2048 MiB on h1"],
  ],
  "a guest that is bigger than the empty host: nothing can be freed": [
    {},
    { memoryMiB: 10_000 },
    [{ rule: "memory", have: 8192, need: 10_000, unit: "MiB", shortBy: 1808 }],
    ["raise the memory factor from 1 to 1.23", "ask for no more than 2 cpus and 8192 MiB"],
  ],
  "every broken rule is told, not only the first, and then no single change helps": [
    { state: "down", mode: "maintenance" },
    { zone: "b", tags: ["ssd"] },
    [
      { rule: "host-state", have: "down", need: "up" },
      { rule: "host-mode", have: "maintenance", need: "enabled" },
      { rule: "zone", have: "a", need: "b" },
      { rule: "tags", have: "none", need: "ssd" },
    ],
    ["add another host of at least 2 cpus and 4096 MiB in zone b with tag ssd"],
  ],
};

for (const [situation, [facts, wanted, rejections, fixes]] of Object.entries(rules)) {
  test(situation, () => {
    const groupHosts = new Set(wanted.antiAffinityGroup ? [idOf("h1")] : []);
    const found = explain([host("h1", facts)], wish(wanted), { ...options, groupHosts });
    assert.deepEqual(found.hosts[0]?.rejections, rejections);
    assert.equal(found.hosts[0]?.verdict, "rejected");
    assert.equal(found.chosen, undefined);
    assert.deepEqual(
      found.nearestFixes.map(({ change }) => change),
      fixes,
    );
    for (const { kind, wouldAdmit } of found.nearestFixes)
      assert.deepEqual(wouldAdmit, kind === "add-host" ? [] : [idOf("h1")]);
  });
}

test("a host with concerns is the last resort, and the verdict says why", () => {
  const bad = host("h1", { concerns: ["disk sda reports 12 bad sectors"] });
  const both = explain([bad, host("h2")], wish(), options);
  assert.equal(both.chosen, idOf("h2"));
  assert.deepEqual(both.hosts[0]?.concerns, ["disk sda reports 12 bad sectors"]);
  assert.deepEqual([both.hosts[0]?.verdict, both.hosts[0]?.score], ["feasible", 0]);
  assert.equal(explain([bad], wish(), options).chosen, bad.id);
});

const merits: Record<string, readonly [ExplainOptions["planner"], string, Record<string, string>]> =
  {
    "first-fit takes the first in name order": [
      "first-fit",
      "h1",
      {
        h1: "number 1 of the hosts that fit, in name order",
        h2: "number 2 of the hosts that fit, in name order",
        h3: "number 3 of the hosts that fit, in name order",
      },
    ],
    "best-fit takes the one that is left with the least": [
      "best-fit",
      "h2",
      {
        h1: "4096 MiB and 6 cpus left after placing",
        h2: "0 MiB and 6 cpus left after placing",
        h3: "3072 MiB and 6 cpus left after placing",
      },
    ],
    "spread takes the emptiest host of the emptiest pod": [
      "spread",
      "h3",
      {
        h1: "pod p1 is 75 % free, the host 100 %",
        h2: "pod p1 is 75 % free, the host 50 %",
        h3: "pod p2 is 88 % free, the host 88 %",
      },
    ],
  };

for (const [title, [planner, chosen, words]] of Object.entries(merits)) {
  test(title, () => {
    const fleet = [
      host("h3", { pod: "p2", reservedMemoryMiB: 1024 }),
      host("h1"),
      host("h2", { reservedMemoryMiB: 4096 }),
    ];
    const found = explain(fleet, wish(), { ...options, planner });
    assert.equal(found.chosen, idOf(chosen));
    const told = found.hosts.map(({ name, merit }) => [name, merit]);
    assert.deepEqual(Object.fromEntries(told), words);
    assert.deepEqual(
      found.hosts.map(({ name }) => name),
      ["h1", "h2", "h3"],
    );
  });
}

const spreading: Record<
  string,
  readonly [members: readonly string[], chosen: string, words: Record<string, string>]
> = {
  "a member goes to a zone without one, though the host there has concerns": [
    ["a1"],
    "b1",
    {
      a2: "in a pod with a member of web; number 3 of the hosts that fit, in name order",
      a3: "in a pod without a member of web; number 2 of the hosts that fit, in name order",
      b1: "in a zone without a member of web; number 1 of the hosts that fit, in name order",
    },
  ],
  "where all zones have a member, it goes to a pod without one": [
    ["a1", "b1"],
    "a3",
    {
      a2: "in a pod with a member of web; number 2 of the hosts that fit, in name order",
      a3: "in a pod without a member of web; number 1 of the hosts that fit, in name order",
    },
  ],
  "where all pods have a member, only the host must be its own": [
    ["a1", "a3", "b1"],
    "a2",
    { a2: "in a pod with a member of web; number 1 of the hosts that fit, in name order" },
  ],
  "a member on a host that is down keeps nobody out of its zone": [
    ["a0"],
    "a1",
    {
      a1: "number 1 of the hosts that fit, in name order",
      a2: "number 2 of the hosts that fit, in name order",
      a3: "number 3 of the hosts that fit, in name order",
      b1: "number 4 of the hosts that fit, in name order",
    },
  ],
};

for (const [title, [members, chosen, words]] of Object.entries(spreading)) {
  test(title, () => {
    const fleet = [
      host("a0", { state: "down" }),
      host("a1"),
      host("a2"),
      host("a3", { pod: "p2" }),
      host("b1", { zone: "b", concerns: ["disk sda is failing"] }),
    ];
    const request = wish({ antiAffinityGroup: "web" });
    const groupHosts = new Set(members.map(idOf));
    const found = explain(fleet, request, { ...options, groupHosts });
    assert.equal(found.chosen, idOf(chosen));
    const told = found.hosts.flatMap(({ name, merit }) => (merit ? [[name, merit]] : []));
    assert.deepEqual(Object.fromEntries(told), words);
    const picture = new Picture();
    for (const one of fleet) picture.upsert(one);
    picture.setMembers("web", groupHosts);
    assert.equal(choose(picture, request, options), idOf(chosen));
    const onlyHosts = fleet.map(({ id }) => id);
    assert.equal(choose(picture, { ...request, onlyHosts }, options), idOf(chosen));
  });
}

test("members that are placed together spread too: zones first, then pods, then hosts", () => {
  const picture = new Picture();
  for (const zone of ["a", "b"])
    for (const pod of ["p1", "p2"])
      for (const number of [1, 2]) picture.upsert(host(`${zone}-${pod}-${number}`, { zone, pod }));
  const members = Array.from({ length: 9 }, () => wish({ antiAffinityGroup: "web" }));
  assert.deepEqual(
    placeAll(picture, members, options).map((placed) => placed?.host),
    [
      ...["id-a-p1-1", "id-b-p1-1", "id-a-p2-1", "id-b-p2-1"],
      ...["id-a-p1-2", "id-a-p2-2", "id-b-p1-2", "id-b-p2-2", undefined],
    ],
  );
});

test("fixes come nearest first, at most three of a kind, the smallest change before the larger", () => {
  const fleet = [
    host("h1", { reservedMemoryMiB: 7168 }),
    host("h2", { reservedMemoryMiB: 4608 }),
    host("h3", { reservedMemoryMiB: 8192 }),
    host("h4", { reservedMemoryMiB: 6144 }),
    host("h5", { mode: "draining" }),
    host("h6", { zone: "b" }),
  ];
  const found = explain(fleet, wish({ zone: "a" }), options);
  assert.deepEqual(
    found.nearestFixes.map(({ change, wouldAdmit }) => [change, wouldAdmit.join(" ")]),
    [
      ["free 512 MiB on h2", "id-h2"],
      ["free 2048 MiB on h4", "id-h4"],
      ["free 3072 MiB on h1", "id-h1"],
      ["raise the memory factor from 1 to 1.07", "id-h2"],
      ["enable h5, which is draining", "id-h5"],
      ["ask for zone b", "id-h6"],
      ["ask for no more than 2 cpus and 3584 MiB", "id-h2"],
      ["ask for no more than 2 cpus and 2048 MiB", "id-h2 id-h4"],
      ["ask for no more than 2 cpus and 1024 MiB", "id-h1 id-h2 id-h4"],
    ],
  );
  assert.deepEqual(found.summary, [
    { rule: "memory", hosts: 4 },
    { rule: "host-mode", hosts: 1 },
    { rule: "zone", hosts: 1 },
  ]);
});

test("where clusters have factors of their own, a factor is raised in one cluster", () => {
  const fleet = [
    host("h1", { cluster: "c1", reservedMemoryMiB: 8192 }),
    host("h2", { cluster: "c2", reservedMemoryMiB: 12_288 }),
  ];
  const factors = { cpu: 1, memory: 1, clusters: { c2: { memory: 1.5 } } };
  const changes = explain(fleet, wish(), { ...options, factors }).nearestFixes.map(
    (fix) => fix.change,
  );
  assert.deepEqual(
    changes.filter((change) => change.startsWith("raise")),
    [
      "raise the memory factor from 1.5 to 2 in cluster c2",
      "raise the memory factor from 1 to 1.5 in cluster c1",
    ],
  );
});

test("a factor admits at once what it would have refused, because nothing is stored scaled", () => {
  const full = [host("h1", { reservedCpus: 8, reservedMemoryMiB: 4096 })];
  assert.equal(explain(full, wish(), options).chosen, undefined);
  const generous = { ...options, factors: { cpu: 4, memory: 1 } };
  assert.equal(explain(full, wish(), generous).chosen, idOf("h1"));
});

const refusals: Record<string, readonly [readonly HostCapacity[], string, string]> = {
  "a refusal counts the hosts by rule and ends with the nearest change": [
    [
      host("h1", { reservedMemoryMiB: 7168 }),
      host("h2", { reservedMemoryMiB: 4608 }),
      host("h3", { mode: "maintenance" }),
    ],
    "No host can take 2 cpus and 4096 MiB. Of 3 hosts: 2 short of memory, 1 not enabled. " +
      "Nearest change: free 512 MiB on h2.",
    "Free 512 MiB on h2, then ask again.",
  ],
  "a refusal without any hosts asks for one": [
    [],
    "No host can take 2 cpus and 4096 MiB. There are no hosts. " +
      "Nearest change: add a host of at least 2 cpus and 4096 MiB.",
    "Add a host of at least 2 cpus and 4096 MiB, then ask again.",
  ],
};

for (const [title, [fleet, message, fix]] of Object.entries(refusals)) {
  test(title, () => {
    const explanation: Explanation = explain(fleet, wish(), options);
    const problem = refusal(explanation);
    assert.deepEqual([problem.kind, problem.code], ["exhausted", "insufficient_capacity"]);
    assert.equal(problem.message, message);
    assert.equal(problem.details.fix, fix);
    const { hosts, summary, nearestFixes } = explanation;
    assert.deepEqual(problem.details.facts, { hosts, summary, nearestFixes });
    assert.equal(hosts.length, fleet.length);
  });
}

test("a volume that lives on one full host: the refusal does not ask for another host", () => {
  const fleet = [host("h1", { state: "down", mode: "draining" }), host("h2")];
  const only = wish({ onlyHosts: [idOf("h1")] });
  const { nearestFixes } = explain(fleet, only, options);
  assert.deepEqual(
    nearestFixes.map(({ change }) => change),
    ["allow h2 too"],
  );
  const alone = refusal(explain(fleet.slice(0, 1), only, options));
  assert.match(alone.details.fix ?? "", /no single change/);
});
