/** A pool over there, as one here: the same calls, the same refusals, the same bytes, and the same cut. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { prepareBackups } from "@holdfast/drivers/volumes/backups";
import { type InstanceId, uuidV7, type VolumeId } from "@holdfast/kernel/ids";
import { wallClock } from "../../drivers/hypervisor/fixture-host.ts";
import { type BlockPool, poolStorage } from "./storage.ts";

const MiB = 1 << 20;
let minted = 0;
const mint = <Id>() => uuidV7(4, new Uint8Array(16).fill(++minted)) as Id; // Its own maker's word.

test("a volume of a storage host is made, used, copied and cut off from another host", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "hf-door-"));
  chmodSync(root, 0o711);
  t.after(() => rmSync(root, { recursive: true }));
  const issue = newAuthority(root);
  const [door, first] = [await freePort(), await freePort()];
  const address = "127.0.0.1";
  const host = (name: string, block: BlockPool, membership = issue(name)) => {
    const at = join(root, name);
    mkdirSync(join(at, "images"), { recursive: true });
    return poolStorage({
      ...{ local: { volumes: join(at, "volumes"), images: join(at, "images") }, pools: {} },
      ...{ managers: [], membership, host: name, runDir: join(at, "run"), clock: wallClock },
      blocks: { block },
    });
  };
  const directory = join(root, "pool");
  const ports = { first, count: 1 };
  const server = await host("server", { serve: { directory, address, door, ports } });
  const client = await host("client", { at: address, door });
  const pool = await client.pool("block");
  const volume = mint<VolumeId>();
  const opener = { instance: mint<InstanceId>(), generation: 1 };
  try {
    await assert.rejects(pool.open(volume, opener), {
      code: "volume_not_found",
      kind: "not_found",
    });
    await pool.make(volume, 8 * MiB, { is: "blank" });
    const { source } = await pool.open(volume, opener);
    const { server: at, export: name } = source.blockdev.file as {
      server: { path: string };
      export: string;
    };
    const io = (...commands: readonly string[]) =>
      execFileSync(
        "qemu-io",
        [
          "-f",
          "raw",
          ...commands.flatMap((each) => ["-c", each]),
          `nbd+unix:///${name}?socket=${at.path}`,
        ],
        { encoding: "utf8" },
      );
    assert.match(io("write -P 7 0 1M"), /wrote 1048576/);
    const other = { instance: mint<InstanceId>(), generation: 1 };
    await assert.rejects(pool.open(volume, other), { code: "volume_in_use" });
    assert.deepEqual(await pool.openers(volume), [opener]);

    await pool.snapshot(volume, "one");
    assert.deepEqual(
      (await pool.snapshots(volume)).map((each) => each.name),
      ["one"],
    );
    const file = join(root, "image.qcow2");
    await pool.extract(volume, "one", file);
    const seen = execFileSync("qemu-io", ["-f", "qcow2", "-r", "-c", "read -P 7 0 1M", file], {
      encoding: "utf8",
    });
    assert.match(seen, /read 1048576/);
    const backups = join(root, "backups");
    mkdirSync(backups);
    await prepareBackups(backups, "place");
    await pool.backUp(volume, client.backups(backups), { id: "b1" });
    const restored = mint<VolumeId>();
    await pool.restoreBackup(restored, client.backups(backups), volume, "b1");
    assert.equal((await pool.measure()).volumes.length, 2);

    // The cut is asked for by a third host, and the guest of this one reads no more.
    const third = await host("third", { at: address, door });
    await (await third.pool("block")).revoke(volume, opener);
    await third.close();
    assert.throws(() => io("read 0 512"));
    await assert.rejects(pool.open(volume, opener), { code: "generation_revoked" });
    await pool.release(volume, opener);
    for (const each of [volume, restored]) await pool.remove(each);

    // A name that is none leads nowhere.
    await assert.rejects(pool.remove("../../etc/passwd" as VolumeId), { code: "pool_unreachable" });
  } finally {
    await client.close();
    await server.close();
  }
  const left = execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).split("\n");
  assert.deepEqual(
    left.filter((line) => line.includes(root)),
    [],
  );
});

test("a stranger neither serves a pool nor asks one", async (t) => {
  const root = mkdtempSync(join(tmpdir(), "hf-door-"));
  t.after(() => rmSync(root, { recursive: true }));
  mkdirSync(join(root, "a"));
  mkdirSync(join(root, "b"));
  const [ours, theirs] = [newAuthority(join(root, "a")), newAuthority(join(root, "b"))];
  const [door, first] = [await freePort(), await freePort()];
  const serve = {
    directory: join(root, "pool"),
    address: "127.0.0.1",
    door,
    ports: { first, count: 1 },
  };
  const open = (name: string, membership: ReturnType<typeof ours>, block: BlockPool) =>
    poolStorage({
      ...{ local: { volumes: join(root, name), images: join(root, name) }, pools: {} },
      ...{ managers: [], membership, host: name, runDir: join(root, "run"), clock: wallClock },
      blocks: { block },
    });
  const server = await open("server", ours("server"), { serve });
  try {
    // One that does not know our authority, and one that has not been signed by it.
    const known = theirs("client");
    for (const membership of [known, { ...known, authority: ours("x").authority }]) {
      const client = await open("client", membership, { at: "127.0.0.1", door });
      const pool = await client.pool("block");
      await assert.rejects(pool.measure(), { code: "pool_unreachable" });
      await client.close();
    }
  } finally {
    await server.close();
  }
});

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const bound = server.address();
  server.close();
  await once(server, "close");
  return typeof bound === "object" && bound ? bound.port : 0;
}

/** As the managers' authority signs them: for clients only. */
function newAuthority(root: string) {
  const file = (name: string) => join(root, name);
  const openssl = (...args: readonly string[]) =>
    execFileSync("openssl", [...args], { stdio: "pipe" });
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
  openssl(
    ...["req", "-x509", ...key, "-keyout", file("ca.key"), "-out", file("ca.pem")],
    ...["-days", "1", "-subj", "/CN=authority"],
  );
  writeFileSync(file("host.ext"), "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n");
  return (name: string) => {
    openssl(
      "req",
      ...key,
      "-keyout",
      file(`${name}.key`),
      "-out",
      file(`${name}.csr`),
      "-subj",
      `/CN=${name}`,
    );
    openssl(
      ...[
        "x509",
        "-req",
        "-in",
        file(`${name}.csr`),
        "-CA",
        file("ca.pem"),
        "-CAkey",
        file("ca.key"),
      ],
      ...[
        "-CAcreateserial",
        "-days",
        "1",
        "-extfile",
        file("host.ext"),
        "-out",
        file(`${name}.pem`),
      ],
    );
    const read = (which: string) => readFileSync(file(which), "latin1");
    return {
      certificate: read(`${name}.pem`),
      key: read(`${name}.key`),
      authority: read("ca.pem"),
    };
  };
}
