/** Who comes in, and what must have ended before. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { ensureDefaultPlace, type Hello, type Known } from "@holdfast/cloud/hosts/edge";
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

const helloOf = (bootId: string, machines: Hello["machines"] = []): Hello => ({
  ...{ say: "hello", protocol: 1, bootId, epoch: null, pools: [], underlay: null },
  ...{ cpus: 1, memoryMiB: 1_024, held: [], machines },
  facts: { acceleration: { kind: "none", reason: "" }, kernel: "", hypervisor: "" },
});
/** Of a manager that proves nobody dead unless it is given something to sign with. */
const deps = (notary: Partial<Notary> = {}) => ({
  database: made.database,
  notary: { self: "m", now: () => Date.now() as Instant, ...notary } as Notary, // As above.
  endsWithin: seconds(16),
});

test("a host comes in only without what runs there and is not its own", async () => {
  const stranger = {
    ...{ instance, generation: 1, phase: "running" as const, guest: "up" as const },
    ...{ reboots: 0, at: 1 },
  };
  const say = (machines: Hello["machines"]) => admit(deps(), host, helloOf("b", machines));
  assert.deepEqual(await say([stranger]), { purge: [{ instance, generation: 1 }] });
  assert.ok(!("purge" in (await say([{ ...stranger, phase: "exited" }]))));
});

test("a hello of an earlier boot that is read late proves nothing about the boot that is known", async () => {
  const { database } = made;
  let minted = 0;
  const signing = {
    mintId: () => `0190f5a0-0000-7000-8000-00000000010${++minted}`,
    sign: async () => "signed",
  };
  const certificates = () =>
    database.query("select evidence from fence_certificate where host_id = $1", [host]);
  const says = (hello: Hello, known?: Known) => admit(deps(signing), host, hello, known);
  const asked = await says(helloOf("c"));
  assert.deepEqual(asked, { again: { bootId: "b", epoch: 1 } });
  assert.ok("again" in asked);
  assert.equal((await certificates()).length, 0);
  assert.ok("epoch" in (await says(helloOf("c"), asked.again)));
  assert.deepEqual(await certificates(), [{ evidence: { before: "b", now: "c" } }]);
  // What b said before it ended, in front of a manager that stood still: once, and once more when it was asked.
  assert.deepEqual(await says(helloOf("b")), { again: { bootId: "c", epoch: 2 } });
  assert.deepEqual(await says(helloOf("b"), asked.again), { again: { bootId: "c", epoch: 2 } });
  assert.equal((await certificates()).length, 1);
});
