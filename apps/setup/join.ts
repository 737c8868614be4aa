/** `holdfast join`: this machine becomes a host of a cloud that is somewhere else. */

import { mkdir } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "@holdfast/cloud/agent/edge";
import { buildTiny, findTiny } from "@holdfast/drivers/images/tiny";
import { problem } from "@holdfast/kernel/problem";
import { ensureAptLists, install, missing } from "./needs.ts";
import { buildOf, paths, readJson, writePrivately } from "./place.ts";
import type { Say } from "./say.ts";
import { ensureSupervisor } from "./supervision.ts";

export interface JoinOptions {
  readonly state: string;
  /** Addresses of managers; the first is joined through, the agent uses any. */
  readonly managers: readonly string[];
  readonly token: string;
  readonly name: string | undefined;
}

export async function joinCloud(
  { state, managers, token, name }: JoinOptions,
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
  if (await readJson(at.identity))
    throw problem(
      "conflict",
      "already_a_host",
      `This machine has joined a cloud already (${at.identity}).`,
      {
        fix: "To join another, revoke it there, then delete that file: holdfast hosts revoke NAME",
      },
    );
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
    writePrivately(at.identity, await join(manager, token, own)),
  );
  await ensureSupervisor(state, {
    programs: [
      { name: "guard", script: at.script("guard"), build: buildOf(at.script("guard")), env: {} },
      {
        name: "agent",
        script: at.script("agent"),
        build: buildOf(at.script("agent")),
        env: { HOLDFAST_MANAGERS: managers.join(",") },
      },
    ],
  });
  say.line(`  See it there: holdfast hosts`);
}
