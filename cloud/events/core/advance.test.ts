import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Instant, seconds } from "@holdfast/kernel/time";
import { advance, type Lodger, type Maintenance, type Worksite } from "./advance.ts";

const now = Date.UTC(2026, 10, 21, 12) as Instant;
const at = (s: number) => (now + s * 1_000) as Instant;
const web: Lodger = {
  ...{ id: "i" as InstanceId, name: "web", policy: "stop", state: "running", desired: "running" },
  ...{ isLocal: false, hasEphemeralDisks: false, cannotMove: "it cannot", place: { host: "h2" } },
  ...{ event: { code: "instance-stop", hasBegun: false }, window: [], moveAgainAt: undefined },
};
const work: Maintenance = {
  ...{ work: "empty", state: "emptying", startsAt: now, notice: seconds(120) },
  ...{ deadline: undefined, endsAt: undefined, obstacles: [] },
};
type Case = readonly [
  string,
  Partial<Maintenance>,
  Partial<Lodger> | undefined,
  Partial<Worksite>,
  readonly string[],
];
const refused = { refused: "No host has room." };

const table: readonly Case[] = [
  [
    "waits for its time, and tells",
    { state: "planned", startsAt: at(9) },
    { event: undefined },
    { mode: "enabled" },
    ["schedule instance-stop +120"],
  ],
  [
    "begins",
    { state: "planned" },
    {},
    { mode: "enabled" },
    ["become preparing", "set-mode draining"],
  ],
  ["waits for what starts", { state: "preparing" }, { state: "starting" }, {}, []],
  ["goes on when that is done", { state: "preparing" }, {}, {}, ["become emptying"]],
  ["has nothing to do while its guests leave", {}, {}, {}, []],
  [
    "moves what can be moved",
    {},
    { policy: "migrate", cannotMove: undefined, event: undefined },
    {},
    ["move h2"],
  ],
  [
    "does not order a move twice",
    {},
    { policy: "migrate", cannotMove: undefined, event: undefined, moveAgainAt: at(9) },
    {},
    [],
  ],
  [
    "takes back what it told of what can be moved",
    {},
    { policy: "migrate", cannotMove: undefined },
    {},
    ["withdraw", "move h2"],
  ],
  [
    "is blocked by what finds no room",
    {},
    { place: refused },
    {},
    ["obstacles 1", "become blocked"],
  ],
  ["is not blocked by it after its deadline", { deadline: now }, { place: refused }, {}, []],
  [
    "is blocked by what would be lost",
    { work: "retire" },
    { isLocal: true, event: { code: "instance-retirement", hasBegun: false } },
    {},
    ["obstacles 1", "become blocked"],
  ],
  ["closes the host when it is empty", {}, undefined, {}, ["set-mode maintenance"]],
  [
    "waits for routers",
    {},
    undefined,
    { mode: "maintenance", routers: ["blue"] },
    ["obstacles 1", "become blocked"],
  ],
  ["is there", {}, undefined, { mode: "maintenance" }, ["become in-maintenance"]],
  ["stays there", { state: "in-maintenance" }, undefined, { mode: "maintenance" }, []],
  [
    "empties it again of what has come back",
    { state: "in-maintenance" },
    {},
    { mode: "maintenance" },
    ["become emptying"],
  ],
  ["ends when somebody enables the host", {}, {}, { mode: "enabled" }, ["become ended"]],
  [
    "that interrupts ends by itself",
    { work: "interrupt", endsAt: now },
    {},
    {},
    ["become ended", "set-mode enabled"],
  ],
  [
    "keeps to a window before its deadline",
    { state: "planned", startsAt: at(9), deadline: at(90_000) },
    {
      event: undefined,
      window: [{ startDay: "saturday", startHour: 20, endDay: "saturday", endHour: 23 }],
    },
    { mode: "enabled" },
    ["schedule instance-stop +28800"],
  ],
];

for (const [title, maintenance, lodger, more, expected] of table)
  test(`work on a host ${title}`, () => {
    const site: Worksite = {
      ...{ maintenance: { ...work, ...maintenance }, mode: "draining", routers: [], now },
      lodgers: lodger ? [{ ...web, ...lodger }] : [],
      ...more,
    };
    const said = advance(site).map((step) => {
      if (step.do === "become") return `become ${step.state}`;
      if (step.do === "set-mode") return `set-mode ${step.mode}`;
      if (step.do === "schedule") return `schedule ${step.code} +${(step.notBefore - now) / 1_000}`;
      if (step.do === "move") return `move ${step.to}`;
      return step.do === "obstacles" ? `obstacles ${step.obstacles.length}` : step.do;
    });
    assert.deepEqual(said, expected);
  });
