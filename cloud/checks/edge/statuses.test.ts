/** What is recorded of the first look at a launch, on a real database. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Instant } from "@holdfast/kernel/time";
import { oneInstance } from "../../instances/edge/fixture-instance.ts";
import type { Check } from "../core/model.ts";
import { saveChecks, saveFirstChecks } from "./statuses.ts";

const { database, id } = await oneInstance();

/** A launch of which all three checks say the same. */
function launch(generation: number, says: string) {
  const check: Check = {
    ...{ status: "passed", says, failures: 0, changedAt: 0 as Instant },
    ...{ fix: undefined, impairedSince: undefined },
  };
  return {
    instance: id,
    generation,
    checks: { system: check, instance: check, volume: check },
  };
}

const recorded = () =>
  database.query("select generation, system->>'says' as says from instance_check");

test("who looks first at a launch records it, and whoever thought so too hears that it was not him", async () => {
  assert.deepEqual([...(await saveFirstChecks(database, [launch(2, "mine")]))], [id]);
  assert.deepEqual([...(await saveFirstChecks(database, [launch(2, "another's")]))], []);
  assert.deepEqual([...(await saveFirstChecks(database, [launch(1, "older")]))], []);
  assert.deepEqual(await recorded(), [{ generation: 2, says: "mine" }]);
  await saveChecks(database, [launch(2, "judged again")]);
  assert.deepEqual(await recorded(), [{ generation: 2, says: "judged again" }]);
  assert.deepEqual([...(await saveFirstChecks(database, [launch(3, "younger")]))], [id]);
});
