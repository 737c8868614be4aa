/** Each rule names what breaks it, and no other rule does; a sound world breaks none. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import type {
  CertificateSight,
  HostSight,
  IncarnationSight,
  InstanceSight,
  JobSight,
  Line,
  MoveSight,
  NetworkSight,
  Sights,
  VolumeSight,
  WorkSight,
} from "./model.ts";
import { judge, ruleList } from "./rules.ts";

const now = 1_000_000_000 as Instant;
const at = (ago: number) => (now - ago * 1_000) as Instant;
const moment = { now, lateBefore: at(10) };

type Told = readonly [event: string, from: string, to: string, generation: number, cause?: string];

function lines(...rows: readonly Told[]): Line[] {
  return rows.map(([event, from, to, generation, cause], index) => ({
    ...{ seq: index + 1, at: at(100 - index), event, from, to, generation },
    cause: cause ?? null,
  }));
}

const lived = [
  ["created", "provisioning", "provisioning", 1],
  ["resourcesReady", "provisioning", "stopped", 1],
  ["start", "stopped", "starting", 1],
  ["bootConfirmed", "starting", "running", 1],
] as const;
const ended = [
  ...lived,
  ["command-stop", "running", "running", 1],
  ["stop", "running", "stopping", 1],
  ["exitObserved", "stopping", "stopped", 1, "user-stop"],
] as const;

const first: IncarnationSight = {
  ...{ generation: 1, host: "h1", epoch: 1, phase: "running", how: null },
  ...{ provenAt: null, hasDeath: false },
};
const gone: IncarnationSight = { ...first, phase: "exited", how: "exited" };

const running: InstanceSight = {
  ...{ id: "i1", name: "web", state: "running", desired: "running", op: null },
  ...{ generation: 1, lastGeneration: 1, version: 3, home: "h1", homeState: "up" },
  ...{ lookAt: null, dueAt: at(9_999), cause: null, leaving: 0 },
  ...{ destroyedAt: null, job: null, errand: null },
  volume: { state: "ready", host: "h1", pool: "local" },
  ...{ nics: [0], disks: [], incarnations: [first], moves: [], journal: lines(...lived) },
};
const stopped: InstanceSight = {
  ...running,
  ...{ state: "stopped", desired: "stopped", home: null, homeState: null, cause: "user-stop" },
  ...{ incarnations: [gone], journal: lines(...ended) },
};
const starting: InstanceSight = {
  ...running,
  ...{ state: "starting", lookAt: at(-60), journal: lines(...lived.slice(0, 3)) },
  op: { kind: "start", since: at(1), deadline: at(-60) },
  incarnations: [{ ...first, phase: "asked" }],
};
const migration: MoveSight = {
  ...{ id: "g1", state: "copying", from: "h1", fromGeneration: 1, to: "h2", toGeneration: 2 },
  ...{ endedAt: null, leftover: null },
};
const moving: InstanceSight = {
  ...running,
  ...{ state: "migrating", lastGeneration: 2, lookAt: at(-60), moves: [migration] },
  op: { kind: "migrate", since: at(1), deadline: at(-60) },
  incarnations: [first, { ...first, generation: 2, host: "h2", phase: "incoming" }],
  journal: lines(...lived, ["migrate", "running", "migrating", 1]),
};
const expunged: InstanceSight = {
  ...stopped,
  ...{ state: "expunged", desired: "expunged", nics: [] },
  volume: { state: "expunged", host: "h1", pool: "local" },
  journal: lines(
    ...ended,
    ["command-destroy", "stopped", "stopped", 1],
    ["destroy", "stopped", "destroyed", 1],
    ["command-expunge", "destroyed", "destroyed", 1],
    ["expunge", "destroyed", "expunging", 1],
    ["resourcesReleased", "expunging", "expunged", 1],
  ),
};
/** Its first host was proven dead, and its second generation runs on another. */
const failedOver: InstanceSight = {
  ...running,
  ...{ generation: 2, lastGeneration: 2, home: "h2" },
  volume: { state: "ready", host: "h1", pool: "shared" },
  incarnations: [
    { ...first, provenAt: at(50), hasDeath: true },
    { ...first, generation: 2, host: "h2" },
  ],
  journal: lines(
    ...lived,
    ["leaseExpired", "running", "lost", 1, "host-silent"],
    ["fenceProven", "lost", "stopped", 1, "host-failure"],
    ["autoStart", "stopped", "starting", 2],
    ["bootConfirmed", "starting", "running", 2],
  ),
};

