/**
 * Loaded into every test file, so that a hang costs continuous integration one file and not its whole time, and can be found
 * without being seen again: a file that does not end says what it is kept by, and fails.
 *
 * A test that fails may leave open what it would have closed at its end, and that would keep the file for ever: a file that
 * has begun no test for two minutes, and has none under way, is taken for over. One whose tests do not end has a quarter of
 * an hour (the slowest needs a third of that on two busy cores).
 */
import { afterEach, beforeEach } from "node:test";

// Tests may turn the clock themselves.
const { setTimeout, clearTimeout } = globalThis;
const patienceMs = 15 * 60_000;
const lingerMs = 2 * 60_000;

endIn(patienceMs);
// The process that runs the files has no tests of its own. Not `after`: that comes between two tests if nothing else is due.
if (process.env.NODE_TEST_CONTEXT !== undefined) {
  let underWay = 0;
  let end: NodeJS.Timeout | undefined;
  beforeEach(() => {
    underWay++;
    clearTimeout(end);
  });
  afterEach(() => {
    underWay--;
    if (underWay === 0) end = endIn(lingerMs);
  });
}

function endIn(wait: number): NodeJS.Timeout {
  return setTimeout(() => {
    const kept = process.getActiveResourcesInfo().join(", ");
    console.error(`${process.argv[1]} has not ended, and is kept by: ${kept}`);
    process.exit(1);
  }, wait).unref();
}
