/** What a look is worth, what looks in a row come to, when an alarm rings, and what is shown of silence. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineLook } from "@holdfast/cloud/hosts";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, milliseconds, seconds } from "@holdfast/kernel/time";
import { advance, present, summarize } from "./advance.ts";
import { evaluate, retryPause, worst } from "./alarm.ts";
import { judge, type Sight } from "./judge.ts";
import type { Checks, Limits, Subject, Verdict, Verdicts } from "./model.ts";
import { inOrder, nobodyElse, type Trouble, visible } from "./trouble.ts";

const limits: Limits = {
  interval: seconds(10),
  failures: 2,
  bootTimeout: seconds(180),
  stalledIo: seconds(5),
  storageLatency: seconds(2),
};
const now = 1_000_000 as Instant;
const later = (wait: number) => (now + wait * 1_000) as Instant;

const look: MachineLook = {
  instance: "i" as InstanceId,
  generation: 1,
  guest: "up",
  bootedFor: 60_000,
  bootedBy: "launch",
  answeredIn: 1,
  runState: "running",
  agent: "answers",
  disk: { inFlight: 0, stalledFor: 0, failed: 0 },
};
const sight = (change: Partial<MachineLook> = {}, more: Partial<Sight> = {}): Sight => ({
  subject: { name: "web", image: { saysReady: true, bootSeconds: null } },
  host: "h1",
  look: { ...look, ...change },
  storage: { pool: "local", took: 3 },
  limits,
  ...more,
});
const words = ({ system, instance, volume }: Verdicts) => [system.is, instance.is, volume.is];

const [good, bad, dark, fresh] = ["passed", "failed", "insufficient-data", "initializing"] as const;
const silentImage = { subject: { name: "web", image: { saysReady: false, bootSeconds: null } } };

const looks: readonly (readonly [string, Sight, readonly string[]])[] = [
  ["all is well", sight(), [good, good, good]],
  ["it has no agent", sight({ agent: "none" }), [good, good, good]],
  ["its hypervisor is frozen", sight({ answeredIn: null, runState: null }), [bad, dark, dark]],
  [
    "its storage cannot be written",
    sight({}, { storage: { pool: "local", took: 1, problem: "EROFS" } }),
    [bad, good, good],
  ],
  [
    "its storage is slow",
    sight({}, { storage: { pool: "local", took: 2_001 } }),
    [bad, good, good],
  ],
  ["its storage was not tried", sight({}, { storage: undefined }), [good, good, good]],
  ["its hypervisor broke", sight({ runState: "internal-error" }), [bad, good, good]],
  ["it panicked", sight({ guest: "panicked", runState: "guest-panicked" }), [good, bad, good]],
  ["it is paused", sight({ guest: "paused", runState: "paused" }), [good, dark, good]],
  [
    "a disk error stopped it",
    sight({ guest: "io-error", runState: "io-error" }),
    [good, dark, bad],
  ],
  ["its agent fell silent", sight({ agent: "silent" }), [good, bad, good]],
  [
    "it is booting",
    sight({ guest: "booting", agent: "none", bootedFor: 9_000 }),
    [good, fresh, good],
  ],
  [
    "it boots too long",
    sight({ guest: "booting", agent: "none", bootedFor: 180_000 }),
    [good, bad, good],
  ],
  [
    "its watchdog fired",
    sight({ guest: "booting", agent: "none", bootedFor: 2_000, bootedBy: "watchdog" }),
    [good, bad, good],
  ],
  ["it is up again after its watchdog fired", sight({ bootedBy: "watchdog" }), [good, good, good]],
  [
    "an image that says nothing runs",
    sight({ guest: "booting", agent: "none", bootedFor: 900_000 }, silentImage),
    [good, good, good],
  ],
  [
    "an image that says nothing was just reset by its watchdog",
    sight({ guest: "booting", agent: "none", bootedFor: 900, bootedBy: "watchdog" }, silentImage),
    [good, bad, good],
  ],
  [
    "… and that was a while ago",
    sight(
      { guest: "booting", agent: "none", bootedFor: 90_000, bootedBy: "watchdog" },
      silentImage,
    ),
    [good, good, good],
  ],
  [
    "its disk stands still",
    sight({ disk: { inFlight: 1, stalledFor: 5_000, failed: 0 } }),
    [good, good, bad],
  ],
  [
    "its disk is merely busy",
    sight({ disk: { inFlight: 128, stalledFor: 4_999, failed: 0 } }),
    [good, good, good],
  ],
  [
    "its disk failed",
    sight({ disk: { inFlight: 0, stalledFor: 0, failed: 1 } }),
    [good, good, bad],
  ],
];

test("each fault fails the check that it is a fault of, and no other", () => {
  for (const [what, seen, expected] of looks) assert.deepEqual(words(judge(seen)), expected, what);
});

test("whatever has failed says what was seen and what to do", () => {
  for (const [what, seen] of looks)
    for (const verdict of Object.values(judge(seen)) as Verdict[]) {
      assert.ok(verdict.says.endsWith("."), `${what}: ${verdict.says}`);
      assert.equal(verdict.fix !== undefined, verdict.is === "failed", what);
    }
});

/** The same verdict for all three. */
const each = (is: Verdict["is"]): Verdicts => {
  const verdict = { is, says: is, ...(is === "failed" ? { fix: "mend it" } : {}) };
  return { system: verdict, instance: verdict, volume: verdict };
};

