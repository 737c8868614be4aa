/**
 * Starts from a process on standby: from the API call of a lone instance until its processors run, through manager,
 * PostgreSQL, link and agent, with a network card; beside the next one, for which there is none and which begins from the same
 * template. In turns: there is room for one on standby, and the second comes before there is another.
 *
 * When the processors ran is what QEMU itself writes into its log. The first pairs are not counted: programs that have just been
 * started compile themselves while they work. `node --import tsx bench/standby.ts [pairs] [pairs that are not counted]`
 */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "@holdfast/store/testing";
import { directoryOf } from "./by-hand.ts";
import { deliver, type Side } from "./figures.ts";
import { loadNow, median, table } from "./measure.ts";
import { type Call, caller } from "./processes.ts";

const launcher = join(import.meta.dirname, "..", "holdfast");
const at = "/v1/projects/default/instances";
const state = `/tmp/hf-standby-${process.pid}`;
const pairs = Number(process.argv[2] ?? 12);
const warming = Number(process.argv[3] ?? 15);
/** One of the smallest type, with what QEMU itself takes. */
const roomMiB = 200;

interface Begun {
  readonly how: string;
  readonly took: number;
  readonly wasOnStandby?: true;
}
interface Sample {
  /** From the call until its answer, and until the processors ran; in milliseconds. */
  readonly accepted: number;
  readonly runs: number;
  /** Of that, what the driver took. */
  readonly took: number;
}
type Way = "standby" | "template";

try {
  const call = await up();
  console.log(`load ${loadNow()}, ${pairs} pairs`);
  const samples: Record<Way, Sample[]> = { standby: [], template: [] };
  for (let pair = -warming; pair < pairs; pair++) {
    await standbyIsThere();
    const made = [];
    for (const way of ["standby", "template"] as const) {
      const { id, sample, begun } = await startOne(call, `bench-${pair + warming}-${way}`);
      made.push(id);
      const is = begun.wasOnStandby ? "standby" : "template";
      if (begun.how !== "warm" || is !== way) throw new Error(`it began otherwise: ${begun.how}`);
      if (pair >= 0) samples[way].push(sample);
    }
    for (const id of made) await remove(call, id);
  }
  report(samples);
} finally {
  holdfast("down", "--guests", "--state", state);
  execFileSync("rm", ["-rf", state]);
}

async function up(): Promise<Call> {
  const [api, agents, database] = [await freePort(), await freePort(), await freePort()];
  const ports = ["--api-port", api, "--agent-port", agents, "--database-port", database];
  holdfast("up", "--state", state, "--standby", `${roomMiB}`, ...ports.map(String));
  const { token } = JSON.parse(readFileSync(join(state, "client.json"), "utf8")) as {
    token: string;
  }; // Our own file.
  return caller(api, token);
}

function holdfast(...args: readonly string[]): void {
  execFileSync(launcher, [...args], { stdio: ["ignore", "ignore", "inherit"] });
}

/** Its memory is read, and whoever made it rests. */
async function standbyIsThere(): Promise<void> {
  const home = join(state, "run/standby");
  const waits = () =>
    (existsSync(home) ? readdirSync(home) : []).some((name) => {
      const log = join(home, name, "qemu.log");
      return existsSync(log) && readFileSync(log, "latin1").includes("new_state 4 (paused)");
    });
  const end = performance.now() + 120_000;
  while (!waits()) {
    if (performance.now() > end) throw new Error("nothing came to be on standby");
    await sleep(50);
  }
  await sleep(1_000);
}

async function startOne(call: Call, name: string) {
  const begin = performance.timeOrigin + performance.now();
  const made = await call<{ instances: { id: string }[] }>("POST", at, { name });
  const accepted = performance.timeOrigin + performance.now() - begin;
  const id = made.instances[0]?.id ?? "";
  const log = join(directoryOf(state, id), "qemu.log");
  const running = () => {
    const text = existsSync(log) ? readFileSync(log, "latin1") : "";
    return /@(\d+\.\d+):runstate_set [^\n]*\(running\)/.exec(text)?.[1];
  };
  while (!running()) await sleep(20);
  const runs = Number(running()) * 1_000 - begin;
  for (;;) {
    const { begun } = await call<{ begun: Begun | null }>("GET", `${at}/${id}`);
    if (begun) return { id, begun, sample: { accepted, runs, took: begun.took } };
    await sleep(20);
  }
}

async function remove(call: Call, id: string): Promise<void> {
  await call("POST", `${at}/${id}/destroy`, {});
  const isGone = async () =>
    (await call<{ state: string }>("GET", `${at}/${id}`)).state === "destroyed";
  while (!(await isGone())) await sleep(20);
  await call("POST", `${at}/${id}/expunge`, {});
}

function report(samples: Readonly<Record<Way, readonly Sample[]>>): void {
  const sorted = (way: Way, what: keyof Sample) =>
    samples[way].map((sample) => sample[what]).sort((a, b) => a - b);
  const middle = (way: Way, what: keyof Sample) => median(sorted(way, what));
  const late = (way: Way, what: keyof Sample) => {
    const all = sorted(way, what);
    return all[Math.ceil(all.length * 0.99) - 1] ?? Number.NaN;
  };
  const row = (way: Way) => [
    way,
    ...(["accepted", "took", "runs"] as const).map((what) => middle(way, what).toFixed(0)),
    late(way, "runs").toFixed(0),
  ];
  console.log(
    table([["ms", "answered", "driver", "runs", "runs, 99 %"], row("standby"), row("template")]),
  );
  console.log(`load ${loadNow()}`);
  const sides = (
    of: (way: Way, what: keyof Sample) => number,
    what: keyof Sample,
  ): [Side, Side] => [
    { name: "on standby", value: of("standby", what), unit: "ms" },
    { name: "from a template", value: of("template", what), unit: "ms" },
  ];
  deliver({
    bench: "standby",
    what: "a lone instance with a network card, from the API call until its processors run, from a process on standby beside one that begins from the same template, in turns",
    figures: [
      {
        name: "runs",
        what: "from the API call, median",
        sides: sides(middle, "runs"),
        goal: { of: "value", must: 25, better: 10 },
      },
      { name: "runs, 99 %", what: "the same of the slowest", sides: sides(late, "runs") },
      {
        name: "driver",
        what: "from the call of the driver until its processors run, median",
        sides: sides(middle, "took"),
        goal: { of: "value", must: 25, better: 10 },
      },
      {
        name: "answered",
        what: "from the API call until its answer, median",
        sides: sides(middle, "accepted"),
      },
    ],
    notes: [
      `Measured on processes that have made ${2 * warming} such starts before, half of them from standby: they compile themselves meanwhile.`,
    ],
  });
}
