/** That only those are begun that are kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { environment } from "./commands.ts";
import { residents } from "./residents.ts";

test("no more are begun than are kept, those that are there stay, and others leave room", async (t) => {
  let begun: string[] = [];
  const { renew, of, close } = residents({
    speak(where = "the host") {
      begun.push(where);
      return {
        ...{ argv: ["/bin/cat"], env: environment, on: ["stdout"] },
        say: (order) => `${order}\n`,
        hear: () => ({ complaints: undefined }),
      };
    },
    fileOf: () => undefined,
  });
  t.after(close);
  /** In which namespaces some are begun by that. */
  const begunBy = (act: () => void) => {
    begun = [];
    act();
    return begun.filter((where) => where !== "the host");
  };
  const names = Array.from({ length: 100 }, (_, index) => `n${index}`);
  assert.deepEqual(
    begunBy(() => of("n50", "ip")),
    ["n50"],
  );
  assert.deepEqual(
    begunBy(() => renew(names)),
    names.slice(0, 15),
  );
  assert.deepEqual(
    begunBy(() => renew(names)),
    [],
  );
  assert.deepEqual(
    begunBy(() => of("n50", "ip")),
    [],
  );
  assert.deepEqual(
    begunBy(() => renew(names.slice(10))),
    names.slice(15, 25),
  );
});
