/** Every error code has a page that people find when they search for it, and no page is left of a code that is gone. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { kinds } from "@holdfast/kernel/problem";

const roots = ["kernel", "cloud", "ops", "drivers", "store", "client", "apps"];
const pages = "docs/problems";
const sections = ["What it means", "What you can do", "What an operator can check"];

/**
 * `problem(kind, "code"`, `new Problem(kind, "code"`, a ProblemView written out, and a row
 * `["kind", "code", …]` of a table. (What routes declare is test/api/openapi.test.ts's business.)
 */
const spoken = [
  /\b(?:problem|new Problem)\(\s*(?:[^",()]|"\w+")+,\s*"([a-z0-9_]+)"/g,
  /\bkind: "\w+",\s*code: "([a-z0-9_]+)"/g,
  new RegExp(`\\[\\s*"(?:${Object.keys(kinds).join("|")})",\\s*"([a-z0-9_]+)"`, "g"),
];

const listed = (...paths: readonly string[]) =>
  execFileSync("git", ["ls-files", "-co", "--exclude-standard", "--", ...paths], {
    encoding: "utf8",
  })
    .split("\n")
    .filter(Boolean);

/** Each code, with the files that say it. What only tests say needs no page. */
function codes(): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  const files = listed(...roots).filter(
    (file) => /\.ts$/.test(file) && !/\.test\.ts$|\/testing\.ts$/.test(file) && existsSync(file), // Git lists the deleted.
  );
  for (const file of files)
    for (const pattern of spoken)
      for (const [, code = ""] of readFileSync(file, "utf8").matchAll(pattern))
        found.set(code, [...(found.get(code) ?? []), file]);
  return found;
}

const pageNames = () =>
  listed(pages)
    .filter((file) => file.endsWith(".md"))
    .map((file) => file.slice(pages.length + 1, -3));

test("every error code has a page, and every page an error code", () => {
  const known = codes();
  const names = pageNames();
  assert.ok(known.size > 50, `the search found only ${known.size} codes`);
  const missing = [...known].filter(([code]) => !names.includes(code));
  const lost = names.filter((name) => !known.has(name));
  assert.deepEqual(
    { missing: missing.map(([code, files]) => `${code} (${files[0]})`).sort(), lost: lost.sort() },
    { missing: [], lost: [] },
  );
});

test("a page says what a code means, what to do, and what an operator can check", () => {
  for (const name of pageNames()) {
    const text = readFileSync(`${pages}/${name}.md`, "utf8");
    assert.ok(text.startsWith(`# ${name}\n`), `${name}: begin with the code`);
    const titles = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => title);
    assert.deepEqual(titles, sections, name);
    const body = text.split(/^## .+$/m).slice(1);
    assert.ok(
      body.every((section) => section.trim().length > 20),
      `${name}: a section says nothing`,
    );
  }
});
