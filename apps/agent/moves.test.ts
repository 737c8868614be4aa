/**
 * A machine moves from one host to another, with real QEMU and through real relays, and somebody dies at each step.
 * Whoever it is: at most one copy runs at any moment (`until` looks at it all the time), and one does in the end,
 * unless it was the guest itself that died.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { diskIdOf } from "@holdfast/drivers/volumes";
import type { VolumeId } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import { connectQmp } from "../../drivers/hypervisor/qmp.ts";
import { type Stage, stage } from "./fixture-stations.ts";

/** Slow enough that it is still under way whenever something happens to it, in bytes each second. */
const slow = { bytesPerSecond: 200_000 };
const ref = ({ wish }: Stage, generation: number) => ({ id: wish.instance, generation });
const exitOf = ({ reports }: Stage["a"], generation: number) =>
  reports.find((each) => each.generation === generation && each.exit)?.exit;
const hasArrived = ({ b }: Stage) =>
  b.hypervisor.list().some((view) => view.is === "incoming" && view.hasArrived);

for (const pool of ["shared", "local"] as const)
  test(`a machine with a ${pool} disk moves, and where it was it ends as migrated`, async (t) => {
    const s = await stage(t, { pool });
    await s.move();
    await s.until("it runs there only", () => `${s.running()}` === "b2" && !!exitOf(s.a, 1));
    assert.equal(exitOf(s.a, 1)?.reason, "migrated");
    const done = s.a.progress.find(({ is }) => is === "done");
    assert.ok(done?.facts.downtime !== undefined);
    if (pool === "local")
      assert.match(
        execFileSync("qemu-img", ["compare", "-U", s.a.volumeFile(pool), s.b.volumeFile(pool)], {
          encoding: "utf8",
        }),
        /identical/,
      );
  });

test("what is on an ephemeral disk goes along", async (t) => {
  const [root, own] = ["d1", "d2"].map(
    (end) => `0197a000-0000-7000-8000-0000000000${end}` as VolumeId, // Of the right form.
  ) as [VolumeId, VolumeId];
  const disk = { pool: "local", bytes: 64 << 20, limits: null };
  const disks = [
    { ...disk, volume: root, kind: "root" as const, origin: "image" as const },
    { ...disk, volume: own, kind: "ephemeral" as const, origin: "blank" as const },
  ];
  const s = await stage(t, { pool: "local", spec: { disks } });
  const fileOn = (at: Stage["a"]) => at.volumeFile("local").replace(/[^/]*$/, `${own}.qcow2`);
  await writeAsGuest(s, diskIdOf(own), "write -P 0x5a 1M 64k");
  await s.move();
  await s.until("it runs there only", () => `${s.running()}` === "b2" && !!exitOf(s.a, 1));
  assert.ok(existsSync(fileOn(s.b)));
  const read = ["-r", "-U", "-c", "read -P 0x5a 1M 64k", fileOn(s.b)];
  assert.doesNotMatch(execFileSync("qemu-io", read, { encoding: "utf8" }), /failed/);
});

/** QEMU hears one at a time: this one's turn comes while its agent is begun anew. */
async function writeAsGuest(s: Stage, disk: string, command: string): Promise<void> {
  const { runDir } = s.a.host;
  const names = readdirSync(runDir, { recursive: true, encoding: "utf8" });
  const socket = names.find((name) => name.endsWith("/qmp.sock")) ?? assert.fail("no socket");
  const opened = connectQmp(join(runDir, socket), { event() {}, closed() {} });
  const begun = s.a.restart();
  const qmp = await opened;
  const line = `qemu-io -d /machine/peripheral/${disk}/virtio-backend "${command}"`;
  const said = await qmp.execute("human-monitor-command", seconds(10), { "command-line": line });
  qmp.close();
  await begun;
  assert.equal(said, "");
}

test("one that is aborted runs on where it was", async (t) => {
  const s = await stage(t, { pool: "shared" });
  await s.move(slow);
  await s.abort();
  await s.until("it was given up", () => s.a.progress.some(({ is }) => is === "gave-up"));
  await s.until("nothing waits there", () => exitOf(s.b, 2) !== undefined);
  assert.deepEqual(s.running(), ["a1"]);
  assert.equal(s.a.progress.at(-1)?.says, "it was aborted");
});

const survived: Record<string, (s: Stage) => Promise<unknown>> = {
  "its destination is killed": (s) => s.b.host.kill(ref(s, 2)),
  "the way is cut": (s) => s.b.passage.close(),
  "the agent of its source is killed": (s) => s.a.restart(),
  "the agent of its destination is killed": (s) => s.b.restart(),
};
for (const [what, happen] of Object.entries(survived))
  test(`one runs on where it was when, in the middle, ${what}`, async (t) => {
    const s = await stage(t, { pool: "shared" });
    await s.move(slow);
    await happen(s);
    await s.until("nothing waits there", () => exitOf(s.b, 2) !== undefined);
    await s.until("it is given up", () => s.a.progress.some(({ is }) => is === "gave-up"));
    await s.until("it runs on", () => `${s.running()}` === "a1");
  });