/** One look every ten seconds. */
function after(story: readonly Verdict["is"][]): Checks {
  let checks: Checks | undefined;
  for (const [index, is] of story.entries())
    checks = advance(checks, each(is), limits, later(index * 10));
  assert.ok(checks);
  return checks;
}

test("two failures in a row fail a check, one success makes it pass again", () => {
  const table: readonly (readonly [readonly Verdict["is"][], string, number | undefined])[] = [
    [[good], good, undefined],
    [[bad], fresh, 0],
    [[good, bad], good, 10],
    [[good, bad, bad], bad, 10],
    [[good, bad, good, bad], good, 30],
    [[bad, bad, bad, bad], bad, 0],
    [[bad, bad, good], good, undefined],
    [[bad, bad, good, bad, bad], bad, 30],
    [[bad, bad, dark], dark, undefined],
    [[bad, dark, bad], dark, 20],
    [[fresh, good], good, undefined],
  ];
  for (const [story, status, since] of table) {
    const { system } = after(story);
    assert.equal(system.status, status, story.join(" "));
    assert.equal(
      system.impairedSince,
      since === undefined ? undefined : later(since),
      story.join(" "),
    );
  }
});

test("a status keeps the moment at which it became what it is", () => {
  assert.equal(after([good, bad, bad, bad]).system.changedAt, later(20));
  assert.equal(after([good, good, good]).system.changedAt, now);
});

test("the summary is EC2's", () => {
  const with3 = (a: Verdict["is"], b: Verdict["is"], c: Verdict["is"]) => {
    const of = (is: Verdict["is"]) => after(is === bad ? [bad, bad] : [is]).system;
    return summarize({ system: of(a), instance: of(b), volume: of(c) });
  };
  assert.equal(with3(good, good, good), "ok");
  assert.equal(with3(good, bad, good), "impaired");
  assert.equal(with3(bad, dark, dark), "impaired");
  assert.equal(with3(good, fresh, good), "initializing");
  assert.equal(with3(good, dark, good), "insufficient-data");
});

const host = { name: "h1", state: "up", unheardFor: seconds(1), uncheckedFor: seconds(9) } as const;
const subject = (change: Partial<Subject> = {}): Subject => ({
  name: "web",
  state: "running",
  image: { saysReady: true, bootSeconds: null },
  host,
  ...change,
});
const shown = (about: Subject, known: Checks | undefined) => {
  const { summary, checks } = present(about, known, limits, later(60));
  return [summary, checks.system.status, checks.instance.status, checks.volume.status];
};

test("silence is a failure of the system, and nothing is known of the rest", () => {
  const well = after([good]);
  const silent = (unheard: number, state: "suspect" | "down") =>
    subject({
      state: "lost",
      host: { ...host, state, unheardFor: seconds(unheard), uncheckedFor: seconds(unheard) },
    });
  assert.deepEqual(shown(subject(), well), ["ok", good, good, good]);
  assert.deepEqual(shown(silent(6, "suspect"), well), ["ok", good, good, good]); // Not for two looks yet.
  assert.deepEqual(shown(silent(20, "suspect"), well), ["impaired", bad, dark, dark]);
  assert.deepEqual(shown(silent(20, "down"), undefined), ["impaired", bad, dark, dark]);
  const { checks } = present(silent(25, "suspect"), well, limits, later(60));
  assert.equal(checks.system.impairedSince, later(35));
});

