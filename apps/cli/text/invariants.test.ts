/** What people read about what always holds, to the letter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { invariantsReply } from "../fake-troubles.ts";
import { moment } from "../samples.ts";
import { invariantsText } from "./invariants.ts";
import { noPaint } from "./table.ts";

const golden = (text: string, ...lines: readonly string[]) => assert.equal(text, lines.join("\n"));
const how = { isOne: false, withRows: false };

test("where all hold there is one line, and every rule with when and of how many", () => {
  golden(
    invariantsText(invariantsReply(moment, true), how, moment, noPaint),
    "All hold, as of 2 s ago.",
    "",
    "RULE              ABOUT     HOLDS  CHECKED  OF  OF ALL     HOW MANY",
    "one-writer        instance  yes    2 s ago  31  3 min ago       500",
    "capacity-adds-up  host      yes    2 s ago   4  -                 -",
  );
});

test("what is broken comes first, and its rows are shown when they are asked for", () => {
  const text = invariantsText(
    invariantsReply(moment, false),
    { isOne: false, withRows: true },
    moment,
    noPaint,
  );
  golden(
    text.split("\n\nRULE")[0] ?? "",
    "1 violation, as of 2 s ago.",
    "",
    "capacity-adds-up  host h1, 40 s ago",
    "  what  5 processors are taken, and 4 are needed",
    "  id    0197a000-0000-7000-8000-0000000000d1",
    "    {",
    '      "reservedCpus": 5',
    "    }",
  );
});

test("one rule is told with what it is for", () => {
  const { rules, ...rest } = invariantsReply(moment, true);
  golden(
    invariantsText({ ...rest, rules: rules.slice(0, 1) }, { ...how, isOne: true }, moment, noPaint),
    "All hold, as of 2 s ago.",
    "",
    "one-writer, of every instance",
    "  says     Only one may be running.",
    "  why      Two that write to one disk destroy it.",
    "  holds    yes",
    "  checked  2 s ago, of 31",
    "  of all   3 min ago, of 500",
  );
});
