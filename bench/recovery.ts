import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { connect } from "@holdfast/client/client";
import { listHosts } from "@holdfast/cloud/hosts/api";
import {
  getInstance,
  type InstanceView,
  startInstance,
  stopInstance,
} from "@holdfast/cloud/instances/api";
import { changeSetting } from "@holdfast/cloud/settings/api";
import { perform } from "../apps/drill/drill.ts";
import { type DrillName, drillOf, drills, isDrill } from "../apps/drill/drills.ts";
import type { Report } from "../apps/drill/report.ts";
import { siteAt } from "../apps/drill/site.ts";
import { untilBack, victimOf, watch } from "../apps/drill/victims.ts";
import { type Installation, install } from "./installation.ts";
import { cpuOf, loadNow } from "./measure.ts";
import { type Boot, type Row, summaryOf } from "./recovery-figures.ts";

const { values: options } = parseArgs({
  options: {
    times: { type: "string", default: "10" },
    only: { type: "string" },
    state: { type: "string", default: `/tmp/hf-recovery-${process.pid}` },
  },
});
const times = Number(options.times);
const { state } = options;
const _launcher = join(import.meta.dirname, "..", "holdfast");
const project = "default";
const victim = "first";

/** Each right after a plain start. */
const inTurns: readonly Row[] = ["guest-panic", "qemu-crash"];
const others = Object.keys(drills)
  .filter(isDrill)
  .filter((name) => !inTurns.includes(name))
  .flatMap((name): readonly Row[] => (name === "host-cut" ? [name, "host-cut, no BMC"] : [name]));
/** As it is typed: host-cut-no-BMC. */
const optionOf = (row: Row) => row.replace(", ", "-").replace(" ", "-");
const isChosen = (row: Row) =>
  options.only === undefined || options.only.split(",").includes(optionOf(row));
const rows = [...inTurns, ...others].filter(isChosen);
if (rows.length === 0 || !(times > 0)) {
  const names = [...inTurns, ...others].map(optionOf);
  console.error(`--times takes a number, --only some of ${names.join(",")}`);
  process.exit(2);
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.once(signal, () => stop.abort(new Error("interrupted")));

const reports = new Map<Row, Report[]>();
const again = new Map<Row, Boot[]>();
const plain: Boot[] = [];
const failures: string[] = [];
const installation = await install(state, "--hosts", "3");
try {
  const client = await connected(installation);
  const site = await siteAt(state);
  console.log(`${times} times each, load ${loadNow()}`);
  try {
    // All kinds in each round: a machine that gets busy is so for all of them.
    for (let time = 0; time < times; time++)
      for (const row of rows) {
        stop.signal.throwIfAborted();
        if (inTurns.includes(row)) plain.push(await plainStart());
        await drill(row);
      }
  } catch (error) {
    failures.push(`broken off: ${String(error)}`);
  }
  const { text, isMet } = summaryOf({ reports, plain, again, failures });
  console.log(`\nload ${loadNow()}\n\n${text}`);
  if (!isMet) process.exitCode = 1;

  /** From the call until the guest says that it is up. */
  async function plainStart(): Promise<Boot> {
    const params = { project, instance: victim };
    const guest = await allWell();
    await client.call(stopInstance, { params, body: { force: true } });
    await watch(client, guest, ({ state: is }) => is === "stopped", 60_000);
    const before = await victimOf(client, guest);
    const asked = Date.now();
    await client.call(startInstance, { params, body: {} });
    const after = await untilBack(client, before, 180_000);
    return { wall: (after?.upAt ?? Number.NaN) - asked, cpu: await cpuOfGuest() };
  }

  async function drill(row: Row): Promise<void> {
    const name: DrillName = row === "host-cut, no BMC" ? "host-cut" : row;
    const guest = await allWell();
    const { on } = drillOf(name);
    const subject = { instance: victim, host: guest.host ?? "", platform: "" }[on];
    const stage = { client, site, project, say: () => {}, interrupted: stop.signal };
    try {
      const report = await perform(stage, name, subject, { isBmcDead: row !== name });
      reports.set(row, [...(reports.get(row) ?? []), report]);
      const [wall] = report.outcomes.flatMap(({ timeline }) => timeline.up ?? []);
      if (wall !== undefined && inTurns.includes(row))
        again.set(row, [...(again.get(row) ?? []), { wall, cpu: await cpuOfGuest() }]);
      console.log(`  ${row}: ${brief(report)}`);
    } catch (error) {
      stop.signal.throwIfAborted();
      failures.push(`${row}: ${String(error)}`);
      console.log(`  ${row}: could not be done: ${String(error)}`);
    }
  }

  /** What its QEMU has used so far: right after it is up, that is its boot. */
  async function cpuOfGuest(): Promise<number> {
    const now = await client.call(getInstance, { params: { project, instance: victim } });
    return cpuOf((await site.machineOf(now)).qemu.pid);
  }

  /** The guest is up, and every host is in. */
  async function allWell(): Promise<InstanceView> {
    for (const until = performance.now() + 180_000; performance.now() < until; await sleep(100)) {
      stop.signal.throwIfAborted();
      const { hosts } = await client.call(listHosts);
      const guest = await client.call(getInstance, { params: { project, instance: victim } });
      const isIn = hosts.every(({ state: is, hasGuard }) => is === "up" && hasGuard !== null);
      if (isIn && guest.state === "running" && guest.guest === "up") return guest;
    }
    throw new Error("the guest and its hosts are not well");
  }
} finally {
  installation.end();
}

async function connected({ port, token }: Installation) {
  const client = connect({ url: `http://127.0.0.1:${port}`, token });
  const set = (name: string, value: number) =>
    client.call(changeSetting, { params: { name }, body: { value } });
  await set("instances.restart_window", 1);
  await set("instances.restart_budget", 100);
  return client;
}

function brief({ outcomes, noticed, back, isAsExpected }: Report): string {
  const told = Object.entries({ ...outcomes[0]?.timeline, noticed, back }).flatMap(([step, at]) =>
    at === undefined ? [] : [`${step} ${(at / 1_000).toFixed(3)} s`],
  );
  return `${told.join(", ")}${isAsExpected ? "" : "  NOT as expected"}`;
}
