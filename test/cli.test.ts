/** The command line against a real manager: a whole life, typed. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { run } from "../apps/cli/testing.ts";
import { startPlatform, wallClock } from "./platform.ts";

test("a whole life, as somebody types it", async (t) => {
  const platform = await startPlatform({ hosts: 2 });
  t.after(async () => {
    await platform.close();
    await stopTestServer();
  });
  const environment = {
    HOLDFAST_URL: `http://127.0.0.1:${platform.managers[0]?.apiPort}`,
    HOLDFAST_TOKEN: platform.token,
  };
  const type = (line: string) => run(line, { environment, now: wallClock.now() });
  const expect = async (line: string, code: number, says: RegExp) => {
    const ran = await type(line);
    assert.equal(ran.code, code, `${line}\n${ran.out}${ran.err}`);
    assert.match(ran.out + ran.err, says);
  };

  await expect("run web --wait", 0, /web: run done in/);
  await expect("list", 0, /^NAME .*\nweb {3}running/);
  await expect("show web", 0, /host +host-\d\n/);
  await expect("run web", 4, /name_taken/);
  await expect("show wbe", 3, /Did you mean web\?/);
  await expect(
    "run --count 0",
    8,
    / count {2}Too small.*\nnext: {4}See what it takes: holdfast help run/,
  );
  await expect("protect web", 0, /web is protected/);
  await expect("destroy web", 4, /protect web --off|protected/);
  await expect("protect web --off", 0, /no longer/);
  await expect("reboot web --force --wait", 0, /reboot done/);
  await expect("stop web --wait", 0, /stop done/);
  await expect("console web", 4, /does not run/);
  await expect("start web --wait", 0, /start done/);
  await expect("events web", 0, /bootConfirmed/);
  await expect("trace web", 0, /journal/);
  await expect("log web", 0, /./);
  await expect("hosts", 0, /host-2 {2}up/);
  await expect("hosts set host-2 --mode maintenance --tag ssd,fast", 0, /maintenance.*ssd,fast/);
  await expect("placement explain --host-tag gold", 5, /rejected {2}tags/);
  await expect(
    "run greedy --host-tag gold --wait",
    5,
    /HOST +VERDICT +RULE(.|\n)*insufficient_capacity/,
  );
  await expect("settings set instances.stop_grace 20", 0, /is 20/);
  await expect("settings set instances.stop_grace -5", 8, /setting_out_of_range|invalid/);
  await expect("settings reset instances.stop_grace", 0, /the default/);
  await expect("types set big --cpus 4 --memory 1024 --disk 10", 0, /big/);
  await expect("images", 0, /tiny {2}ready/);
  await expect("projects create blue", 0, /blue/);
  await expect("--project blue run only --count 3 --wait", 0, /run done for 3 instances/);
  await expect("keys create ci --project blue --json", 0, /"project": "blue"/);
  await expect("hosts token", 0, /holdfast join/);
  await expect("jobs", 0, /reboot {2}succeeded/);
  await expect("destroy web --wait", 0, /destroy done/);
  await expect("recover web --wait", 0, /recover done/);
  await expect("expunge web", 4, /next: {4}Destroy it first/);
  await expect("destroy web --wait", 0, /destroy done/);
  await expect("expunge web --wait", 0, /expunge done/);
  await expect("list --all", 0, /web +expunged/);
  await expect("show web", 3, /instance_not_found/);

  const scratch = await mkdtemp(join(tmpdir(), "holdfast-cli-"));
  t.after(() => rm(scratch, { recursive: true }));
  const file = join(scratch, "disk");
  await writeFile(file, Buffer.alloc(4_096).fill("\x55\xaa", 510, 512, "latin1")); // A boot sector.
  const built = {
    is: "built",
    file,
    bytes: 4_096,
    smallestMemoryMiB: 256,
    bootSeconds: 900,
    says: "a disk",
  } as const;
  const buildImage = async () => ({ ...built, release: async () => {} });
  const { code, out, err } = await run("images build debian-12 --wait --json", {
    environment,
    buildImage,
  });
  assert.equal(code, 0, err);
  const { saysReady, smallestMemoryMiB } = JSON.parse(out).manifest;
  assert.deepEqual({ saysReady, smallestMemoryMiB }, { saysReady: true, smallestMemoryMiB: 256 });
  await expect("images build debian-12", 4, /image_name_taken/);

  await platform.stopManager(0);
  await expect("list", 6, /manager_unreachable/);
});
