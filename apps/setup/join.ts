/** `holdfast join`: this machine becomes a host of a cloud that is somewhere else. */

import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "@holdfast/cloud/agent/edge";
import { buildTiny, findTiny } from "@holdfast/drivers/images/tiny";
import { problem } from "@holdfast/kernel/problem";
import { environmentOf, type GivenEquipment, recallEquipment } from "./equipment.ts";
import { ensureAptLists, install, missing } from "./needs.ts";
import { buildOf, paths, readJson, writePrivately } from "./place.ts";
import type { Say } from "./say.ts";
import { ensureSupervisor, planFile } from "./supervision.ts";

export interface JoinOptions {
  readonly state: string;
  /** Addresses of managers; the first is joined through, the agent uses any. */
  readonly managers: readonly string[];
  /** Not needed by a machine that has joined: it may change its equipment. */
  readonly token: string | undefined;
  readonly name: string | undefined;
  readonly given: GivenEquipment;
}

export async function joinCloud(
  { state, managers, token, name, given }: JoinOptions,
  say: Say,
): Promise<void> {
  const at = paths(state);
  const [manager = ""] = managers;
  const lacking = await missing();
  if (lacking.length > 0) {
    say.line(
      `These Debian packages are missing and will be installed: ${lacking.map((need) => need.name).join(", ")}`,
    );
    await say.step("the Debian packages are installed", () => install(lacking));
  }
  await mkdir(at.logs, { recursive: true });
  if (await readJson(at.identity)) {
    const isChange = Object.values(given).some((each) => each !== undefined);
    if (isChange && !(await hasManager(state))) {
      await say.step("agent and guard are told", () => run(state, managers, given));
      return say.line(`  See it there: holdfast hosts`);
    }
    throw problem(
      "conflict",
      "already_a_host",
      `This machine has joined a cloud already (${at.identity}).`,
      {
        fix: isChange
          ? "It runs a manager too, so say it there: holdfast up --pool NAME=/DIRECTORY"
          : "To join another, revoke it there, then delete that file: holdfast hosts revoke NAME",
      },
    );
  }
  // The agent finds out with it whether KVM works here.
  await say.step("the probe guest is built", async () => {
    const where = { directory: at.tiny, rootfs: at.rootfs };
    if (await findTiny(where)) return;
    await ensureAptLists();
    await buildTiny({ ...where, cache: at.cache });
  });
  const own =
    name ??
    hostname()
      .toLowerCase()
      .replaceAll(/[^a-z0-9.-]/g, "-");
  await say.step(`joined as ${own}`, async () =>
    writePrivately(at.identity, await join(manager, token ?? "", own)),
  );
  await run(state, managers, given);
  say.line(`  See it there: holdfast hosts`);
}

/** Then `up` made it a host, and the plan of its programs is not ours to write. */
async function hasManager(state: string): Promise<boolean> {
  const plan = await readJson(planFile(state));
  return (JSON.stringify(plan) ?? "").includes('"name":"manager"');
}

async function run(
  state: string,
  managers: readonly string[],
  given: GivenEquipment,
): Promise<void> {
  const { script } = paths(state);
  const own = environmentOf(await recallEquipment(state, given));
  const agent = { HOLDFAST_MANAGERS: managers.join(","), ...own };
  await ensureSupervisor(state, {
    programs: [
      { name: "guard", script: script("guard"), build: buildOf(script("guard")), env: own },
      { name: "agent", script: script("agent"), build: buildOf(script("agent")), env: agent },
    ],
  });
}
