/** What was asked of a host in one epoch is nobody's order in the next. */
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { sharedPlatform, type TestHost, until } from "./platform.ts";

const at = "/v1/projects/default";
const platform = await sharedPlatform({ hosts: 2, pools: ["shared"] });
before(async () => {
  await platform.call("PUT", "/v1/settings/volumes.default_pool", { value: "shared" });
});

const mode = (host: TestHost, value: string) =>
  platform.call("PATCH", `/v1/hosts/${host.name}`, { mode: value });
const find = async (name: string) =>
  (
    await platform.call<{ state: string; host: string | null; generation: number }>(
      "GET",
      `${at}/instances/${name}`,
    )
  ).body;
const alive = ({ world }: TestHost) => [...world.machines.values()].filter(({ exit }) => !exit);

test("a host that reboots before it heard of a guest never starts it: that guest is started elsewhere", async () => {
  const [first, other] = platform.hosts;
  assert.ok(first && other);
  await platform.stopAgent(first);
  await mode(other, "maintenance");
  await platform.call("POST", `${at}/instances`, { name: "web" });
  await until("it is to be started", async () => (await find("web")).state === "starting");
  assert.equal((await find("web")).host, first.name);
  await mode(other, "enabled");
  await mode(first, "draining");
  first.bootId = "another boot";
  await platform.database.transaction(async (sql) => {
    // Nobody can be placed there for as long as this is held, so it is still written down where it was.
    await sql.query("select from host where name = $1 for update", [other.name]);
    await platform.startAgent(first);
    await until("it is back", () => first.agent?.link.identity()?.epoch === 2);
    await until("it has its lease", () => first.agent?.link.hasLease(2) === true);
  });
  await until("it runs elsewhere", async () => (await find("web")).host === other.name);
  await until("it runs", async () => (await find("web")).state === "running");
  assert.equal((await find("web")).generation, 2);
  assert.deepEqual(alive(first), []);
  assert.deepEqual(first.agent?.keeper.held(), []);
  assert.equal(first.world.seen.size, 0);
  assert.equal(alive(other).length, 1);
});
