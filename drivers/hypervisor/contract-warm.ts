/** What every hypervisor promises about machines that begin with the memory of another, as tests. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { type HypervisorRig, specOf } from "./contract.ts";
import type { Hypervisor, MachineSpec, MachineView, TemplateSpec } from "./driver.ts";

export interface WarmRig extends HypervisorRig {
  /** An empty directory, gone after the test. */
  directory(): string;
  /** What is in it is of no use any more, though it looks whole. */
  spoil(directory: string): void;
  /** A guest that never says that it waits to be told who it is. */
  readonly stubborn: TemplateSpec["boot"];
}

const none = milliseconds(0);
const atOnce = { acpi: none, terminate: none, kill: seconds(20) };
const politely = { acpi: minutes(2), terminate: seconds(20), kill: seconds(20) };

export function warmContract(name: string, makeRig: (t: TestContext) => Promise<WarmRig>): void {
  const title =
    "one template makes many machines, each with a name of its own, which live as all others do";
  promise(title, async ({ rig, open, spec, templateOf, t }) => {
    let driver = open();
    const template = rig.directory();
    assert.ok((await driver.makeTemplate(templateOf(), template, minutes(5))) > 0);
    assert.deepEqual(driver.list(), [], "a template is no machine");

    const [one, other] = [spec({ template, metadata: { hostname: "one" } }), spec({ template })];
    await driver.start(one);
    await driver.start(other);
    await up(rig, driver, one);
    await up(rig, driver, other);
    const view = viewOf(driver, one);
    assert.equal(view.begun?.how, "warm");
    assert.ok((view.begun?.took ?? -1) >= 0);

    await t.test("a restarted agent adopts it and still knows how it began", async () => {
      const identity = await rig.identity(one);
      await driver.close();
      driver = open();
      await driver.adopt();
      assert.equal(await rig.identity(one), identity);
      assert.equal(viewOf(driver, one).begun?.how, "warm");
      assert.equal(viewOf(driver, one).guest, "up");
    });
    await t.test("it can be paused, resumed and looked at", async () => {
      await driver.pause(one);
      assert.equal(viewOf(driver, one).guest, "paused");
      await driver.resume(one);
      while (viewOf(driver, one).guest !== "up") await rig.aMoment();
      assert.equal((await driver.examine(one, seconds(5))).runState, "running");
    });
    await t.test("it is never launched again, and ends as it is asked to", async () => {
      const exit = await driver.stop(one, politely);
      assert.deepEqual([exit.reason, exit.requested], ["guest-shutdown", true]);
      await assert.rejects(driver.start(one), { code: "already_ended" });
    });
    await t.test("it reboots as itself", async () => {
      await driver.reset(other, none);
      while (viewOf(driver, other).guest === "up") await rig.aMoment();
      await up(rig, driver, other);
    });
    await t.test("with a spoilt template it is booted, once, and says why", async () => {
      rig.spoil(template);
      const third = spec({ template });
      await driver.start(third);
      const { begun } = viewOf(driver, third);
      assert.equal(begun?.how, "cold");
      assert.match(begun?.why ?? "", /\w/);
      assert.equal(viewOf(driver, third).guest, "booting");
      await driver.stop(third, atOnce);
      await assert.rejects(driver.start(third), { code: "already_ended" });
    });
  });

  promise(
    "a template that is not there any more costs a start nothing but time",
    async ({ rig, open, spec }) => {
      const driver = open();
      const lost = spec({ template: rig.directory(), paused: true });
      await driver.start(lost);
      const { begun } = viewOf(driver, lost);
      assert.deepEqual([begun?.how, begun?.why], ["cold", "its template is not there any more"]);
    },
  );

  promise("a guest that never waits makes no template", async ({ rig, open, templateOf }) => {
    const driver = open();
    const boot = rig.stubborn;
    await assert.rejects(
      driver.makeTemplate({ ...templateOf(), boot }, rig.directory(), seconds(3)),
      { code: "template_not_made" },
    );
  });

  promise("a template fits only what is exactly like it", async ({ open, templateOf }) => {
    const driver = open();
    const like = templateOf();
    const key = await driver.templateKey(like, ["a"]);
    assert.equal(await driver.templateKey({ ...like }, ["a"]), key);
    const others = [
      await driver.templateKey(like, ["b"]),
      await driver.templateKey({ ...like, cpus: like.cpus + 1 }, ["a"]),
      await driver.templateKey({ ...like, memoryMiB: like.memoryMiB + 1 }, ["a"]),
      await driver.templateKey({ ...like, boot: { ...like.boot, commandLine: "other" } }, ["a"]),
    ];
    assert.equal(new Set([key, ...others]).size, 5);
  });

  function promise(what: string, body: (desk: Desk) => Promise<void>): void {
    test(`${name}: ${what}`, async (t) => {
      const rig = await makeRig(t);
      const open = new Set<Hypervisor>();
      const made: MachineSpec[] = [];
      const desk = { rig, t, ...desking(rig, open, made) };
      try {
        await body(desk);
      } finally {
        const driver = desk.open();
        await driver.adopt();
        for (const spec of made) await driver.stop(spec, atOnce);
        for (const spec of made) await driver.forget(spec);
        for (const each of open) await each.close();
      }
      assert.deepEqual(await rig.leftovers(), []);
    });
  }
}

type Desk = ReturnType<typeof desking> & { readonly rig: WarmRig; readonly t: TestContext };

const desking = (rig: WarmRig, opened: Set<Hypervisor>, made: MachineSpec[]) => ({
  open(): Hypervisor {
    const driver = rig.open();
    opened.add(driver);
    return driver;
  },
  spec(changes: Partial<MachineSpec>): MachineSpec {
    const spec = { ...specOf(), boot: rig.guest, ...changes };
    made.push(spec);
    return spec;
  },
  templateOf(): TemplateSpec {
    const { cpus, memoryMiB } = specOf();
    assert.ok(rig.guest !== "firmware");
    return { cpus, memoryMiB, boot: rig.guest };
  },
});

async function up(rig: WarmRig, driver: Hypervisor, spec: MachineSpec): Promise<void> {
  while (viewOf(driver, spec).guest !== "up") await rig.aMoment();
}

function viewOf(driver: Hypervisor, { id, generation }: MachineSpec) {
  const view: MachineView | undefined = driver
    .list(id)
    .find((each) => each.generation === generation);
  assert.ok(view?.is === "running", `it does not run: ${JSON.stringify(view)}`);
  return view;
}
