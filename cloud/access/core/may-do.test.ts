/** Who may do what, as a table: every role, on everything that it can be given on, for every permission. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { AccountId, OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import type { Caller, Grant, Permission } from "@holdfast/kernel/route";
import { mayDo, type Place } from "./may-do.ts";
import { type RoleName, roleNames } from "./roles.ts";

const acme = "acme" as OrganisationId;
const [blue, red, lone] = ["blue", "red", "lone"] as ProjectId[] as [
  ProjectId,
  ProjectId,
  ProjectId,
];
/** Blue and red are of acme, lone is of somebody else. */
const places = {
  blue: { id: blue, organisation: acme },
  red: { id: red, organisation: acme },
  lone: { id: lone, organisation: "others" as OrganisationId },
  acme: { id: undefined, organisation: acme },
  others: { id: undefined, organisation: "others" as OrganisationId },
} satisfies Record<string, Place>;

const callerWith = (grants: readonly Grant[], only?: ProjectId): Caller => ({
  ...{ name: "ada", account: "a" as AccountId, by: { kind: "key", id: "HFTEST" }, grants, only },
});

/** In the order of `needs`: what a role may where it reaches. */
const needs = [
  ...(["project:read", "project:operate", "project:configure", "project:grant"] as const),
  ...(["project:audit", "organisation:read", "organisation:grant", "organisation:audit"] as const),
  ...(["platform:read", "platform:operate", "platform:grant", "platform:audit"] as const),
] satisfies readonly Permission[];

const table: Readonly<Record<RoleName, string>> = {
  //        project    organisation platform
  //        r o c g a  r g a        r o g a
  owner: "  x x x x x  x x x        x x x x",
  operator: "x x x . .  x . .        x x . .",
  developer: "x x . . .  x . .        . . . .",
  viewer: " x . . . .  x . .        . . . .",
  auditor: "x . . . x  x . x        x . . x",
};

const rowOf = (role: RoleName) => table[role].replaceAll(" ", "").split("");
const placeFor = (need: Permission): Place | undefined =>
  need.startsWith("project") ? places.blue : need.startsWith("org") ? places.acme : undefined;

for (const role of roleNames)
  test(`${role}: the platform's may what its row says, on everything`, () => {
    const caller = callerWith([{ role, on: "platform" }]);
    assert.equal(rowOf(role).length, needs.length);
    for (const [index, need] of needs.entries())
      assert.equal(mayDo(caller, need, placeFor(need)), rowOf(role)[index] === "x", need);
    for (const place of [places.red, places.lone])
      assert.equal(mayDo(caller, "project:read", place), true);
  });

for (const role of roleNames)
  test(`${role}: an organisation's may that in its projects, and nothing of the platform`, () => {
    const caller = callerWith([{ role, on: "organisation", id: acme }]);
    for (const [index, need] of needs.entries()) {
      const may = rowOf(role)[index] === "x" && !need.startsWith("platform");
      assert.equal(mayDo(caller, need, placeFor(need)), may, need);
    }
    assert.equal(mayDo(caller, "project:read", places.red), true);
    assert.equal(mayDo(caller, "project:read", places.lone), false);
    assert.equal(mayDo(caller, "organisation:read", places.others), false);
  });

for (const role of roleNames)
  test(`${role}: a project's may that in it, and is nobody anywhere else`, () => {
    const caller = callerWith([{ role, on: "project", id: blue }]);
    for (const [index, need] of needs.entries()) {
      const may = rowOf(role)[index] === "x" && need.startsWith("project");
      assert.equal(mayDo(caller, need, placeFor(need)), may, need);
    }
    for (const place of [places.red, places.lone])
      for (const need of needs.filter((one) => one.startsWith("project")))
        assert.equal(mayDo(caller, need, place), false, need);
  });

test("nobody without a role, or with one that is in no table, may do anything but look after themselves", () => {
  const strange: Grant[] = ["admin", "constructor", "__proto__", ""].map((role) => ({
    ...{ role, on: "platform" },
  }));
  for (const caller of [callerWith([]), callerWith(strange)]) {
    for (const need of needs)
      for (const place of [undefined, ...Object.values(places)])
        assert.equal(mayDo(caller, need, place), false, need);
    assert.equal(mayDo(caller, "caller:read"), true);
    assert.equal(mayDo(caller, "caller:manage"), true);
  }
});

test("a key for one project is good for that alone, whatever its account may", () => {
  const owner = callerWith([{ role: "owner", on: "platform" }], blue);
  assert.equal(mayDo(owner, "project:grant", places.blue), true);
  assert.equal(mayDo(owner, "project:read"), true, "in some project");
  for (const place of [places.red, places.lone])
    assert.equal(mayDo(owner, "project:read", place), false);
  for (const need of needs.filter((one) => !one.startsWith("project")))
    assert.equal(mayDo(owner, need, placeFor(need)), false, need);
  assert.equal(mayDo(owner, "caller:read"), true);
  assert.equal(mayDo(owner, "caller:manage"), false, "it would make itself a key for more");
  assert.equal(
    mayDo(callerWith([], blue), "project:read", places.blue),
    false,
    "and gives nothing",
  );
});

test("roles add up: what one allows, another does not take", () => {
  const caller = callerWith([
    { role: "viewer", on: "project", id: blue },
    { role: "developer", on: "organisation", id: acme },
  ]);
  assert.equal(mayDo(caller, "project:operate", places.blue), true);
});
