/** What a host tells of machines that were called dead without it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { MachineReport } from "@holdfast/cloud/hosts";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import { oneInstance } from "../../instances/edge/fixture-instance.ts";
import { exit } from "../core/testing.ts";
import { findDeath } from "./reads.ts";
import { amendDeaths, certify, insertDeaths } from "./write.ts";

const made = await oneInstance();

const now = Date.UTC(2026, 10, 22) as Instant;
const lives = Array.from({ length: 200 }, (_, index) => index + 1);

test("a host that comes back and tells of two hundred ends is written down in one go", async () => {
  const { database, id, host } = made;
  await database.transaction(async (sql) => {
    for (const generation of lives) {
      const evidence = { instance: id, generation, host, at: now };
      const certified = await certify(sql, [{ epoch: 1, evidence }]);
      await insertDeaths(sql, certified.values(), now);
    }
  });
  const oom = exit({ at: now, status: { signal: "SIGKILL" }, oomKills: 1 });
  const reports = lives.map((generation) => ({
    host,
    report: { instance: id, generation, phase: "exited", exit: oom } as MachineReport, // All that is looked at.
  }));
  let statements = 0;
  const tell = () =>
    database.transaction(async (sql) => {
      const query: Sql["query"] = (...asked) => {
        statements++;
        return sql.query(...asked);
      };
      await amendDeaths({ ...sql, query }, reports, now);
    });
  await tell();
  assert.ok(statements <= 3, `${statements} statements, with guests of all managers locked`);
  const deaths = () =>
    database.query(
      `select cause, first_cause, certificate->>'cause' as certified, evidence ? 'report' as "isTold", count(*)::int as count
       from death group by 1, 2, 3, 4`,
    );
  const amended = [
    {
      ...{ cause: "host-oom-kill", first_cause: "unknown", certified: "host-oom-kill" },
      ...{ isTold: true, count: 200 },
    },
  ];
  assert.deepEqual(await deaths(), amended);
  const journal = () =>
    database.query(
      `select detail->>'was' as was, detail->>'class' as class, count(*)::int as count, min(generation) as first
       from journal where event = 'deathAmended' group by 1, 2`,
    );
  const written = [{ was: "unknown", class: "host-oom-kill", count: 200, first: 1 }];
  assert.deepEqual(await journal(), written);
  await tell();
  assert.deepEqual([await deaths(), await journal()], [amended, written], "once only");
});

test("guests that died with their host share what is said of them, and each is told of itself", async () => {
  const { database, id, host } = made;
  const other = "0197a000-0004-7000-8000-00000000beef" as InstanceId;
  const late = "0197a000-0004-7000-8000-00000000cafe" as InstanceId;
  const end = (instance: InstanceId, generation: number) => ({
    epoch: 2,
    evidence: { instance, generation, host, at: now },
  });
  const overdue = end(late, 1);
  const certified = await database.transaction(async (sql) => {
    const found = await certify(sql, [
      end(id, 901),
      end(other, 7),
      { ...overdue, evidence: { ...overdue.evidence, overdueSince: now } },
    ]);
    await insertDeaths(sql, found.values(), now);
    return found;
  });
  assert.equal(certified.get(other)?.dossier, certified.get(id)?.dossier);
  assert.notEqual(certified.get(late)?.dossier, certified.get(id)?.dossier);
  const rows = await database.query(
    `select instance_id as instance, generation, cause, certificate ? 'instance' as "isTwice" from death
     where host_epoch = 2 order by generation desc`,
  );
  assert.deepEqual(rows, [
    { instance: id, generation: 901, cause: "unknown", isTwice: false },
    { instance: other, generation: 7, cause: "unknown", isTwice: false },
    { instance: late, generation: 1, cause: "boot-timeout", isTwice: false },
  ]);
  const death = await findDeath(database, id, 901);
  assert.deepEqual([death?.instance, death?.generation, death?.at], [id, 901, now]);
});
