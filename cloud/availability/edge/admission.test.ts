/** Who comes in, and what must have ended before. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureDefaultPlace, type Hello } from "@holdfast/cloud/hosts/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { type Instant, seconds } from "@holdfast/kernel/time";
import { stopTestServer, testDatabase } from "@holdfast/store/testing";
import { admit } from "./admission.ts";
import type { Notary } from "./certificates.ts";

const host = "0190f5a0-0000-7000-8000-000000000001" as HostId;
const instance = "0190f5a0-0000-7000-8000-000000000002" as InstanceId;
let made: Awaited<ReturnType<typeof testDatabase>>;
before(async () => {
  made = await testDatabase();
  await ensureDefaultPlace(made.database);
  await made.database.query(
    "insert into host (id, name, cluster, state, mode) values ($1, 'host-1', 'default', 'suspect', 'enabled')",
    [host],
  );
});
after(async () => {
  await made?.drop();
  await stopTestServer();
});

test("a host comes in only without what runs there and is not its own", async () => {
  const notary = { self: "m", now: () => Date.now() as Instant } as Partial<Notary> as Notary; // Nobody is proven dead.
  const stranger = {
    ...{ instance, generation: 1, phase: "running" as const, guest: "up" as const },
    ...{ reboots: 0, at: 1 },
  };
  const say = (machines: Hello["machines"]) =>
    admit({ database: made.database, notary, endsWithin: seconds(16) }, host, {
      ...{ say: "hello", protocol: 1, bootId: "b", epoch: null, pools: [], underlay: null },
      ...{ cpus: 1, memoryMiB: 1_024, held: [], machines },
      facts: { acceleration: { kind: "none", reason: "" }, kernel: "", hypervisor: "" },
    });
  assert.deepEqual(await say([stranger]), { purge: [{ instance, generation: 1 }] });
  assert.ok(!("purge" in (await say([{ ...stranger, phase: "exited" }]))));
});