const certificate: CertificateSight = {
  ...{ id: "f1", epoch: 1, proof: "power-off", covers: "everything" },
  ...{ silentSince: at(60), provenAt: at(40), isSigned: true, evidence: 2 },
  ...{ boundSeconds: null, power: "off", boots: [null, null] },
};
const watched: CertificateSight = {
  ...{ ...certificate, proof: "watchdog", covers: "shared", power: null, boundSeconds: 16 },
};
const host: HostSight = {
  ...{ id: "h1", name: "host-1", state: "up", mode: "enabled", epoch: 2, leaseEpoch: 2 },
  ...{ reservedCpus: 4, reservedMemoryMiB: 512, needed: { cpus: 4, memoryMiB: 512 } },
  ...{ certificates: [certificate], bound: { seconds: 15, since: null } },
  journal: lines(
    ["heard", "suspect", "up", 0],
    ["leaseExpired", "up", "suspect", 0],
    ["fenceProven", "suspect", "down", 0],
    ["admitted", "down", "up", 0],
  ),
};
const job: JobSight = {
  ...{ id: "j1", kind: "run", state: "running", total: 3, targets: 3, carriers: 2 },
  ...{ succeeded: 1, failed: 0, cancelled: 0, finishedAt: null },
};
const over: JobSight = { ...job, state: "succeeded", succeeded: 3, carriers: 0, finishedAt: now };
const volume: VolumeSight = {
  ...{ id: "v1", name: "data", state: "ready", kind: "data", host: "h1", pool: "local" },
  owner: { id: "i1", state: "running", home: "h1", isRoot: false },
  ...{ isSuccessor: false, tasks: [], makers: 0, snapshots: [], backups: [] },
};
const task = (what: string, deadline = at(-60)) => [{ id: "t1", do: what, deadline }];
const network: NetworkSight = {
  ...{ id: "n1", name: "blue", isDeleted: false, strangers: [], nics: 2, forwards: 1 },
  ...{ addresses: 1, guests: 1, idleAddresses: [], routerGenerations: [1, 2, 1] },
  router: { epoch: 1, hostEpoch: 2, hostState: "up", generation: 1 },
};
const work: WorkSight = {
  ...{ id: "m1", name: "host-1", work: "empty", state: "in-maintenance", mode: "maintenance" },
  ...{ startsAt: at(100), endsAt: null, lodgers: [], events: 0, stranded: [] },
};

const none: Sights = { instance: [], host: [], job: [], volume: [], network: [], work: [] };

test("a sound world breaks no rule", () => {
  const sound: Sights = {
    instance: [running, stopped, starting, moving, expunged, failedOver],
    host: [
      host,
      { ...host, certificates: [watched] },
      { ...host, state: "down", epoch: 1, leaseEpoch: 0, journal: host.journal.slice(0, 3) },
    ],
    job: [job, over],
    volume: [volume, { ...volume, state: "creating", makers: 1, tasks: task("make") }],
    network: [network],
    work: [work, { ...work, state: "ended", mode: "enabled" }],
  };
  assert.deepEqual(
    judge(sound, moment).map(({ rule, subject, says }) => `${rule}: ${subject}: ${says}`),
    [],
  );
});

/** `also`: others that cannot but be broken by the same. */
type Planted = readonly [
  rule: string,
  what: string,
  sights: Partial<Sights>,
  also?: readonly string[],
];

/** Of one instance. */
const its = (
  rule: string,
  what: string,
  one: InstanceSight,
  also: readonly string[] = [],
): Planted => [rule, what, { instance: [one] }, also];
const told = (base: InstanceSight, ...rows: readonly Told[]): Line[] =>
  [...base.journal, ...lines(...rows)].map((line, index) => ({ ...line, seq: index + 1 }));

