import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { seconds } from "@holdfast/kernel/time";
import { runner } from "../run.ts";
import { readTree, writeTree } from "../tree.ts";
import { buildDebian, findDebian } from "./build.ts";
import { imageBuildFailed, isAway } from "./failure.ts";
import { loaderParts, writeLoader } from "./loader.ts";
import {
  bootstrapArgv,
  disk,
  identityOf,
  packages,
  partitionTable,
  recipeOf,
  stepOf,
} from "./recipe.ts";
import { mirrorIn, sourcesFor } from "./sources.ts";

const own = join(import.meta.dirname, "rootfs");
const text = (path: string) => readFile(join(own, path), "utf8");
/** Without comments and empty lines. */
const said = async (path: string) =>
  (await text(path)).split("\n").filter((line) => line && !/^(#|\/\/)/.test(line));
const zero = `sha256:${"0".repeat(64)}` as const;

async function scratch(t: { after(work: () => Promise<void>): void }): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), "holdfast-debian-"));
  t.after(() => rm(directory, { recursive: true, force: true }));
  return directory;
}

test("packages come from this machine's own mirror of Debian, and from nobody else", () => {
  const targets = [
    "Google bookworm main https://packages.example/apt/",
    "Debian bookworm-security main http://mirror.example/debian-security/",
    "Debian bookworm main http://mirror.example/debian/",
    "Debian bookworm non-free http://other.example/debian/",
  ].join("\n");
  assert.equal(mirrorIn(targets, "bookworm"), "http://mirror.example/debian");
  assert.equal(
    mirrorIn("Debian trixie main http://m.example/debian/", "bookworm"),
    "http://deb.debian.org/debian",
  );
  assert.equal(
    mirrorIn("Debian bookworm main cdrom:[Debian]/", "bookworm"),
    "http://deb.debian.org/debian",
  );
  assert.deepEqual(sourcesFor("bookworm", "http://m.example/debian/"), [
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian bookworm main",
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian bookworm-updates main",
    "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian-security bookworm-security main",
  ]);
});

test("a Debian is put together apart from this machine, with what a guest needs", () => {
  const argv = bootstrapArgv({
    sources: ["deb http://m.example/debian bookworm main"],
    root: "/w/root",
    overlay: "/w/overlay",
    finish: "/f/finish.sh",
    fileSystem: "uuid",
  });
  assert.deepEqual(argv, [
    ...["unshare", "--fork", "--pid", "--kill-child", "--mount"],
    ...["mmdebstrap", "--mode=root", "--format=directory", "--variant=minbase"],
    "--architectures=amd64",
    '--aptopt=APT::Install-Recommends "false"',
    "--aptopt=Acquire::Retries 2",
    "--dpkgopt=force-unsafe-io",
    `--include=${packages.join(",")}`,
    '--setup-hook=cp -R /w/overlay/. "$1"',
    '--customize-hook=chroot "$1" sh -s uuid </f/finish.sh',
    ...["bookworm", "/w/root", "deb http://m.example/debian bookworm main"],
  ]);
  for (const name of ["cloud-init", "openssh-server", "qemu-guest-agent", "systemd-sysv"])
    assert.ok(packages.includes(name), name);
  // The kernel for clouds has no driver for the watchdog and hears nothing of a new generation.
  assert.ok(packages.includes("linux-image-amd64"));
});

test("the root partition is the last on the disk, so that it can grow", () => {
  const table = partitionTable({ disk: "D", loader: "L", root: "R", fileSystem: "F" });
  assert.equal(
    table,
    [
      "label: gpt",
      "label-id: D",
      "1 : start=4096, size=4188160, type=4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709, uuid=R",
      "14 : start=2048, size=2048, type=21686148-6449-6E6F-744E-656564454649, uuid=L",
      "",
    ].join("\n"),
  );
  assert.equal(disk.loader.at + disk.loader.bytes, disk.root.at);
  assert.ok(disk.root.at + disk.root.bytes < disk.bytes);
});

test("the same recipe has the same identities, another has others", () => {
  const one = identityOf(zero);
  assert.deepEqual(identityOf(zero), one);
  const all = [...Object.values(one), ...Object.values(identityOf(`sha256:${"1".repeat(64)}`))];
  assert.equal(new Set(all).size, 8);
  for (const uuid of all)
    assert.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-a[0-9a-f]{3}-[0-9a-f]{12}$/);
  const files = [["etc/hostname", "debian"]] as const;
  assert.notEqual(recipeOf(files, "exit 0"), recipeOf([["etc/hostname", "other"]], "exit 0"));
  assert.notEqual(recipeOf(files, "exit 0"), recipeOf(files, "exit 1"));
});

test("what mmdebstrap says becomes a step, and its chatter does not", () => {
  assert.equal(stepOf("I: running apt-get update..."), "ask the mirror what there is");
  assert.equal(
    stepOf("I: installing remaining packages inside the chroot..."),
    "download and install the packages",
  );
  assert.equal(stepOf("Setting up udev (252.39) ..."), undefined);
});

test("the loader is told where its rest is, and the partition table is not touched", async (t) => {
  const boot = Buffer.alloc(512, 0xaa);
  const core = Buffer.alloc(1_300, 0xbb);
  const parts = loaderParts(boot, core, disk.loader);
  assert.equal(parts.code.length, 440);
  assert.equal(parts.code.readBigUInt64LE(0x5c), 2048n, "the sector of its partition");
  assert.equal(parts.core.length, 3 * 512);
  assert.equal(parts.core.readBigUInt64LE(500), 2049n);
  assert.equal(parts.core.readUInt16LE(508), 2, "two sectors after the first");
  assert.equal(parts.core.readUInt16LE(510), 0x820);
  const file = join(await scratch(t), "disk");
  await writeFile(file, Buffer.alloc(4 << 20, 0xcc));
  await writeLoader(file, parts, disk.loader.at);
  const written = await readFile(file);
  assert.ok(written.subarray(440, disk.loader.at).every((byte) => byte === 0xcc));
  assert.deepEqual(
    written.subarray(disk.loader.at, disk.loader.at + parts.core.length),
    parts.core,
  );
  assert.throws(() => loaderParts(boot, Buffer.alloc(2 << 20), disk.loader), /do not fit/);
});

