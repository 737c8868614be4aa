/** What people read, to the letter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lifecycle, transitional } from "@holdfast/cloud/instances";
import { type Instant, milliseconds } from "@holdfast/kernel/time";
import { aCertificate, aPlan } from "../fake-fencing.ts";
import {
  aHost,
  aJob,
  anEvent,
  anExplanation,
  anImage,
  anInstance,
  aSetting,
  moment,
  tiny,
} from "../samples.ts";
import { certificateTable, certificateText, planText } from "./availability.ts";
import { imageDetails, imageTable, settingTable, typeTable } from "./catalogue.ts";
import { explanation, hostTable } from "./fleet.ts";
import { deadlineActions, instanceDetails, instanceSummary, instanceTable } from "./instances.ts";
import { jobDetails, jobTable, verdict } from "./jobs.ts";
import { eventLine, freshLines, logLine } from "./lines.ts";
import { problemText } from "./problems.ts";
import { ansiPaint, noPaint, table } from "./table.ts";
import { bytes, clockTime, deadline, memory, plain, relative, span } from "./words.ts";

const golden = (text: string, ...lines: readonly string[]) => assert.equal(text, lines.join("\n"));

test("spans, moments and sizes are said as people say them", () => {
  const spans = [400, 43_000, 119_000, 720_000, 18_000_000, 800_000_000].map((ms) =>
    span(milliseconds(ms)),
  );
  assert.deepEqual(spans, ["0 s", "43 s", "119 s", "12 min", "5 h", "9 days"]);
  const now = 1_000_000 as Instant;
  assert.deepEqual(
    [relative(1_043_000, now), relative(957_000, now), relative(1_000_200, now)],
    ["in 43 s", "43 s ago", "now"],
  );
  assert.deepEqual(
    [deadline(1_043_000, now), deadline(995_000, now)],
    ["in 43 s", "overdue by 5 s"],
  );
  assert.deepEqual(
    [memory(512), memory(1_536), memory(16_384), memory(1 << 20)],
    ["512 MiB", "1.5 GiB", "16 GiB", "1 TiB"],
  );
  assert.deepEqual([bytes(0), bytes(900), bytes(4 << 20)], ["0 B", "900 B", "4 MiB"]);
});

test("nothing that a terminal would obey gets through from a guest", () => {
  const nasty =
    "\u001b]0;title\u0007a\u001b[31mb\u001b[0m\rc\td\u0000\u009b\u202ee\u001b]8;;x\u001b\\f";
  assert.equal(plain(nasty), "abc\tdef");
});

test("a table aligns text to the left and numbers to the right, and colour has no width", () => {
  const rows = [
    ["web", "1", { text: "running", tone: "good" }],
    ["database", "12", "-"],
  ] as const;
  golden(
    table(["NAME", "N", "STATE"], rows, noPaint),
    "NAME       N  STATE",
    "web        1  running",
    "database  12  -",
  );
  golden(
    table(["NAME", "N", "STATE"], rows, ansiPaint).split("\n")[1] ?? "",
    "web        1  \u001b[32mrunning\u001b[0m",
  );
});

const starting = anInstance({
  name: "db",
  state: "starting",
  guest: "booting",
  begun: null,
  upAt: null,
  op: {
    kind: "start",
    step: "waiting for the host to confirm the start",
    since: moment - 17_000,
    deadline: moment + 43_000,
    attempt: 0,
  },
  job: aJob().id,
});
const failed = anInstance({
  name: "cache",
  state: "failed",
  guest: null,
  begun: null,
  upAt: null,
  host: null,
  generation: 3,
  cause: {
    class: "launch-failed",
    says: "The kernel of the image is missing.",
    at: moment - 60_000,
    problem: {
      kind: "unavailable",
      code: "kernel_missing",
      message: "No kernel.",
      fix: "Import the image again.",
    },
  },
});

test("the list of instances shows what is under way, and until when", () => {
  golden(
    instanceTable([anInstance(), starting, failed], moment, noPaint),
    "NAME   STATE     GUEST    TYPE  IMAGE  HOST  AGE    UNDER WAY                                           ID",
    "web    running   up       tiny  tiny   h1    3 min                                                      0197a000-0000-7000-8000-0000000000a1",
    "db     starting  booting  tiny  tiny   h1    3 min  waiting for the host to confirm the start, in 43 s  0197a000-0000-7000-8000-0000000000a1",
    "cache  failed    -        tiny  tiny   -     3 min                                                      0197a000-0000-7000-8000-0000000000a1",
  );
  assert.equal(instanceSummary([starting, starting, failed]), "3 instances: 2 starting, 1 failed");
});

test("show says what is under way, since when, until when, and what happens then", () => {
  golden(
    instanceDetails(starting, moment, noPaint),
    "db  starting",
    "  wanted     running",
    "  under way  start: waiting for the host to confirm the start",
    "  begun      17 s ago",
    "  deadline   in 43 s",
    "  then       the start is ended, and tried again on another host while the budget lasts",
    "  host       h1",
    "  guest      booting: it has not said that it is ready",
    "  job        0197a000-0000-7000-8000-0000000000c1",
    "  id         0197a000-0000-7000-8000-0000000000a1",
    "  project    default",
    "  type       tiny (1 cpu, 128 MiB)",
    "  image      tiny",
    "  volume     0197a000-0000-7000-8000-0000000000b1",
    "  zone       any",
    "  protected  no",
    "  launched   1 time",
    "  created    3 min ago",
  );
});

test("show tells pool, recovery, priority and dependencies where they are not the usual ones", () => {
  const text = instanceDetails(
    anInstance({ pool: "shared", recovery: "elsewhere", priority: 10, dependsOn: ["db", "lb"] }),
    moment,
    noPaint,
  );
  assert.match(
    text,
    /pool +shared\n +recovery +elsewhere: on another host if there is one\n +priority +10\n +depends on +db, lb\n/,
  );
});

test("a plan says how the death would be proven, where each would go, and which cannot", () => {
  golden(
    planText(aPlan, noPaint),
    "If h1 died now, 1 of 2 instances would be started elsewhere.",
    "  proof  its power read back as off, soon after 5 s; counted from its last word",
    "",
    "INSTANCE  PROJECT  PRIORITY  GOES TO  WHY",
    "db        default        10  h2       chosen as a restart would choose",
    "web       default         0  nowhere  its volume is on the disks of this host: it waits until that is back",
  );
  assert.match(
    planText({ ...aPlan, moves: [] }, noPaint),
    /^If h1 died now, no instance would be lost\.\n {2}proof/,
  );
});

test("a fence certificate says what was proven, how soon, and what was seen", () => {
  const certificate = aCertificate(moment);
  golden(
    certificateTable([certificate], moment, noPaint),
    "HOST  EPOCH  PROVEN    AFTER  PROOF      COVERS      ID",
    "h2        3  60 s ago  8 s    power-off  everything  0197a000-0000-7000-8000-0000000000f1",
  );
  golden(
    certificateText(certificate, moment, noPaint),
    "h2, epoch 3: its power was read back as off",
    "  proof         power-off",
    "  covers        every guest of that epoch",
    "  silent since  2026-11-21T09:58:52.500Z, 68 s ago",
    `  proven        ${clockTime(certificate.provenAt)}, 8 s later`,
    "  by            manager manager-1",
    "  host          0197a000-0000-7000-8000-0000000000d2",
    "  id            0197a000-0000-7000-8000-0000000000f1",
    "  signature     MEUCIQ==",
    "",
    "Evidence",
    "  controller  https://bmc-2/redfish/v1/Systems/1",
    "  power       off",
  );
  const covers = certificateText({ ...certificate, covers: "shared" }, moment, noPaint);
  assert.match(covers, /covers +guests on shared pools; those on its own disks were left alone/);
});

test("show says why an instance is where nobody wanted it, and what to do", () => {
  const text = instanceDetails(failed, moment, noPaint);
  assert.match(
    text,
    /cause +The kernel of the image is missing\. \(launch-failed, 60 s ago\)\n +fix +Import the image again\./,
  );
  assert.match(text, /host +on none\n +guest +does not run/);
});

test("show says when a destroyed instance is gone for good", () => {
  const text = instanceDetails(
    anInstance({
      state: "destroyed",
      desired: "destroyed",
      host: null,
      guest: null,
      begun: null,
      upAt: null,
      destroyedAt: moment - 5_000,
      nextLook: moment + 3_600_000,
    }),
    moment,
    noPaint,
  );
  assert.match(
    text,
    /next look +in 60 min: its volume is deleted; until then `holdfast recover` takes it back/,
  );
});

test("every state that has a deadline says what happens when it passes, and the lifecycle agrees", () => {
  assert.deepEqual(new Set(Object.keys(deadlineActions)), transitional);
  const becomes = (state: "provisioning" | "starting") => lifecycle.next(state, "deadlinePassed");
  assert.match(
    deadlineActions.provisioning ?? "",
    new RegExp(`becomes ${becomes("provisioning")}`),
  );
  assert.equal(becomes("starting"), "stopping");
});

test("a job says how far it is and what became of it", () => {
  const over = aJob({
    kind: "stop",
    state: "failed",
    total: 3,
    succeeded: 2,
    failed: 1,
    finishedAt: moment - 4_000,
    problem: {
      kind: "unavailable",
      code: "host_unreachable",
      message: "h2 is away.",
      fix: "Wait.",
    },
  });
  golden(
    jobTable([aJob(), over], moment, noPaint),
    "ID                                    KIND  STATE    DONE  ASKED     TOOK  BY        PROBLEM",
    "0197a000-0000-7000-8000-0000000000c1  run   running  0/1   12 s ago  12 s  operator",
    "0197a000-0000-7000-8000-0000000000c1  stop  failed   2/3   12 s ago  8 s   operator  h2 is away.",
  );
  golden(
    jobDetails(over, moment, noPaint),
    "stop  failed",
    "  id         0197a000-0000-7000-8000-0000000000c1",
    "  done       2 of 3 done, 1 failed",
    "  asked      12 s ago by operator",
    "  took       8 s",
    "  instances  0197a000-0000-7000-8000-0000000000a1",
    "  problem    h2 is away.",
    "  fix        Wait.",
    "  more       docs/problems/host_unreachable.md",
    "  request    req-1",
  );
  assert.equal(verdict(over), "stop failed: 2 of 3 done, 1 failed");
  assert.equal(
    verdict(aJob({ state: "succeeded", finishedAt: moment - 9_000 })),
    "run done in 3.0 s",
  );
});

test("the fleet is a table, and what needs more words stands below it", () => {
  const away = aHost({
    name: "h2",
    state: "suspect",
    isConnected: false,
    concerns: ["disk sda reports 12 bad sectors"],
    hasGuard: false,
    watchdog: null,
    pools: ["shared", "fast"],
    power: "The BMC at bmc-2 does not answer.",
    acceleration: null,
  });
  const off = aHost({
    name: "h3",
    state: "down",
    hasGuard: null,
    watchdog: "simulated",
    power: "off",
  });
  golden(
    hostTable([aHost(), away, off], moment, noPaint),
    "NAME  STATE    MODE     PLACE                    CPUS  MEMORY          INSTANCES  TAGS  POOLS        WATCHDOG   POWER  AGENT",
    "h1    up       enabled  default/default/default  2/8   1.5 GiB/16 GiB          2  ssd   -            none       -      connected",
    "h2    suspect  enabled  default/default/default  2/8   1.5 GiB/16 GiB          2  ssd   shared,fast  ?          ?      last heard 1 s ago",
    "h3    down     enabled  default/default/default  2/8   1.5 GiB/16 GiB          2  ssd   -            simulated  off    connected",
    "",
    "h1, h3: QEMU 7.2, tcg: /dev/kvm is there, but a probe guest did not boot in 5 s",
    "h2: its guard does not answer its agent",
    "h2: its power controller: The BMC at bmc-2 does not answer.",
    "h2: avoided while others have room: disk sda reports 12 bad sectors",
  );
});

test("a fleet without tags and pools has no columns for them, and a note on many hosts names a few", () => {
  const hosts = ["h1", "h2", "h3", "h4", "h5", "h6", "h7"].map((name) => aHost({ name, tags: [] }));
  const [head, ...rest] = hostTable(hosts, moment, noPaint).split("\n");
  assert.equal(
    head,
    "NAME  STATE  MODE     PLACE                    CPUS  MEMORY          INSTANCES  WATCHDOG  POWER  AGENT",
  );
  assert.match(rest.at(-1) ?? "", /^h1, h2, h3, h4, h5 and 2 more: QEMU 7\.2, tcg: /);
});

const verdicts = [
  "HOST  VERDICT   RULE        HAVE     NEED      SHORT BY  NOTE",
  "h1    rejected  cpu         2 cpus   4 cpus    2 cpus",
  "                memory      512 MiB  4096 MiB  3584 MiB",
  "h2    rejected  host-state  suspect  up                  concern: disk sda reports 12 bad sectors",
  "",
  "What would help, nearest first:",
  "  bring h2 up",
] as const;

test("a refused placement shows each host with rule, have, need and short by", () => {
  golden(explanation(anExplanation, noPaint), "No host can take it (spread).", "", ...verdicts);
});

test("a placement that is found names the host and why it is best", () => {
  const [first] = anExplanation.hosts;
  const hosts = first
    ? [{ ...first, verdict: "chosen" as const, merit: "6 cpus left", rejections: [] }]
    : [];
  golden(
    explanation({ ...anExplanation, chosen: "x", hosts, nearestFixes: [] }, noPaint),
    "It would go to h1 (spread).",
    "",
    "HOST  VERDICT  RULE  HAVE  NEED  SHORT BY  NOTE",
    "h1    chosen                               6 cpus left",
  );
});

test("an error says what happened, what is wrong where, and what to type next", () => {
  const problem = {
    code: "invalid_request",
    message: "The request is not valid.",
    fix: "holdfast help run",
    faults: [{ field: "body.diskGiB", reason: "must be at least 1" }],
    retryAfterSeconds: 3,
  };
  golden(
    problemText(problem, "req-1", noPaint),
    "error: The request is not valid.",
    "  FIELD    REASON",
    "  diskGiB  must be at least 1",
    "next:    holdfast help run",
    "retry:   in 3 s",
    "request: req-1",
    "more:    docs/problems/invalid_request.md",
  );
});

test("a refusal for want of room brings its table with it", () => {
  const { hosts, summary, nearestFixes } = anExplanation;
  const code = "insufficient_capacity";
  const message = "No host can take 4 cpus.";
  golden(
    problemText(
      {
        code,
        message,
        fix: "Bring h2 up, then ask again.",
        facts: { hosts, summary, nearestFixes },
      },
      "r",
      noPaint,
    ),
    "error: No host can take 4 cpus.",
    "",
    ...verdicts,
    "",
    "next:    Bring h2 up, then ask again.",
    "request: r",
    "more:    docs/problems/insufficient_capacity.md",
  );
  const blind = problemText(
    { code, message, facts: { summary, hosts: "none of your business" } },
    "r",
    noPaint,
  );
  assert.match(blind, /RULE {2}HOSTS REFUSED\ncpu {15}1\n/);
});

test("types, images and settings are tables, and long meanings are wrapped", () => {
  golden(
    typeTable([tiny], noPaint),
    "NAME  CPUS  MEMORY   DISK   DISK SPEED",
    "tiny     1  128 MiB  1 GiB  unlimited",
  );
  golden(
    imageTable([anImage], moment, noPaint),
    "NAME  STATE  DISK   FOR        AGE         SOURCE  PROBLEM",
    "tiny  ready  1 GiB  everybody  60 min ago  built",
  );
  assert.match(
    imageDetails(
      {
        ...anImage,
        state: "failed",
        problem: { kind: "invalid", code: "image_invalid", message: "It is not an image." },
      },
      moment,
      noPaint,
    ),
    /^tiny {2}failed\n(.|\n)*problem +It is not an image\.$/,
  );
  golden(
    settingTable([aSetting], 90, noPaint),
    "NAME                  VALUE  DEFAULT  UNIT  MEANING",
    "instances.stop_grace     30       60  s     How long a guest may take to shut down after it",
    "                                            was asked to, before its process is ended.",
  );
});

test("a line of the journal shows the move, who made it and why", () => {
  const at = clockTime(moment);
  assert.equal(
    eventLine(anEvent, noPaint),
    `${at}  bootConfirmed           starting -> running       by holdfast`,
  );
  const detail = { cause: { says: "QEMU was killed with SIGKILL." } };
  assert.match(
    eventLine({ ...anEvent, detail }, noPaint),
    /by holdfast {2}QEMU was killed with SIGKILL\.$/,
  );
  assert.equal(logLine({ at: moment, text: "\u001b[2Jhello" }, noPaint), `${at}  hello`);
});

test("following a log prints each line once, also when the window has moved on", () => {
  const lines = (...texts: string[]) => texts.map((text) => ({ at: 1, text }));
  const fresh = (before: string[], after: string[]) =>
    freshLines(lines(...before), lines(...after)).map(({ text }) => text);
  assert.deepEqual(fresh(["a", "b"], ["a", "b"]), []);
  assert.deepEqual(fresh(["a", "b"], ["a", "b", "c"]), ["c"]);
  assert.deepEqual(fresh(["a", "b", "c"], ["b", "c", "d", "e"]), ["d", "e"]);
  assert.deepEqual(fresh(["a", "a"], ["a", "a", "a"]), ["a"]);
  assert.deepEqual(
    fresh(["a"], ["x", "y"]),
    ["x", "y"],
    "nothing in common: more was written than fits",
  );
  assert.deepEqual(fresh([], ["a"]), ["a"]);
});