test("one whose local disk is being copied runs on where it was when its agent is killed", async (t) => {
  const s = await stage(t, { pool: "local" });
  await s.move({ bytesPerSecond: 1_000_000 });
  await s.a.restart();
  await s.until("nothing waits there", () => exitOf(s.b, 2) !== undefined);
  await s.until("it runs on", () => `${s.running()}` === "a1");
});

test("one that dies in the middle is over on both sides, and never runs again by itself", async (t) => {
  const s = await stage(t, { pool: "shared" });
  await s.move(slow);
  await s.a.host.kill(ref(s, 1));
  await s.until("both ended", () => !!exitOf(s.a, 1) && !!exitOf(s.b, 2));
  assert.ok(exitOf(s.b, 2)?.neverRan);
  assert.deepEqual(s.running(), []);
});

test("one that was all sent runs there, though the agent that should have said so was killed", async (t) => {
  const s = await stage(t, { pool: "shared" });
  let isKilled = false;
  s.a.go = async (go) => {
    if (isKilled) return go();
    isKilled = true;
    await new Promise(() => {});
  };
  await s.move();
  await s.until("all of it was sent", () => isKilled && hasArrived(s));
  assert.deepEqual(s.running(), []);
  await s.a.restart();
  await s.until("it runs there only", () => `${s.running()}` === "b2" && !!exitOf(s.a, 1));
});

test("one runs there, though the answer that it does was lost with the agent that waited for it", async (t) => {
  const s = await stage(t, { pool: "shared" });
  s.a.go = async (go) => {
    await go();
    s.a.go = (again) => again();
    await new Promise(() => {});
  };
  await s.move();
  await s.until("it runs there", () => `${s.running()}` === "b2");
  await s.a.restart();
  await s.until("it is over here", () => exitOf(s.a, 1)?.reason === "migrated");
  assert.deepEqual(s.running(), ["b2"]);
});

/** Right before it is told to run there: all of it has been sent, and it stands still. */
async function inTheLastStep(s: Stage, happen: (cut: () => void) => Promise<void> | void) {
  s.a.go = async (go, cut) => {
    s.a.go = (again) => again();
    await s.until("all of it is there", () => hasArrived(s));
    assert.deepEqual(s.running(), []);
    await happen(cut);
    return go();
  };
  await s.move({}, "relay");
}

test("one that was all sent runs there, though the agent of its destination was killed before it knew", async (t) => {
  const s = await stage(t, { pool: "shared" });
  await inTheLastStep(s, () => s.b.restart());
  await s.until("it runs there only", () => `${s.running()}` === "b2" && !!exitOf(s.a, 1));
  assert.equal(exitOf(s.a, 1)?.reason, "migrated");
});

test("one that was all sent runs there, though the way was cut before anybody could say so", async (t) => {
  const s = await stage(t, { pool: "shared" });
  await inTheLastStep(s, (cut) => cut());
  await s.until("it runs there only", () => `${s.running()}` === "b2" && !!exitOf(s.a, 1));
  assert.equal(exitOf(s.a, 1)?.reason, "migrated");
});

test("one whose destination is killed in the last step goes on where it was", async (t) => {
  const s = await stage(t, { pool: "shared" });
  await inTheLastStep(s, () => s.b.host.kill(ref(s, 2)));
  await s.until("it goes on", () => `${s.running()}` === "a1" && !!exitOf(s.b, 2));
  assert.ok(exitOf(s.b, 2)?.neverRan);
});

test("it is sent over the network that was asked for", async (t) => {
  const s = await stage(t, { pool: "shared", network: "127.0.0.0/8" });
  await s.move();
  assert.match(s.b.reports.findLast(({ relay }) => relay)?.relay ?? "", /^127\./);
  await s.until("it runs there only", () => `${s.running()}` === "b2" && !!exitOf(s.a, 1));
});

test("a host that has no address in that network says so, and it runs on where it is", async (t) => {
  const s = await stage(t, { pool: "shared", network: "198.51.100.0/24" });
  await s.expect();
  const refusal = () => s.b.reports.findLast(({ generation }) => generation === 2)?.exit?.problem;
  await s.until("it is refused", () => refusal() !== undefined);
  assert.equal(refusal()?.code, "no_migration_address");
  assert.ok(s.b.reports.every(({ relay }) => relay === undefined));
  assert.deepEqual(s.running(), ["a1"]);
});

test("a host that has lost its lease lets nothing run, and it goes on where it was", async (t) => {
  const s = await stage(t, { pool: "shared" });
  s.a.go = (go) => {
    s.b.hasLease = false;
    return go();
  };
  await s.move();
  await s.until("it is given up", () => s.a.progress.some(({ is }) => is === "gave-up"));
  await s.until("it goes on", () => `${s.running()}` === "a1");
  assert.ok(exitOf(s.b, 2)?.neverRan);
});

test("nobody lets in what is not expected, or from another host", async (t) => {
  const s = await stage(t, { pool: "shared" });
  await s.move({ migration: "01890000-0000-7000-8000-00000000dead" }, "relay");
  await s.until("it is given up", () => s.a.progress.some(({ is }) => is === "gave-up"));
  assert.equal(s.a.progress.at(-1)?.problem?.code, "arrival_not_wanted");
  assert.deepEqual(s.running(), ["a1"]);
});