test("the guest is set up as the platform expects it", async () => {
  assert.deepEqual(await said("etc/systemd/system.conf.d/holdfast.conf"), [
    "[Manager]",
    "RuntimeWatchdogSec=60s",
    "DefaultTimeoutStartSec=5min",
    "DefaultDeviceTimeoutSec=5min",
    "DefaultTimeoutStopSec=30s",
  ]);
  assert.deepEqual(await said("etc/systemd/system/qemu-guest-agent.service.d/early.conf"), [
    "[Unit]",
    "DefaultDependencies=no",
    "After=systemd-remount-fs.service",
    "Conflicts=shutdown.target",
    "Before=shutdown.target",
  ]);
  assert.deepEqual(await said("etc/systemd/journald.conf.d/holdfast.conf"), [
    "[Journal]",
    "Storage=persistent",
    "SystemMaxUse=64M",
  ]);
  assert.deepEqual(await said("etc/systemd/system/holdfast-ready.service"), [
    "[Unit]",
    "Description=Say on the console that this guest is up",
    "After=cloud-init.service ssh.service systemd-user-sessions.service",
    "[Service]",
    "Type=oneshot",
    "RemainAfterExit=yes",
    `ExecStart=/bin/sh -c 'echo "holdfast: ready" >/dev/console'`,
    "[Install]",
    "WantedBy=multi-user.target",
  ]);
  const early = await said("usr/share/initramfs-tools/modules.d/holdfast");
  assert.deepEqual(early.slice(0, 3), ["pvpanic_pci", "i6300esb", "qemu_fw_cfg"]);
  assert.match(await text("etc/default/grub.d/holdfast.cfg"), /console=ttyS0,115200 panic=-1/);
  const cloud = await text("etc/cloud/cloud.cfg.d/90_holdfast.cfg");
  assert.match(cloud, /^datasource_list: \[ NoCloud, Holdfast, None \]$/m);
  assert.match(cloud, /metadata_urls: \[ "http:\/\/169\.254\.169\.254" \]/);
});

test("files of a guest can be read by everybody there, and programs can be run", async (t) => {
  const root = await scratch(t);
  await writeTree(root, await readTree(own));
  const mode = async (path: string) => (await stat(join(root, path))).mode & 0o777;
  assert.equal(await mode("usr/libexec/holdfast/say-finished"), 0o755);
  assert.equal(await mode("etc/hosts"), 0o644);
  assert.deepEqual(await readTree(root), await readTree(own));
});

test("a full disk and a mirror that is away have words of their own", async () => {
  const run = runner(seconds(10), imageBuildFailed);
  const fail = (words: string) =>
    run("unpack", ["bash", "-c", `echo '${words}' >&2; exit 1`], "Type this.");
  await assert.rejects(fail("tar: etc/x: Cannot write: No space left on device"), {
    code: "image_build_no_room",
    kind: "exhausted",
  });
  await assert.rejects(fail("dpkg: something else"), {
    code: "image_build_failed",
    message: /"unpack" failed\. dpkg: something else/,
  });
  assert.ok(
    isAway({
      stderr: "E: Failed to fetch http://m.example/debian/dists/x  Could not resolve 'm.example'",
    }),
  );
  assert.ok(!isAway({ stderr: "dpkg: error processing package udev" }));
  assert.ok(!isAway(new Error("anything")));
});

test("a build whose mirror does not answer says so, and leaves nothing", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const directory = await scratch(t);
  const steps: string[] = [];
  await assert.rejects(
    // Nobody listens on port 9.
    buildDebian({
      directory,
      mirror: "http://127.0.0.1:9/debian",
      onStep: (step) => steps.push(step),
    }),
    { code: "mirror_unreachable", message: /http:\/\/127\.0\.0\.1:9\/debian/ },
  );
  assert.deepEqual(steps, ["ask the mirror what there is"]);
  assert.deepEqual(await readdir(join(directory, "work")), []);
  assert.equal(await findDebian({ directory }), undefined);
});

test("whatever a program thinks of it, it ends with its children when nobody wants it any more", async () => {
  const stop = new AbortController();
  const reason = new Error("somebody pressed Ctrl-C");
  const run = runner(seconds(100), imageBuildFailed, stop.signal);
  // As mmdebstrap is run: the outer program is deaf to SIGTERM, and what it started would run on.
  const deaf = 'trap "" TERM; echo "$$" >&2; sleep 1000 & wait; sleep 1000';
  const apart = ["unshare", "--fork", "--pid", "--kill-child", "--mount"];
  const onLine = () => stop.abort(reason);
  await assert.rejects(run("wait", [...apart, "bash", "-c", deaf], "", { onLine }), reason);
  await assert.rejects(run("more", ["true"], ""), reason);
});

test("a build that nobody wants any more ends with all its processes, and leaves nothing", async (t) => {
  if (process.getuid?.() !== 0) return t.skip("needs root");
  const directory = await scratch(t);
  const stop = new AbortController();
  const reason = new Error("somebody pressed Ctrl-C");
  const onStep = (step: string) => {
    if (step === "ask the mirror what there is") stop.abort(reason);
  };
  await assert.rejects(buildDebian({ directory, onStep, signal: stop.signal }), reason);
  assert.deepEqual(await readdir(join(directory, "work")), []);
});
