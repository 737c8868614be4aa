import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import {
  directoryOf,
  findLaunched,
  type Launched,
  prepareByHand,
  readyAt,
  runByHand,
} from "./by-hand.ts";
import { deliver } from "./figures.ts";
import { type Installation, install } from "./installation.ts";
import { cpuOf, cpuOfFamily, loadNow, median, table } from "./measure.ts";
import { comparePaused } from "./paused.ts";
import { type Call, caller } from "./processes.ts";

interface Platform {
  readonly state: string;
  readonly call: Call;
  /** Processor time of the platform's own processes so far, guests not counted; milliseconds. */
  cpu(): number;
}

const at = "/v1/projects/default/instances";
const state = `/tmp/hf-start-${process.pid}`;
const isPaused = process.argv.includes("--paused");
const pairs = Number(process.argv.slice(2).find((arg) => /^\d+$/.test(arg)) ?? 15);

const installation = await install(state);
try {
  const platform = platformOf(installation);
  const model = await startModel(platform);
  if (isPaused) await comparePaused(platform, model);
  else await compareStarts(platform, model);
} finally {
  installation.end();
}

function platformOf({ port, token }: Installation): Platform {
  const pidIn = (file: string) => Number(readFileSync(join(state, file), "utf8").split("\n")[0]);
  const [manager, agent, postgres] = [
    pidIn("manager.pid"),
    pidIn("agent.pid"),
    pidIn("database/data/postmaster.pid"),
  ];
  // Guests are children of the agent, PostgreSQL's workers of the postmaster.
  const cpu = () => cpuOf(manager) + cpuOf(agent) + cpuOfFamily(postgres);
  return { state, call: caller(port, token), cpu };
}

/**
 * The guest whose command line is run by hand. It boots, as all here: what a template saves is another bench's (warm.ts).
 * And without a network, because by hand nobody gives out addresses.
 */
async function startModel({ call }: Platform): Promise<Launched> {
  await call("PUT", "/v1/projects/default/images/tiny/warm", { warm: false });
  const made = await call<Made>("POST", at, { name: "model", networks: [] });
  const id = made.instances[0]?.id ?? "";
  await readyAt(directoryOf(state, id));
  return findLaunched(state, id);
}

interface Made {
  readonly instances: readonly { readonly id: string }[];
}

interface Sample {
  /** All in milliseconds. */
  readonly wall: number;
  /** Processor time of QEMU, and of the platform's own processes. */
  readonly cpu: number;
  readonly around: number;
  /** From the call to its 202, and to the launch of QEMU. */
  readonly accepted: number;
  readonly launched: number;
}

/** In turns, and in each pair the other way round than in the one before. */
async function compareStarts(platform: Platform, model: Launched): Promise<void> {
  console.log(`${pairs} pairs, load ${loadNow()}`);
  const ours: Sample[] = [];
  const hand: Sample[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    if (pair % 2 === 0) hand.push(await startByHand(model));
    ours.push(await startThrough(platform, `bench-${pair}`));
    if (pair % 2 === 1) hand.push(await startByHand(model));
  }
  const of = (samples: readonly Sample[], what: keyof Sample) =>
    median(samples.map((one) => one[what]));
  const row = (what: string, samples: readonly Sample[]) => [
    what,
    `${of(samples, "wall").toFixed(0)} ms`,
    `${Math.min(...samples.map(({ wall }) => wall)).toFixed(0)} ms`,
    `${(of(samples, "cpu") / 1_000).toFixed(2)} s`,
    `${of(samples, "around").toFixed(0)} ms`,
  ];
  console.log(
    table([
      [
        "from the call (or spawn) to `holdfast: ready`",
        "median",
        "least",
        "QEMU's CPU",
        "platform's CPU",
      ],
      row("Holdfast", ours),
      row("by hand", hand),
    ]),
  );
  const [a, b] = [of(ours, "wall"), of(hand, "wall")];
  const pairwise = median(ours.map(({ wall }, i) => wall - (hand[i]?.wall ?? Number.NaN)));
  console.log(
    `difference of the medians ${(a - b).toFixed(0)} ms, median difference within a pair ${pairwise.toFixed(0)} ms; ` +
      `of it, the call until its 202 ${of(ours, "accepted").toFixed(0)} ms, until QEMU was launched ${of(ours, "launched").toFixed(0)} ms; load ${loadNow()}`,
  );
  deliver({
    bench: "start",
    what: "from the API call until the tiny guest says ready, with database, placement, TLS and sandbox, beside the same QEMU command line run by hand, in turns",
    figures: [
      {
        name: "start, more",
        what: `median difference within ${pairs} pairs`,
        sides: [{ name: "more than by hand", value: pairwise, unit: "ms" }],
        goal: { of: "value", must: 60, better: 25 },
      },
      {
        name: "start",
        what: "median of all, from the call until the guest says ready",
        sides: [
          { name: "holdfast", value: a, unit: "ms" },
          { name: "by hand", value: b, unit: "ms" },
        ],
        goal: { of: "ratio", must: 1.05 },
      },
      {
        name: "start, processor time",
        what: "of QEMU itself, median",
        sides: [
          { name: "holdfast", value: of(ours, "cpu"), unit: "ms" },
          { name: "by hand", value: of(hand, "cpu"), unit: "ms" },
        ],
      },
    ],
  });
}

async function startByHand(model: Launched): Promise<Sample> {
  const directory = join(state, "by-hand");
  const argv = prepareByHand(model, directory);
  const begin = performance.now();
  const running = runByHand(argv);
  const wall = (await Promise.race([readyAt(directory), running.failed])) - begin;
  const cpu = cpuOf(running.pid);
  await running.end();
  return { wall, cpu, around: 0, accepted: 0, launched: 0 };
}

async function startThrough({ call, cpu }: Platform, name: string): Promise<Sample> {
  const before = cpu();
  const begin = performance.now();
  const made = await call<Made>("POST", at, { name, networks: [] });
  const accepted = performance.now() - begin;
  const id = made.instances[0]?.id ?? "";
  const wall = (await readyAt(directoryOf(state, id))) - begin;
  const around = cpu() - before;
  const { pid, directory } = findLaunched(state, id);
  const used = cpuOf(pid);
  const launched = statSync(join(directory, "pid")).mtimeMs - performance.timeOrigin - begin;
  await call("POST", `${at}/${id}/destroy`, {});
  const gone = async () =>
    (await call<{ state: string }>("GET", `${at}/${id}`)).state === "destroyed";
  while (!(await gone())) await sleep(20);
  await call("POST", `${at}/${id}/expunge`, {});
  return { wall, cpu: used, around, accepted, launched };
}