test("a host that is heard and sends no checkups leaves everything unknown, one round late does not", () => {
  const well = after([good]);
  const unchecked = (away: number) => subject({ host: { ...host, uncheckedFor: seconds(away) } });
  assert.deepEqual(shown(unchecked(29), well), ["ok", good, good, good]);
  assert.deepEqual(shown(unchecked(31), well), ["insufficient-data", dark, dark, dark]);
});

test("what does not run has nothing to check, and what has just been launched is initializing", () => {
  const well = after([good]);
  for (const state of ["stopped", "failed", "destroyed", "provisioning"] as const)
    assert.equal(shown(subject({ state, host: undefined }), well)[0], "not-applicable", state);
  assert.equal(shown(subject({ state: "stopping" }), well)[0], "not-applicable");
  assert.deepEqual(shown(subject({ state: "starting" }), undefined), [
    "initializing",
    fresh,
    fresh,
    fresh,
  ]);
});

test("a failure that does not count yet is told, and does not look like one that does", () => {
  const { checks, summary } = present(subject(), after([good, bad]), limits, later(20));
  assert.equal(summary, "ok");
  assert.deepEqual(
    [checks.system.status, checks.system.impairedSince, checks.system.fix],
    [good, undefined, undefined],
  );
  assert.match(checks.system.says, /does not count yet/);
});

test("an alarm rings after its periods, stays while nothing is known, and is over when its check passes", () => {
  const rule = { check: "instance", periods: 3 } as const;
  const seen = (story: readonly Verdict["is"][]) => {
    const checks = after(story);
    return { checks, summary: summarize(checks) };
  };
  const failing = seen([bad, bad]); // Failed since second 10.
  assert.equal(evaluate(rule, failing, limits, later(29)), undefined);
  assert.deepEqual(evaluate(rule, failing, limits, later(30)), { state: "alarm", by: "instance" });
  assert.deepEqual(evaluate({ ...rule, periods: 1 }, failing, limits, later(10)), {
    state: "alarm",
    by: "instance",
  });
  assert.equal(evaluate(rule, seen([bad, bad, fresh]), limits, later(30)), undefined);
  assert.deepEqual(evaluate(rule, seen([bad, bad, good]), limits, later(30)), { state: "ok" });
  assert.deepEqual(evaluate(rule, seen([dark]), limits, later(30)), { state: "insufficient-data" });
  const { checks } = failing;
  assert.deepEqual(evaluate(rule, { checks, summary: "not-applicable" }, limits, later(99)), {
    state: "insufficient-data",
  });
});

test("an alarm on any check names the one that failed, and is over when all pass", () => {
  const well = after([good]);
  const mixed = { ...well, volume: after([bad, bad]).volume };
  const any = { check: "any", periods: 1 } as const;
  assert.deepEqual(evaluate(any, { checks: mixed, summary: "impaired" }, limits, later(10)), {
    state: "alarm",
    by: "volume",
  });
  assert.deepEqual(
    evaluate(
      { check: "system", periods: 1 },
      { checks: mixed, summary: "impaired" },
      limits,
      later(10),
    ),
    { state: "ok" },
  );
  assert.deepEqual(evaluate(any, { checks: well, summary: "ok" }, limits, later(10)), {
    state: "ok",
  });
  assert.deepEqual(
    [worst([]), worst(["insufficient-data", "ok"]), worst(["ok", "alarm"])],
    ["insufficient-data", "ok", "alarm"],
  );
});

test("pauses double from one second to five minutes", () => {
  assert.deepEqual(
    [1, 2, 3, 9, 30].map((attempts) => retryPause(attempts)),
    [1_000, 2_000, 4_000, 256_000, 300_000].map(milliseconds),
  );
});

test("troubles come the worst first and the oldest of those, and a project sees only its own", () => {
  const trouble = (
    name: string,
    severity: Trouble["severity"],
    since: number,
    project?: string,
  ): Trouble => ({
    code: "check-failed",
    severity,
    subject: { kind: "instance", id: name, name },
    project: project as Trouble["project"],
    since: later(since),
    says: "",
    affects: nobodyElse,
    doing: "",
    fix: undefined,
  });
  const all = [
    trouble("a", "risk", 0),
    trouble("b", "outage", 9, "p"),
    trouble("c", "outage", 3),
    trouble("d", "degraded", 0, "q"),
  ];
  assert.deepEqual(
    inOrder(all).map(({ subject: { name } }) => name),
    ["c", "b", "d", "a"],
  );
  assert.deepEqual(
    visible(all, "p" as never).map(({ subject: { name } }) => name),
    ["b"],
  );
  assert.equal(visible(all, undefined).length, 4);
});
