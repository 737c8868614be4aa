/** How often one may ask of several managers: together they allow what one would. */
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { type Platform, startPlatform, until } from "./platform.ts";

const burst = 40;
let platform: Platform;
before(async () => {
  platform = await startPlatform({ managers: 2 });
  await platform.call("PUT", "/v1/settings/access.rate", { value: 0.001 });
  await platform.call("PUT", "/v1/settings/access.burst", { value: burst });
});
after(async () => {
  await platform.database.query("delete from setting where name like 'access.%'");
  await platform.close();
  await stopTestServer();
});

/** Of a key, how many of many requests are let through, at each manager in turn. */
async function allowed(token: string): Promise<number> {
  let count = 0;
  for (let index = 0; index < 100; index++)
    for (const manager of platform.managers)
      if (manager) {
        const { status } = await fetch(`http://127.0.0.1:${manager.apiPort}/v1/me`, {
          headers: { authorization: `Bearer ${token}` },
        });
        if (status === 200) count++;
      }
  return count;
}

interface NewKey {
  readonly token: string;
  readonly accessKey: string;
}

test("two managers together allow what one does, and one that is left allows all of it", async () => {
  const make = async (headers?: Record<string, string>) =>
    (await platform.call<NewKey>("POST", "/v1/keys", { name: "fresh" }, headers)).body;
  let used = await make();
  let fresh = await make();
  /** For as long as it takes: each key makes the next and takes the last away, which is two requests of its own. */
  const isAllowed = async () => {
    const key = fresh;
    const by = { authorization: `Bearer ${key.token}` };
    fresh = await make(by);
    await platform.call("DELETE", `/v1/keys/${used.accessKey}`, undefined, by);
    used = key;
    return (await allowed(key.token)) === burst - 2;
  };
  await until("they have counted each other", isAllowed);
  await platform.stopManager(1);
  await until("the one that is left has noticed", isAllowed);
});
