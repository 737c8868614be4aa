/** Paused starts, bursts of them, and destroys: the platform against QEMU by hand, and against libvirt. */
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { answersAt, type Launched, prepareByHand, type Running, runByHand } from "./by-hand.ts";
import { loadNow, median, table, verdict } from "./measure.ts";
import type { Call } from "./processes.ts";

/** Whom to ask, and where it keeps its files. */
interface Platform {
  readonly state: string;
  readonly call: Call;
}

const at = "/v1/projects/default/instances";
const singles = 15;
const burst = 50;

interface Made {
  readonly job: string;
  readonly instances: readonly { readonly id: string }[];
}

/** `model`: what the command line by hand is taken from. */
export async function comparePaused(platform: Platform, model: Launched): Promise<void> {
  const { call, state } = platform;
  console.log(`load ${loadNow()}`);
  // A burst of fifty is a question of processes, not of capacity.
  await call("PUT", "/v1/settings/placement.cpu_overprovisioning", { value: 64 });
  await call("PUT", "/v1/settings/placement.memory_overprovisioning", { value: 4 });
  await call("PUT", "/v1/settings/agent.concurrent_starts", { value: 8 });
  const rawOf = (name: string) => {
    const directory = join(state, "by-hand", name);
    return {
      argv: [...prepareByHand(model, directory), "-S"],
      qmp: join(directory, "vm", "qmp.sock"),
    };
  };

  const [ours, raw, destroys]: [number[], number[], number[]] = [[], [], []];
  for (let i = 0; i < singles; i++) {
    const { argv, qmp } = rawOf("one");
    const begin = performance.now();
    const hand = runByHand(argv);
    raw.push((await Promise.race([answersAt(qmp), hand.failed])) - begin);
    await hand.end();
    const start = performance.now();
    const id = await paused(platform, 1);
    ours.push(performance.now() - start);
    const end = performance.now();
    await destroy(platform, id);
    destroys.push(performance.now() - end);
    await expunge(platform, id);
  }

  const rawBurst = await byHandBurst(rawOf);
  const begin = performance.now();
  const ids = await paused(platform, burst);
  const rate = (burst * 1_000) / (performance.now() - begin);
  await destroy(platform, ids);
  await expunge(platform, ids);

  const peer = libvirt(model.argv);
  const ms = (numbers: readonly number[]) => `${median(numbers).toFixed(1)} ms`;
  const rows = [
    ["", "Holdfast", "by hand", "libvirt"],
    [
      "one paused start, median",
      ms(ours),
      ms(raw),
      peer ? `${peer.start.toFixed(1)} ms` : "not here",
    ],
    [
      `burst of ${burst}, starts per second`,
      rate.toFixed(1),
      rawBurst.toFixed(1),
      peer ? peer.rate.toFixed(1) : "not here",
    ],
    [
      "destroy, call to gone, median",
      ms(destroys),
      "",
      peer ? `${peer.destroy.toFixed(1)} ms` : "not here",
    ],
  ];
  console.log(table(rows));
  console.log(`load ${loadNow()}`);
  console.log(
    verdict("of the raw rate in a burst", rate / rawBurst, {
      must: 0.7,
      better: 0.9,
      atLeast: true,
    }),
  );
  if (!peer)
    return console.log(
      "  libvirt is not installed: apt-get install libvirt-daemon-system python3-libvirt shows it beside.",
    );
  console.log(
    verdict("times faster than libvirt, one paused start", peer.start / median(ours), {
      must: 4,
      better: 6,
      atLeast: true,
    }),
  );
  console.log(
    verdict("times faster than libvirt, destroy", peer.destroy / median(destroys), {
      must: 8,
      better: 15,
      atLeast: true,
    }),
  );
}

async function paused({ call }: Platform, count: number): Promise<readonly string[]> {
  const made = await call<Made>("POST", at, { count, startPaused: true, networks: [] });
  await done(call, made.job, count);
  return made.instances.map(({ id }) => id);
}

async function destroy({ call }: Platform, ids: readonly string[]): Promise<void> {
  const jobs = await Promise.all(ids.map((id) => call<Made>("POST", `${at}/${id}/destroy`, {})));
  await Promise.all(jobs.map(({ job }) => done(call, job, 1)));
}

async function expunge({ call }: Platform, ids: readonly string[]): Promise<void> {
  const jobs = await Promise.all(ids.map((id) => call<Made>("POST", `${at}/${id}/expunge`, {})));
  await Promise.all(jobs.map(({ job }) => done(call, job, 1)));
}

async function done(call: Platform["call"], job: string, total: number): Promise<void> {
  for (let seen = 0; seen < total; ) {
    const path = `/v1/projects/default/jobs/${job}?waitSeconds=30&seen=${seen}`;
    const now = await call<{ state: string; succeeded: number; failed: number }>("GET", path);
    if (now.failed > 0) throw new Error(`a start failed: ${JSON.stringify(now)}`);
    seen = now.succeeded;
  }
}

/** Four at a time, which was the fastest on two cores. */
async function byHandBurst(
  rawOf: (name: string) => { argv: readonly string[]; qmp: string },
): Promise<number> {
  const prepared = Array.from({ length: burst }, (_, i) => rawOf(`burst-${i}`));
  const running: Running[] = [];
  const queue = [...prepared];
  const begin = performance.now();
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const hand = runByHand(next.argv);
      running.push(hand);
      await Promise.race([answersAt(next.qmp), hand.failed]);
    }
  };
  await Promise.all([worker(), worker(), worker(), worker()]);
  const rate = (burst * 1_000) / (performance.now() - begin);
  await Promise.all(running.map((one) => one.end()));
  return rate;
}

interface Peer {
  readonly start: number;
  readonly rate: number;
  readonly destroy: number;
}

/** A guest of the same size under the installed libvirt, if there is one. */
function libvirt(argv: readonly string[]): Peer | undefined {
  const binding = spawnSync("/usr/bin/python3", ["-c", "import libvirt"], { cwd: "/" });
  if (binding.status !== 0 || !existsSync("/usr/sbin/libvirtd")) return undefined;
  const memory = /size=(\d+)M/.exec(argv.join(" "))?.[1] ?? "128";
  const script = join(import.meta.dirname, "libvirt.sh");
  const text = execFileSync(script, [memory, String(singles), String(burst)], {
    encoding: "utf8",
  });
  return JSON.parse(text) as Peer; // What the script prints.
}
