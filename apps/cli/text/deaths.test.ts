/** A certificate as somebody reads it who has just lost a guest. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { DeathView, WhyView } from "@holdfast/cloud/deaths/api";
import { moment } from "../samples.ts";
import { deathTable, whyText } from "./deaths.ts";
import { noPaint } from "./table.ts";
import { clockTime } from "./words.ts";

const at = moment - 90_000;
const death: DeathView = {
  instance: "0197a000-0000-7000-8000-0000000000a1",
  name: "web",
  project: "default",
  generation: 3,
  host: { id: "0197a000-0000-7000-8000-0000000000d1", name: "h1" },
  at,
  recordedAt: at + 40,
  cause: "guest-panic",
  layer: "application",
  says: "Its kernel panicked: kernel NULL pointer dereference in frobnicate.",
  confidence: "likely",
  evidence: [
    { at: at - 20, source: "hypervisor", says: "The guest's kernel reported a panic." },
    {
      at,
      source: "guest console",
      says: "Kernel panic - not syncing: Fatal exception in interrupt, and a sentence that is too long for one line\u001b[2J",
    },
  ],
  sought: [
    { what: "the shutdown reason guest-panic", found: false, why: "it is the best witness" },
  ],
  console: ["BUG: kernel NULL pointer dereference\u0007"],
  panic: {
    class: "null-dereference",
    title: "kernel NULL pointer dereference in frobnicate",
    function: "frobnicate",
    module: "widget",
    because: "widget is not part of the image.",
  },
  recovery: "in-place",
  fence: null,
  amended: null,
  did: [
    { at: at + 40, says: "Knew of it and its cause 0.0 s after its end." },
    { at: at + 600, says: "Started it again as generation 4 on h1, 0.6 s after its end." },
  ],
  next: "Read the trace: holdfast log web.",
};
const why: WhyView = {
  instance: death.instance,
  name: "web",
  state: "running",
  desired: "running",
  generation: 4,
  says: death.says,
  order: null,
  death,
};
const clock = (ago: number) => clockTime(at + ago);

test("the cause comes first, the next thing to do last, and nothing of the guest's reaches the terminal", () => {
  assert.equal(
    whyText(why, moment, noPaint),
    `web, generation 3: guest-panic
Its kernel panicked: kernel NULL pointer dereference in frobnicate.

  when       ${clock(0)}, 90 s ago
  where      h1
  layer      application
  certainty  likely: it rests on one witness, or something speaks against it
  fault      null-dereference, frobnicate in widget
  verdict    widget is not part of the image.

Evidence
  ${clock(-20)}  hypervisor     The guest's kernel reported a panic.
  ${clock(0)}  guest console  Kernel panic - not syncing: Fatal exception in interrupt, and a
                               sentence that is too long for one line

Last words on its console
  | BUG: kernel NULL pointer dereference

Sought and not found
  - the shutdown reason guest-panic: it is the best witness

What Holdfast did
  ${clock(40)}  Knew of it and its cause 0.0 s after its end.
  ${clock(600)}  Started it again as generation 4 on h1, 0.6 s after its end.

Next
  Read the trace: holdfast log web.`,
  );
});

test("an instance that is well, or was stopped, has one line", () => {
  const well = { ...why, death: null, says: "web has not died." };
  assert.equal(whyText(well, moment, noPaint), "web has not died. It is running.");
  const order = { verb: "stop", actor: "ann", at, requestId: null };
  const stopped = { ...well, state: "stopped", order, says: "web was stopped by ann at noon." };
  assert.equal(whyText(stopped, moment, noPaint), "web was stopped by ann at noon.");
  assert.match(
    whyText({ ...stopped, death }, moment, noPaint),
    /^web was stopped by ann at noon\. Before that it had died:\n\nweb, generation 3/,
  );
});

test("a proof and a change of mind are in the head of the certificate", () => {
  const fence = { certificate: "f1", proof: "watchdog", silentSince: at - 16_000, provenAt: at };
  const later = { ...death, fence, amended: { at: moment - 5_000, was: "host-failure" } };
  const text = whyText({ ...why, death: later }, moment, noPaint);
  assert.match(
    text,
    /\n {2}proof +watchdog, certificate f1\n {2}amended +5 s ago, when its host told more; it was first taken for host-failure\n/,
  );
});

test("a list has one death a line", () => {
  const [, row = ""] = deathTable([death], moment, noPaint).split("\n");
  assert.match(row, /^web +3 {2}guest-panic {2}application {2}h1 +90 s ago {2}Its kernel panicked/);
});
