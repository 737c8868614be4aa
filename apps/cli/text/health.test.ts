/** What people read about how things are, to the letter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { anAlarm, aStatus, aTrouble } from "../fake-troubles.ts";
import { moment } from "../samples.ts";
import { alarmDetails, alarmTable, healthText, statusTable, statusText } from "./health.ts";
import { noPaint } from "./table.ts";

const golden = (text: string, ...lines: readonly string[]) => assert.equal(text, lines.join("\n"));

const status = aStatus(moment);

test("a status is three lines, with since when, what was seen and what to do", () => {
  golden(
    statusText(status, moment, noPaint),
    "web is running on h1: impaired, looked at 7 s ago",
    "",
    "CHECK     STATUS             SINCE     SEEN",
    "system    passed                       It is well.",
    "instance  failed             43 s ago  Its kernel has panicked.",
    "volume    insufficient-data            It is well.",
    "",
    "next (instance): See its last words: holdfast log web",
  );
});

test("several statuses are a table, with since when the worst of them is impaired", () => {
  const well = { ...status.checks.system };
  const other = { ...status, name: "db", summary: "ok" as const, host: null };
  golden(
    statusTable(
      [status, { ...other, checks: { system: well, instance: well, volume: well } }],
      moment,
      noPaint,
    ),
    "NAME  STATE    HOST  SUMMARY   SYSTEM  INSTANCE  VOLUME             SINCE",
    "web   running  h1    impaired  passed  failed    insufficient-data  43 s ago",
    "db    running  -     ok        passed  passed    passed",
  );
});

const trouble = aTrouble(moment);

test("health says calmly that all is well, and otherwise what is wrong and what is being done", () => {
  golden(healthText({ isWell: true, troubles: [], unknown: [] }, moment, noPaint), "All is well.");
  golden(
    healthText(
      { isWell: false, troubles: [trouble], unknown: ["hosts: The database does not answer."] },
      moment,
      noPaint,
    ),
    "1 thing is wrong, 1 of them an outage.",
    "",
    "outage  host h2, 12 s ago",
    "  what     It is not heard.",
    "  affects  3 instances: db, web and 1 more",
    "  doing    A proof is looked for.",
    "",
    "Could not be found out:",
    "  hosts: The database does not answer.",
  );
});

const alarm = anAlarm(moment);

test("alarms are a table, and one of them what it watches, does and rings for", () => {
  golden(
    alarmTable([alarm], moment, noPaint),
    "NAME     INSTANCE  CHECK     PERIODS  ACTION  STATE  SINCE",
    "wake-up  all       instance        2  reboot  alarm  30 s ago",
  );
  golden(
    alarmDetails(alarm, moment, noPaint),
    "wake-up",
    "  state      alarm",
    "  rings for  web",
    "  watches    the instance check of all instances",
    "  after      2 failed intervals in a row",
    "  does       reboot: ask its guest, then press the button",
    "  created    2 h ago by ann",
  );
});
