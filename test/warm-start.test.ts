/** What everybody sees of warm starts, through every layer but the hypervisor. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedPlatform, until } from "./platform.ts";

interface Instance {
  readonly state: string;
  readonly guest: string | null;
  readonly begun: { readonly how: string; readonly took?: number; readonly why?: string } | null;
}
interface Image {
  readonly warm: boolean;
  readonly manifest: { readonly disk: { readonly digest: string } };
  readonly code?: string;
}

const at = "/v1/projects/default";
const platform = await sharedPlatform({ managers: 2, hosts: 1 });

async function runs(name: string, image: string): Promise<Instance> {
  const path = `${at}/instances/${name}`;
  const made = await platform.call("POST", `${at}/instances`, { name, image, type: "tiny" });
  assert.equal(made.status, 202);
  await until(`${name} is up`, async () => {
    const { body } = await platform.call<Instance>("GET", path);
    return body.guest === "up";
  });
  return (await platform.call<Instance>("GET", path)).body;
}

test("an image is warm when whoever answers for it says so, and not before", async () => {
  const { body: tiny } = await platform.call<Image>("GET", `${at}/images/tiny`);
  assert.equal(tiny.warm, false);
  const { digest } = tiny.manifest.disk;
  const direct = { kernel: digest, initrd: digest, commandLine: "quiet" };
  const manifest = { ...tiny.manifest, direct };
  await platform.call("POST", "/v1/images", { name: "direct", source: "test", manifest });

  const cold = await runs("cold", "direct");
  assert.equal(cold.begun?.how, "cold");
  const [host] = platform.hosts;
  assert.equal(host?.world.templates.size, 0, "nobody has said that it is safe");

  const { body: warm } = await platform.call<Image>("PUT", `${at}/images/direct/warm`, {
    warm: true,
  });
  assert.equal(warm.warm, true);
  assert.equal((await platform.call<Image>("GET", `${at}/images/direct`)).body.warm, true);
});

test("an image that is registered as warm starts cold first, and warm from then on", async () => {
  const { body: tiny } = await platform.call<Image>("GET", `${at}/images/tiny`);
  const { digest } = tiny.manifest.disk;
  const direct = { kernel: digest, initrd: digest, commandLine: "warm" };
  const manifest = { ...tiny.manifest, direct, warm: true };
  await platform.call("POST", "/v1/images", { name: "warm", source: "test", manifest });
  assert.equal((await runs("first", "warm")).begun?.how, "cold");
  const [host] = platform.hosts;
  await until("a template is there", async () => (await host?.templates.load())?.length === 1);
  const second = await runs("second", "warm");
  assert.equal(second.begun?.how, "warm");
  assert.ok((second.begun?.took ?? -1) >= 0);

  for (const directory of host?.world.templates.keys() ?? [])
    host?.world.templates.set(directory, "spoilt");
  const third = await runs("third", "warm");
  assert.equal(third.begun?.how, "cold");
  assert.match(third.begun?.why ?? "", /could not be read/);
});

test("what is taken back is so from the next start on, at every manager", async () => {
  const { body: tiny } = await platform.call<Image>("GET", `${at}/images/tiny`);
  const { digest } = tiny.manifest.disk;
  const direct = { kernel: digest, initrd: digest, commandLine: "taken back" };
  const manifest = { ...tiny.manifest, direct, warm: true };
  await platform.call("POST", "/v1/images", { name: "once-warm", source: "test", manifest });
  await platform.stopManager(1);
  const begins = async (name: string) => (await runs(name, "once-warm")).begun?.how;
  let tries = 0;
  await until("its template is there", async () => (await begins(`try-${++tries}`)) === "warm");
  const say = (warm: boolean) => platform.call("PUT", `${at}/images/once-warm/warm`, { warm });
  await say(false);
  assert.equal(await begins("cold-at-once"), "cold");
  await say(true);
  await platform.startManager(1);
  await platform.stopManager(0);
  assert.equal(await begins("warm-by-other"), "warm");
  await platform.startManager(0);

  await say(false);
  assert.equal(await begins("cold-by-one"), "cold");
  await platform.stopManager(0);
  assert.equal(await begins("cold-by-other"), "cold");
  await platform.startManager(0);
});

test("an image whose guests boot from their disks cannot be warm", async () => {
  const { status, body } = await platform.call<Image>("PUT", `${at}/images/tiny/warm`, {
    warm: true,
  });
  assert.deepEqual([status, body.code], [409, "image_cannot_be_warm"]);
});
