/** Each row is what is under way with the volumes of an instance that somebody wants to move. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Activity } from "@holdfast/cloud/volumes";
import type { GivenTask } from "@holdfast/cloud/volumes/edge";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { world } from "../core/testing.ts";
import { refuseBusy } from "./moves.ts";

const { instance } = world();
const holds = (activity: Activity) => ({
  ...{ activity, volume: "web.root", by: "kim" },
  ...{ since: 0 as Instant, until: 1 as Instant },
});
const told = (kind: GivenTask["do"], of = instance.id): GivenTask => ({
  ...{ instance: of, do: kind, volume: "web.root", by: "holdfast" },
});

const table: Record<
  string,
  readonly [Parameters<typeof refuseBusy>[1], Parameters<typeof refuseBusy>[2], RegExp?]
> = {
  "nothing is under way": [[], []],
  "a snapshot of it is made": [
    [holds("snapshot")],
    [],
    /^A snapshot of web.root, a disk of .*, is under way for kim/,
  ],
  "a backup of it is made": [[holds("backup")], [], /^A backup of web.root/],
  "its disks are moved": [[holds("storage-migration")], [], /^A storage-migration of web.root/],
  "its host looks at a disk": [
    [],
    [told("check")],
    /^A check of web.root, .* is under way for holdfast/,
  ],
  "its host makes a disk": [[], [told("make")], /^A creation of web.root/],
  "a host looks at a disk of another": [[], [told("check", "other" as InstanceId)]],
};

for (const [title, [underWay, given, expected]] of Object.entries(table))
  test(`to move it is ${expected ? "refused" : "allowed"} while ${title}`, () => {
    const refused = refuseBusy(instance, underWay, given);
    if (!expected) return assert.equal(refused, undefined);
    assert.equal(refused?.code, "instance_busy");
    assert.match(refused.message, expected);
    assert.ok(refused.details.retryAfterSeconds, "it says when to ask again");
  });
