/** What a drill prints. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { reportOf } from "./report.ts";
import { catalogueText, reportText } from "./text.ts";

const outcome = {
  instance: "web",
  timeline: { detected: 4_412, cause: 5_100, proof: 5_080, launched: 5_750, up: 10_000 },
  named: "host-failure",
  says: "Its host died.",
  confidence: "certain",
  isRight: true,
  from: "host-1",
  to: "host-2",
};

test("steps are told in the order in which they happened, each with its time after the one before", () => {
  const report = reportOf("host-cut", "host-1", {
    injectedAt: 1,
    outcomes: [outcome],
    back: 10_496,
    isAsExpected: true,
  });
  assert.equal(
    reportText(report),
    [
      "host-cut on host-1: as expected (the cause is host-failure)",
      "  web, on host-2 and no longer on host-1",
      "    detected                4.412 s",
      "    host proven dead        5.080 s  +0.668",
      "    cause known             5.100 s  +0.020",
      "    runs again              5.750 s  +0.650",
      "    guest up again         10.000 s  +4.250",
      "    named                 host-failure (certain): right. Its host died.",
      "  host back                10.496 s",
    ].join("\n"),
  );
});

test("a cause that is wrong, and a guest that is not back, cannot be overlooked", () => {
  const report = reportOf("qemu-kill", "web", {
    injectedAt: 1,
    outcomes: [
      {
        ...outcome,
        ...{ timeline: { detected: 30 }, named: "qemu-crash", isRight: false, to: null },
        stuck: "failed: QEMU died of SIGSEGV.",
      },
    ],
    isAsExpected: false,
  });
  const text = reportText(report);
  assert.match(text, /^qemu-kill on web: NOT as expected/);
  assert.match(text, /named +qemu-crash \(certain\): WRONG\./);
  assert.match(text, /NOT up again: it is failed: QEMU died of SIGSEGV\./);
});

test("guests that were not to notice say what they have noticed", () => {
  const report = reportOf("agent-kill", "host-1", {
    injectedAt: 1,
    witnesses: [
      { name: "web", spoke: true, faults: [] },
      { name: "db", spoke: false, faults: ["it was started again (generation 3)"] },
    ],
    noticed: 95,
    isAsExpected: false,
  });
  const text = reportText(report);
  assert.match(text, /seen to be away +0\.095 s/);
  assert.match(text, /It did NOT come back\./);
  assert.match(text, /web: has not noticed, and remembers what it was told/);
  assert.match(text, /db: it was started again \(generation 3\)/);
});

test("the list of drills says what each is on, and what must come out", () => {
  const lines = catalogueText().split("\n");
  assert.ok(lines.length >= 13);
  assert.match(
    catalogueText(),
    /^ {2}host-cut +HOST +the host's network is cut.*; the cause is host-failure$/m,
  );
  assert.match(catalogueText(), /^ {2}manager-kill +the manager is killed.*; no guest notices$/m);
});
