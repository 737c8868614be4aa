/**
 * What the platform adds to the start of a guest: from the API call until the tiny guest says ready, against
 * the same QEMU command line run by hand, in turns, in one run. With database, placement, TLS and sandbox.
 *
 *   node --import tsx bench/start.ts [pairs]       default 15
 *   node --import tsx bench/start.ts --paused      paused starts, a burst of 50, destroys; beside libvirt if it is there
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { freePort } from "@holdfast/store/testing";
import { findLaunched, prepareByHand, readyAt, runByHand } from "./by-hand.ts";
import { cpuOf, cpuOfFamily, loadNow, median, table, verdict } from "./measure.ts";
import { comparePaused } from "./paused.ts";
import { type Call, caller } from "./processes.ts";

export interface Platform {
  readonly state: string;
  readonly call: Call;
  /** Processor time of the platform's own processes so far, guests not counted; milliseconds. */
  cpu(): number;
}

const launcher = join(import.meta.dirname, "..", "holdfast");
const at = "/v1/projects/default/instances";
const state = `/tmp/hf-start-${process.pid}`;
const isPaused = process.argv.includes("--paused");
const pairs = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 15);

const platform = await up();
try {
  if (isPaused) await comparePaused(platform);
  else await compareStarts(platform);
} finally {
  holdfast("down", "--guests", "--state", state);
  execFileSync("rm", ["-rf", state]);
}

async function up(): Promise<Platform> {
  const [api, agents, database] = [await freePort(), await freePort(), await freePort()];
  const ports = ["--api-port", api, "--agent-port", agents, "--database-port", database].map(
    String,
  );
  holdfast("up", "--state", state, ...ports);
  const { token } = JSON.parse(readFileSync(join(state, "client.json"), "utf8")) as {
    token: string;
  }; // Our own file.
  const pidIn = (file: string) => Number(readFileSync(join(state, file), "utf8").split("\n")[0]);
  const [manager, agent, postgres] = [
    pidIn("manager.pid"),
    pidIn("agent.pid"),
    pidIn("database/data/postmaster.pid"),
  ];
  // Guests are children of the agent, PostgreSQL's workers of the postmaster.
  const cpu = () => cpuOf(manager) + cpuOf(agent) + cpuOfFamily(postgres);
  return { state, call: caller(api, token), cpu };
}

function holdfast(...args: readonly string[]): void {
  execFileSync(launcher, [...args], { stdio: ["ignore", "ignore", "inherit"] });
}

interface Sample {
  readonly wall: number;
  readonly cpu: number;
}

async function compareStarts({ call, cpu: busy }: Platform): Promise<void> {
  console.log(`${pairs} pairs, load ${loadNow()}`);
  const ours: Sample[] = [];
  const hand: Sample[] = [];
  const around: number[] = [];
  const { instances } = await call<{ instances: { id: string }[] }>("GET", at);
  const model = await findLaunched(state, instances[0]?.id ?? "");
  for (let pair = 0; pair < pairs; pair++) {
    const directory = join(state, "by-hand");
    const argv = prepareByHand(model, directory);
    const begin = performance.now();
    const byHand = runByHand(argv);
    const wall = (await readyAt(directory)) - begin;
    hand.push({ wall, cpu: cpuOf(byHand.pid) });
    await byHand.end();

    const before = busy();
    const start = performance.now();
    const made = await call<{ instances: { id: string }[] }>("POST", at, { name: `bench-${pair}` });
    const id = made.instances[0]?.id ?? "";
    const launched = await findLaunched(state, id);
    ours.push({ wall: (await readyAt(launched.directory)) - start, cpu: cpuOf(launched.pid) });
    around.push(busy() - before);
    await call("POST", `${at}/${id}/destroy`, {});
    while ((await call<{ state: string }>("GET", `${at}/${id}`)).state !== "destroyed");
    await call("POST", `${at}/${id}/expunge`, {});
  }
  const [a, b] = [median(ours.map(({ wall }) => wall)), median(hand.map(({ wall }) => wall))];
  const cpu = (samples: readonly Sample[]) =>
    `${median(samples.map((one) => one.cpu)).toFixed(0)} ms`;
  console.log(
    table([
      [
        "from the call (or spawn) to `holdfast: ready`",
        "median",
        "least",
        "QEMU's CPU",
        "platform's CPU",
      ],
      [
        "Holdfast",
        `${a.toFixed(0)} ms`,
        `${least(ours)} ms`,
        cpu(ours),
        `${median(around).toFixed(0)} ms`,
      ],
      ["by hand", `${b.toFixed(0)} ms`, `${least(hand)} ms`, cpu(hand), "0 ms"],
    ]),
  );
  const differences = ours.map(({ wall }, i) => wall - (hand[i]?.wall ?? 0));
  console.log(
    `difference of the medians ${(a - b).toFixed(0)} ms, median difference of pairs ${median(differences).toFixed(0)} ms; load ${loadNow()}`,
  );
  console.log(verdict("ms more than by hand", a - b, { must: 60, better: 25 }));
  console.log(verdict("times as long as by hand", a / b, { must: 1.05 }));
}

/** A function and not a constant: the bench runs before the end of this file is reached. */
function least(samples: readonly Sample[]): string {
  return Math.min(...samples.map(({ wall }) => wall)).toFixed(0);
}
