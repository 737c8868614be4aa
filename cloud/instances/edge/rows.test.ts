/** What is written of an instance, whatever whoever writes it had read before. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, MigrationId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { exited, incoming, moving, running, world } from "../core/testing.ts";
import { type Case, leftoverOf } from "./case.ts";
import { idOf, oneInstance } from "./fixture-instance.ts";
import { writeDepartures, writeMigrations } from "./migration-rows.ts";
import { writeIncarnations } from "./rows.ts";

const now = Date.UTC(2026, 10, 21) as Instant;
const ended = exited("exited", { class: "qemu-crash", says: "", at: now });
const made = await oneInstance();

test("a process that was seen to end has ended, though a report from before is heard after it", async () => {
  const { database, host, id: instance } = made;
  for (const incarnation of [running, ended, running])
    await writeIncarnations(database, [
      { instance, epoch: 1, incarnation: { ...incarnation, host }, at: now },
    ]);
  const rows = await database.query<{ phase: string }>("select phase from incarnation");
  assert.deepEqual(rows, [{ phase: "exited" }]);
});

test("that all of it was sent is for keeps, and it is done when what it left has ended", async () => {
  const { database, host, other, id: instance } = made;
  const arrival = { ...incoming, host: other };
  const migration = moving({ id: idOf(20) as MigrationId, from: host, arrival });
  const write = (more: Parameters<typeof moving>[0]) =>
    writeMigrations(database, [
      {
        ...{ instance, migration: { ...migration, ...more }, at: now },
        ...{ fromEpoch: 1, fromGeneration: 1, toEpoch: 1, why: "", actor: "test" },
        ...{ job: undefined, leftover: host },
      },
    ]);
  const read = async () =>
    (
      await database.query<{ state: string; hasSent: boolean }>(
        `select state, has_sent as "hasSent" from migration`,
      )
    )[0];
  await write({ hasSent: true });
  await write({ hasSent: false });
  assert.deepEqual(await read(), { state: "copying", hasSent: true });
  await write({ state: "switched" });
  const departed = { instance, generation: 1, host, ending: ended.ending, evidence: {} };
  assert.ok(departed.ending);
  const leftovers = await writeDepartures(
    database,
    [{ ...departed, ending: departed.ending }],
    now,
  );
  assert.deepEqual(await read(), { state: "done", hasSent: true });
  assert.deepEqual(
    leftovers.map((one) => one.host),
    [host],
  );
});

test("a copy of a local disk is left where a move came from, or where it did not get to", () => {
  const [from, to] = ["h1", "h2"] as HostId[];
  const leftover = (state: ReturnType<typeof moving>["state"], pool = "local") =>
    leftoverOf({
      before: { pool },
      settled: { world: world({}, { migration: moving({ state }) }) },
    } as Partial<Case> as Case); // All that it looks at.
  assert.equal(leftover("copying"), undefined);
  assert.equal(leftover("switched"), from);
  assert.equal(leftover("aborted"), to);
  assert.equal(leftover("aborted", "shared"), undefined);
});
