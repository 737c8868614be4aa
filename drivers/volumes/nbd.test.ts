/** What only the real storage daemon can get wrong: the cut, its own death, and the way from another host. */
import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import type { BlockSource } from "@holdfast/kernel/block";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import { isAlive } from "../hypervisor/process.ts";
import { type DoorKeys, doorsTo } from "./doors.ts";
import type { Opener } from "./driver.ts";
import { nameOf } from "./exports.ts";
import { type NbdPoolOptions, nbdPool } from "./nbd.ts";

const MiB = 1 << 20;
let minted = 0;
const mint = <Id>() => uuidV7(1, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.
const opener = (generation: number): Opener => ({ instance: mint<InstanceId>(), generation });

/** A storage host with one volume on it, which is closed and swept in the end. */
async function host(t: TestContext, changes: Partial<NbdPoolOptions> = {}) {
  const root = mkdtempSync(join(tmpdir(), "hf-nbd-"));
  chmodSync(root, 0o711);
  const options = {
    directory: join(root, "volumes"),
    runDir: join(root, "run"),
    host: "h1",
    ...changes,
  };
  const volume = mint<VolumeId>();
  const pools = [await nbdPool(options)];
  const [pool] = pools;
  assert.ok(pool);
  await pool.make(volume, 8 * MiB, { is: "blank" });
  const ends: (() => Promise<void>)[] = [];
  t.after(async () => {
    for (const end of ends) await end();
    for (const each of pools) each.close();
    const last = await nbdPool(options);
    for (const view of (await last.measure()).volumes)
      if (view.openedBy) await last.release(view.volume, view.openedBy);
    await last.tend();
    last.close();
    const left = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
    assert.deepEqual(
      left.filter((line) => line.includes(root)),
      [],
    );
    rmSync(root, { recursive: true });
  });
  return {
    root,
    pool,
    volume,
    /** Before the host itself is swept. */
    finally: (end: () => Promise<void>) => void ends.push(end),
    client(source: BlockSource, patience = 0) {
      const { tell, end } = client(source, patience);
      ends.push(end);
      return { tell };
    },
    daemon: () => {
      const [id] = execFileSync("ls", [options.runDir], { encoding: "utf8" }).split("\n");
      const text = readFileSync(join(options.runDir, String(id), "daemon.pid"), "utf8");
      return JSON.parse(text) as { pid: number; startTicks: number };
    },
    async again() {
      pool.close();
      const next = await nbdPool(options);
      pools.push(next);
      return next;
    },
  };
}

/** Somebody who has a disk open and is told what to do with it, line by line. */
function client(source: BlockSource, patience: number) {
  const file = { ...(source.blockdev.file as object), "reconnect-delay": patience }; // An NBD node.
  const blockdev = JSON.stringify({ ...source.blockdev, file });
  const child: ChildProcess = spawn("qemu-io", ["-t", "none", `json:${blockdev}`]);
  child.stdin?.on("error", () => {}); // It may have given up by itself.
  let said = "";
  let wake = () => {};
  for (const stream of [child.stdout, child.stderr])
    stream?.on("data", (text) => {
      said += text;
      wake();
    });
  const ended = once(child, "close").then(() => wake());
  return {
    async end() {
      child.kill("SIGKILL");
      await ended;
    },
    async tell(line: string): Promise<string> {
      said = "";
      child.stdin?.write(`${line}\n`);
      while (!/(ops;|failed|error|rejected|can't open)/i.test(said) && child.exitCode === null)
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      return said;
    },
  };
}

test("nbd: who is cut off can neither read nor write, and the next one finds its bytes", async (t) => {
  const { pool, volume, client } = await host(t);
  const first = opener(1);
  const { source } = await pool.open(volume, first);
  const guest = client(source);
  assert.match(await guest.tell("write -P 1 0 64k"), /wrote 65536/);
  const begun = performance.now();
  await pool.revoke(volume, first);
  t.diagnostic(`cut and written down in ${(performance.now() - begun).toFixed(1)} ms`);
  assert.match(await guest.tell("write -P 2 0 64k"), /failed/);
  assert.match(await guest.tell("read 0 64k"), /failed/);

  const second = { ...first, generation: 2 };
  const next = client((await pool.open(volume, second)).source);
  assert.match(await next.tell("read -P 1 0 64k"), /read 65536/);
  assert.match(await next.tell("write -P 3 0 64k"), /wrote 65536/);
  assert.match(await guest.tell("write -P 2 0 64k"), /failed/, "it does not come back");
  const late = client(source);
  assert.match(await late.tell("read 0 64k"), /error|can't open|not available|Requested/i);
});

test("nbd: the cut works on a daemon that is frozen, and the younger generation lives on", async (t) => {
  const { pool, volume, daemon, client } = await host(t);
  const old = opener(1);
  const young = { ...old, generation: 2 };
  await pool.open(volume, old);
  const guest = client((await pool.open(volume, young)).source, 30);
  assert.match(await guest.tell("write -P 1 0 64k"), /wrote/);
  const frozen = daemon();
  process.kill(frozen.pid, "SIGSTOP");
  await pool.revoke(volume, old);
  assert.ok(!isAlive(frozen));
  assert.match(await guest.tell("read -P 1 0 64k"), /read 65536/);
});

test("nbd: a daemon that is killed comes back by itself, and its guest only waits", async (t) => {
  const { pool, volume, daemon, client } = await host(t);
  const guest = client((await pool.open(volume, opener(1))).source, 30);
  assert.match(await guest.tell("write -P 5 0 1M"), /wrote/);
  process.kill(daemon().pid, "SIGKILL");
  assert.match(await guest.tell("write -P 6 1M 1M"), /wrote/);
  assert.match(await guest.tell("read -P 5 0 1M"), /read/);
});

test("nbd: a guest's disk grows, is snapshot and backed up while it is written to", async (t) => {
  const { pool, volume, client } = await host(t);
  const guest = client((await pool.open(volume, opener(1))).source, 30);
  assert.match(await guest.tell("write -P 1 0 1M"), /wrote/);
  await pool.snapshot(volume, "before");
  assert.match(await guest.tell("write -P 2 0 1M"), /wrote/);
  await pool.resize(volume, 16 * MiB);
  assert.match(await guest.tell("read -P 2 0 1M"), /read/);
  const copy = mint<VolumeId>();
  await pool.restore(copy, volume, "before");
  const reader = client((await pool.open(copy, opener(1))).source);
  assert.match(await reader.tell("read -P 1 0 1M"), /read/);
});

test("nbd: what was revoked while the agent died stays revoked", async (t) => {
  const { pool, volume, again, client } = await host(t);
  const first = opener(1);
  const guest = client((await pool.open(volume, first)).source);
  assert.match(await guest.tell("write -P 1 0 64k"), /wrote/);
  await pool.revoke(volume, first);
  const next = await again();
  await next.tend();
  assert.match(await guest.tell("write -P 2 0 64k"), /failed/);
  await assert.rejects(next.open(volume, first), { code: "generation_revoked" });
});

for (const isSecret of [false, true])
  test(`nbd: a guest of another host comes in ${isSecret ? "with its host's key" : "in the clear"}`, async (t) => {
    const keys = isSecret ? makeKeys(t) : undefined;
    const port = 20_000 + (process.pid % 20_000);
    const listen = {
      address: "127.0.0.1",
      ports: { first: port, count: 1 },
      ...(keys ? { keys } : {}),
    };
    const desk = await host(t, { listen });
    const { pool, volume, root, client } = desk;
    const first = opener(1);
    const { door } = await pool.open(volume, first);
    assert.deepEqual(door, { volume, port, name: nameOf(first) });
    assert.ok(door);
    const other = mint<VolumeId>();
    await pool.make(other, MiB, { is: "blank" });
    await assert.rejects(pool.open(other, opener(1)), { code: "storage_ports_exhausted" });

    const runDir = join(root, "there");
    mkdirSync(runDir);
    const doors = doorsTo({ runDir, ...(keys ? { keys } : {}) });
    desk.finally(() => doors.close(door));
    const source = await doors.open("127.0.0.1", door, "storage.hf");
    const guest = client(source);
    assert.match(await guest.tell("write -P 7 0 1M"), /wrote/);
    if (isSecret) {
      const stranger = doorsTo({ runDir: join(root, "stranger"), keys: makeKeys(t) });
      desk.finally(() => stranger.close(door));
      const wrong = await stranger.open("127.0.0.1", door, "storage.hf");
      assert.match(await client(wrong).tell("read 0 64k"), /error|can't open/i);
    }
    await pool.revoke(volume, first);
    assert.match(await guest.tell("read 0 64k"), /failed/);
    await doors.close(door);
    await doors.tend();
  });

function makeKeys(t: TestContext): DoorKeys {
  const folder = mkdtempSync(join(tmpdir(), "hf-keys-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, certificate] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const kind = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  const names = ["-subj", "/CN=storage.hf", "-days", "2"];
  execFileSync("openssl", ["req", ...kind, "-keyout", key, "-out", certificate, ...names], {
    stdio: "ignore",
  });
  return { certificate, key, authority: certificate };
}