const planted: readonly Planted[] = [
  its("one-writer", "a stopped one has a process that nothing proves over", {
    ...stopped,
    incarnations: [first],
  }),
  its("one-writer", "the generation before may still be running", {
    ...failedOver,
    incarnations: [
      { ...first, phase: "exited", hasDeath: true, provenAt: at(50) },
      { ...first, generation: 2, host: "h2" },
      { ...first, generation: 3, host: "h3" },
    ],
    lastGeneration: 3,
  }),
  its("one-writer", "a move was given up and its arrival lives on", {
    ...running,
    lastGeneration: 2,
    incarnations: moving.incarnations,
    moves: [{ ...migration, state: "failed", endedAt: at(5) }],
  }),
  its("home-where-its-process-is", "its process is on another host", {
    ...running,
    incarnations: [{ ...first, host: "h2" }],
  }),
  its("home-where-its-process-is", "a stopped one has a home", {
    ...stopped,
    home: "h1",
    homeState: "up",
  }),
  its(
    "home-ends-with-proof",
    "it was called stopped on a mere word",
    {
      ...{ ...stopped, desired: "running", lookAt: at(-1) },
      journal: lines(...lived, ["opFailed", "running", "stopped", 1, "user-stop"]),
    },
    ["journal-has-no-gap"],
  ),
  its(
    "proof-before-start",
    "it was started from lost",
    {
      ...starting,
      ...{ generation: 2, lastGeneration: 2 },
      incarnations: [gone, { ...first, generation: 2, phase: "asked" }],
      journal: lines(
        ...lived,
        ["leaseExpired", "running", "lost", 1, "host-silent"],
        ["autoStart", "lost", "starting", 2],
      ),
    },
    ["journal-has-no-gap"],
  ),
  its("proof-before-start", "it was started under the number of the one before", {
    ...starting,
    journal: told(
      stopped,
      ["command-start", "stopped", "stopped", 1],
      ["start", "stopped", "starting", 1],
    ),
  }),
  its("fenced-with-certificate", "no certificate is for the epoch that it ran under", {
    ...failedOver,
    incarnations: [
      { ...gone, hasDeath: true },
      { ...first, generation: 2, host: "h2" },
    ],
  }),
  its("generations-in-order", "a number was skipped", { ...running, lastGeneration: 2 }),
  its("generations-in-order", "home is later than the last that was given out", {
    ...{ ...stopped, lastGeneration: 0, incarnations: [] },
  }),
  its("operation-while-on-its-way", "there is none", { ...starting, op: null }),
  its("operation-while-on-its-way", "it has no deadline", {
    ...starting,
    op: { kind: "start", since: at(1), deadline: null },
  }),
  its("operation-while-on-its-way", "one that runs is being stopped", {
    ...running,
    lookAt: at(-1),
    op: { kind: "stop", since: at(1), deadline: at(-1) },
  }),
  its("looked-at-again", "it starts and nobody comes back", { ...starting, lookAt: null }),
  its("looked-at-again", "it should run and nobody comes back", {
    ...stopped,
    desired: "running",
    journal: told(stopped, ["want-running", "stopped", "stopped", 1]),
  }),
  its("looked-at-again", "its deadline is long before the next look", {
    ...starting,
    lookAt: at(-600),
  }),
  its("found-when-due", "nobody would find it", { ...starting, dueAt: null }),
  its("found-when-due", "it would be found too late", { ...starting, dueAt: at(-61) }),
  its("nothing-overdue", "nobody looked at it", { ...stopped, lookAt: at(30) }),
  its("nothing-overdue", "its deadline has passed", {
    ...starting,
    op: { kind: "start", since: at(300), deadline: at(30) },
    lookAt: at(5),
  }),
  its("wishes-are-followed", "it runs and should be stopped", {
    ...running,
    desired: "stopped",
    journal: told(running, ["command-stop", "running", "running", 1]),
  }),
  its("journal-adds-up", "the last step is not in its journal", {
    ...running,
    journal: lines(...lived.slice(0, 3)),
  }),
  its("journal-adds-up", "its wish is not", { ...stopped, desired: "running", lookAt: at(-1) }),
  its("journal-has-no-gap", "a step in the middle is missing", {
    ...stopped,
    journal: stopped.journal.filter(({ event }) => event !== "stop"),
  }),
  its("journal-has-no-gap", "an event leads where it never does", {
    ...stopped,
    journal: told(
      stopped,
      ["budgetSpent", "stopped", "failed", 1],
      ["resourcesReady", "failed", "stopped", 1],
    ),
  }),
  its("endings-have-causes", "it was lost without a word", {
    ...running,
    state: "lost",
    ...{ lookAt: at(-60), homeState: "suspect" },
    op: { kind: "locate", since: at(1), deadline: at(-60) },
    journal: told(running, ["leaseExpired", "running", "lost", 1]),
  }),
  its("deaths-are-certified", "a panic has no certificate", {
    ...stopped,
    cause: "guest-panic",
    desired: "stopped",
    journal: lines(
      ...lived,
      ["exitObserved", "running", "stopped", 1, "guest-panic"],
      ["want-stopped", "stopped", "stopped", 1],
    ),
  }),
  its("destroyed-unless-recovered", "somebody wanted it to run", {
    ...{ ...stopped, desired: "running", lookAt: at(-1) },
    journal: told(
      stopped,
      ["command-destroy", "stopped", "stopped", 1],
      ["command-start", "stopped", "stopped", 1],
    ),
  }),
  its("job-is-open", "its job is over", {
    ...running,
    ...{ lookAt: at(-1), job: { id: "j1", state: "succeeded", isTarget: true } },
  }),
  its("job-is-open", "its job is about others", {
    ...running,
    ...{ lookAt: at(-1), job: { id: "j1", state: "running", isTarget: false } },
  }),
  its("jobs-get-somewhere", "it has stopped and still carries the job", {
    ...stopped,
    job: { id: "j1", state: "running", isTarget: true },
  }),
  its("homes-follow-hosts", "its host is silent", { ...running, homeState: "suspect" }),
  its("homes-follow-hosts", "the proof of its end is there, and it waits for one", {
    ...{ ...running, state: "lost", homeState: "down", lookAt: at(-60) },
    op: { kind: "locate", since: at(20), deadline: at(-60) },
    incarnations: [{ ...first, provenAt: at(15) }],
    journal: told(running, ["leaseExpired", "running", "lost", 1, "host-silent"]),
  }),
  its("homes-follow-hosts", "it is lost, and there is no such host", {
    ...{ ...running, state: "lost", homeState: null, lookAt: at(-60) },
    op: { kind: "locate", since: at(20), deadline: at(-60) },
    journal: told(running, ["leaseExpired", "running", "lost", 1, "host-silent"]),
  }),
  its("detached-disks-go", "it has stopped and holds on", { ...stopped, leaving: 1 }),
  its("gone-holds-nothing", "it holds an address", { ...expunged, nics: [0] }),
  its("gone-holds-nothing", "its bytes are there", {
    ...expunged,
    volume: { state: "destroyed", host: "h1", pool: "local" },
  }),
  its("there-keeps-everything", "one of its addresses was given back", { ...stopped, nics: [1] }),
  its("there-keeps-everything", "its volume is being deleted", {
    ...stopped,
    volume: { state: "expunging", host: "h1", pool: "local" },
  }),
  its("runs-where-its-volume-is", "its disk is on another host", {
    ...running,
    volume: { state: "ready", host: "h2", pool: "local" },
  }),
  its("moves-fit", "it is migrating, and there is no move", {
    ...moving,
    lastGeneration: 1,
    moves: [],
    incarnations: [first],
  }),
  its("moves-fit", "it runs, and a move is open", {
    ...moving,
    ...running,
    lastGeneration: 2,
    moves: [migration],
    incarnations: moving.incarnations,
  }),
  its("moves-fit", "a move that is over has no end", {
    ...running,
    lastGeneration: 2,
    incarnations: [first, { ...gone, generation: 2, host: "h2" }],
    moves: [{ ...migration, state: "aborted" }],
  }),

  ["capacity-adds-up", "room was given back twice", { host: [{ ...host, reservedCpus: 3 }] }],
  ["capacity-adds-up", "memory leaks", { host: [{ ...host, reservedMemoryMiB: 640 }] }],
  [
    "capacity-not-negative",
    "less than none is taken",
    { host: [{ ...host, reservedCpus: -1, needed: { cpus: -1, memoryMiB: 512 } }] },
  ],
  [
    "down-with-certificate",
    "silence was taken for death",
    {
      host: [
        {
          ...host,
          state: "down",
          epoch: 1,
          leaseEpoch: 0,
          certificates: [],
          journal: host.journal.slice(0, 3),
        },
      ],
    },
  ],
  [
    "down-with-certificate",
    "it was taken back under the epoch that is over",
    { host: [{ ...host, epoch: 1, leaseEpoch: 1 }] },
  ],
  [
    "down-with-certificate",
    "an epoch was skipped",
    { host: [{ ...host, epoch: 3, leaseEpoch: 3 }] },
  ],
  [
    "lease-of-its-epoch",
    "its lease is for the epoch before",
    { host: [{ ...host, leaseEpoch: 1 }] },
  ],
  [
    "lease-of-its-epoch",
    "one that is down could renew",
    {
      host: [
        { ...host, state: "down", epoch: 1, leaseEpoch: 1, journal: host.journal.slice(0, 3) },
      ],
    },
  ],
  [
    "certificates-prove",
    "it is not signed",
    { host: [{ ...host, certificates: [{ ...certificate, isSigned: false }] }] },
  ],
  [
    "certificates-prove",
    "its power was on",
    { host: [{ ...host, certificates: [{ ...certificate, power: "on" }] }] },
  ],
  [
    "certificates-prove",
    "nothing was seen",
    { host: [{ ...host, certificates: [{ ...certificate, evidence: 0 }] }] },
  ],
  [
    "certificates-prove",
    "the watchdog had no time to fire",
    { host: [{ ...host, certificates: [{ ...watched, boundSeconds: 9, provenAt: at(50) }] }] },
  ],
  [
    "certificates-prove",
    "it is the same boot",
    {
      host: [{ ...host, certificates: [{ ...certificate, proof: "boot-id", boots: ["a", "a"] }] }],
    },
  ],
  [
    "certificates-prove",
    "a watchdog ends no guest that only runs there",
    { host: [{ ...host, certificates: [{ ...watched, covers: "everything" }] }] },
  ],
  [
    "host-journal-adds-up",
    "a step is missing",
    { host: [{ ...host, journal: host.journal.slice(1) }] },
  ],

  ["jobs-end", "nobody carries it any more", { job: [{ ...job, carriers: 1 }] }],
  ["jobs-end", "it is over and still carried", { job: [{ ...over, carriers: 1 }] }],
  ["jobs-add-up", "it is over too early", { job: [{ ...over, succeeded: 2 }] }],
  ["jobs-add-up", "one that failed is no success", { job: [{ ...over, succeeded: 2, failed: 1 }] }],
  ["jobs-add-up", "one was counted twice", { job: [{ ...over, succeeded: 4 }] }],

  [
    "volumes-get-somewhere",
    "nobody deletes it",
    { volume: [{ ...volume, owner: null, state: "expunging" }] },
  ],
  [
    "volumes-get-somewhere",
    "nobody makes it",
    { volume: [{ ...volume, owner: null, state: "creating" }] },
  ],
  [
    "open-volumes-stay",
    "a guest's disk is restored",
    { volume: [{ ...volume, tasks: task("restore") }] },
  ],
  [
    "open-volumes-stay",
    "a guest's disk was destroyed",
    { volume: [{ ...volume, state: "destroyed" }] },
  ],
  [
    "snapshots-get-somewhere",
    "nobody makes it",
    { volume: [{ ...volume, snapshots: [{ id: "s1", state: "making", tasks: 0 }] }] },
  ],
  [
    "tasks-not-overdue",
    "it should have ended",
    { volume: [{ ...volume, tasks: task("check", at(100)) }] },
  ],
  [
    "gone-volumes-are-empty",
    "a snapshot is of it",
    {
      volume: [
        {
          ...volume,
          owner: null,
          state: "expunged",
          snapshots: [{ id: "s1", state: "ready", tasks: 0 }],
        },
      ],
    },
  ],
  [
    "made-volumes-are-somewhere",
    "nobody has made it",
    { volume: [{ ...volume, owner: null, host: null }] },
  ],

  [
    "addresses-are-given-back",
    "an expunged one holds an address",
    { network: [{ ...network, strangers: ["10.0.0.9"] }] },
  ],
  [
    "gone-networks-hold-nothing",
    "it has a public address",
    { network: [{ ...network, isDeleted: true, nics: 0, forwards: 0, guests: 0, router: null }] },
  ],
  [
    "routers-rise",
    "a generation was given twice",
    { network: [{ ...network, routerGenerations: [1, 2, 2] }] },
  ],
  ["routers-follow-guests", "nobody is left", { network: [{ ...network, guests: 0 }] }],
  [
    "automatic-addresses-follow-guests",
    "its instance is stopped",
    { network: [{ ...network, idleAddresses: ["192.0.2.1"] }] },
  ],

  [
    "given-over-hosts-are-empty",
    "somebody is still there",
    { work: [{ ...work, lodgers: ["web"] }] },
  ],
  [
    "work-is-known-to-placement",
    "things are placed there",
    { work: [{ ...work, state: "emptying", mode: "enabled" }] },
  ],
  [
    "work-begins-and-ends",
    "it has not begun",
    { work: [{ ...work, state: "planned", mode: "enabled" }] },
  ],
  [
    "ended-work-leaves-nothing",
    "one waits for its host for ever",
    { work: [{ ...work, state: "ended", mode: "enabled", stranded: ["web"] }] },
  ],
];

for (const [rule, what, sights, also = []] of planted)
  test(`${rule} names it where ${what}`, () => {
    const broken = judge({ ...none, ...sights }, moment);
    const names = new Set(broken.map((one) => one.rule));
    const said = broken.map((one) => `${one.rule}: ${one.says}`).join("\n");
    assert.deepEqual(names, new Set([rule, ...also]), said);
  });

test("every rule has a violation that was planted for it, and a name of its own", () => {
  const names = ruleList.map(({ name }) => name);
  assert.deepEqual(
    names.filter((name) => !planted.some(([rule]) => rule === name)),
    [],
  );
  assert.equal(new Set(names).size, names.length);
});
