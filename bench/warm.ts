/**
 * Warm starts of the tiny guest: from the call until it says who it is, and until it is ready; against a boot of the
 * same machine, and against the same QEMU with the same saved memory and nothing around it.
 *
 * Without a network card, whose DHCP would be waited for by all alike. `node --import tsx bench/warm.ts [rounds]`
 */
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { MachineSpec } from "@holdfast/drivers/hypervisor";
import { qemuHypervisor } from "@holdfast/drivers/hypervisor/qemu";
import { buildTiny, findTiny, tinyFiles } from "@holdfast/drivers/images/tiny";
import { fileSource } from "@holdfast/kernel/block";
import { type InstanceId, uuidV7 } from "@holdfast/kernel/ids";
import { type Clock, type Instant, milliseconds, minutes, seconds } from "@holdfast/kernel/time";
import { connectQmp } from "../drivers/hypervisor/qmp.ts";
import { deliver, type Side } from "./figures.ts";
import { cpuOf, loadNow, median, table } from "./measure.ts";

const rounds = Number(process.argv[2] ?? 5);
const clock: Clock = { now: () => Date.now() as Instant, sleep: (wait) => sleep(wait) };
const home = mkdtempSync(join(tmpdir(), "hf-bw-"));
chmodSync(home, 0o755);
const at = { run: join(home, "run"), template: join(home, "template") };
const tiny = join(process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache"), "tiny");
const parent = `holdfast-bench-${process.pid}`;
const driver = qemuHypervisor({
  ...{ runDir: at.run, clock, acceleration: { kind: "tcg", reason: "a bench" } },
  ...{ uids: { first: 920_000, count: 10 }, cgroup: { parent, root: "/sys/fs/cgroup" } },
});

interface Taken {
  readonly running: number;
  readonly named: number;
  readonly namedCpu: number;
  readonly ready: number;
  readonly readyCpu: number;
}

const sideNames = { cold: "a boot", warm: "from a template", bare: "bare -incoming" } as const;

let made = 0;
function specOf(manifest: { readonly commandLine: string }): MachineSpec {
  const disk = join(home, `${++made}.qcow2`);
  const backing = ["-b", join(tiny, tinyFiles.disk), "-F", "qcow2"];
  execFileSync("qemu-img", ["create", "-q", "-f", "qcow2", ...backing, disk]);
  return {
    id: uuidV7(Date.now(), new Uint8Array(16).fill(made)) as InstanceId, // Its own maker's word.
    ...{ generation: 1, name: "bench", cpus: 1, memoryMiB: 128, requestId: "bench", paused: false },
    boot: {
      kernel: join(tiny, tinyFiles.kernel),
      initrd: join(tiny, tinyFiles.initrd),
      commandLine: manifest.commandLine,
    },
    disks: [{ id: "root", source: fileSource(disk, "qcow2"), readOnly: false }],
    metadata: { "instance-id": "0192-bench", hostname: "bench" },
  };
}

/** Waits for what a guest says. */
async function watch(log: string, pid: number, begun: number, running: number): Promise<Taken> {
  const when = async (words: string) => {
    const end = performance.now() + minutes(3);
    while (!readFileSync(log, "latin1").includes(words)) {
      if (performance.now() > end) throw new Error(`it never said "${words}"`);
      await sleep(2);
    }
    return [performance.now() - begun, cpuOf(pid)] as const;
  };
  const [named, namedCpu] = await when("holdfast: metadata");
  const [ready, readyCpu] = await when("holdfast: ready");
  return { running, named, namedCpu, ready, readyCpu };
}

async function byDriver(spec: MachineSpec): Promise<Taken & { readonly argv: readonly string[] }> {
  const begun = performance.now();
  await driver.start(spec);
  const running = performance.now() - begun;
  const directory = join(at.run, spec.id, "g1");
  const pid = Number.parseInt(readFileSync(join(directory, "pid"), "latin1"), 10);
  const argv = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0").slice(0, -1);
  try {
    return { ...(await watch(join(directory, "vm/console.log"), pid, begun, running)), argv };
  } finally {
    const none = milliseconds(0);
    await driver.stop(spec, { acpi: none, terminate: none, kill: seconds(20) });
  }
}

/** The same command line in the same directory, which its machine has left. */
async function bare(spec: MachineSpec, argv: readonly string[]): Promise<Taken> {
  const directory = join(at.run, spec.id, "g1");
  const log = join(directory, "vm/console.log");
  for (const file of ["console.log", "console.sock", "agent.sock", "qmp.sock"])
    rmSync(join(directory, "vm", file), { force: true });
  const state = openSync(join(at.template, "state"), "r");
  const stdio: ("ignore" | number)[] = Array(64).fill("ignore");
  stdio[63] = state;
  const begun = performance.now();
  const child = spawn(argv[0] ?? "", argv.slice(1), { stdio });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  try {
    let qmp: Awaited<ReturnType<typeof connectQmp>> | undefined;
    while (!qmp)
      qmp = await connectQmp(join(directory, "vm/qmp.sock"), {
        ...{ event: () => {}, closed: () => {} },
      }).catch(() => sleep(1).then(() => undefined));
    for (;;) {
      const { status } = (await qmp.execute("query-status", seconds(10))) as { status: string }; // QEMU's own shape.
      if (status !== "inmigrate") break;
      await sleep(1);
    }
    await qmp.execute("cont", seconds(10));
    return await watch(log, child.pid ?? 0, begun, performance.now() - begun);
  } finally {
    child.kill("SIGKILL");
    await ended;
    closeSync(state);
  }
}

try {
  console.log(`load ${loadNow()}, ${rounds} rounds, in turns`);
  const packages = join(tiny, "../packages");
  const manifest =
    (await findTiny({ directory: tiny })) ??
    (await buildTiny({ directory: tiny, cache: packages }));
  const { cpus, memoryMiB, boot } = specOf(manifest);
  if (boot === "firmware") throw new Error("tiny boots a kernel");
  execFileSync("mkdir", [at.template]);
  const bytes = await driver.makeTemplate({ cpus, memoryMiB, boot }, at.template, minutes(5));
  console.log(`template: ${(bytes / 2 ** 20).toFixed(0)} MiB`);
  const sides: Record<"cold" | "warm" | "bare", Taken[]> = { cold: [], warm: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    sides.cold.push(await byDriver(specOf(manifest)));
    const spec = { ...specOf(manifest), template: at.template };
    const { argv, ...warm } = await byDriver(spec);
    sides.warm.push(warm);
    sides.bare.push(await bare(spec, argv));
  }
  const of = (side: keyof typeof sides, what: keyof Taken) =>
    median(sides[side].map((one) => one[what]));
  const row = (side: keyof typeof sides) => [
    side,
    ...(["running", "named", "namedCpu", "ready", "readyCpu"] as const).map((what) =>
      of(side, what).toFixed(0),
    ),
  ];
  console.log(
    table([
      ["ms, medians", "runs", "says its name", "CPU", "ready", "CPU"],
      ...(["cold", "warm", "bare"] as const).map(row),
    ]),
  );
  const sidesOf = (what: keyof Taken, one: keyof typeof sides, other: keyof typeof sides) =>
    [one, other].map((side) => ({ name: sideNames[side], value: of(side, what), unit: "ms" })) as [
      Side,
      Side,
    ];
  deliver({
    bench: "warm",
    what: "the tiny guest from a template, from the call to the driver until it says who it is, beside a boot and beside the bare stream of the same memory, in turns",
    figures: [
      {
        name: "warm to bare",
        what: "until the guest says its name; the other side is the same command line and file with nothing around",
        sides: sidesOf("named", "warm", "bare"),
        goal: { of: "ratio", must: 1.3 },
      },
      {
        name: "cold to warm",
        what: "until the guest says its name; the ratio is how much faster than a boot",
        sides: sidesOf("named", "warm", "cold"),
        ratio: of("cold", "named") / of("warm", "named"),
        goal: { of: "ratio", must: 12, better: 20, atLeast: true },
      },
      {
        name: "cold to warm, processor time",
        what: "of QEMU, until the guest says its name",
        sides: sidesOf("namedCpu", "warm", "cold"),
        ratio: of("cold", "namedCpu") / of("warm", "namedCpu"),
      },
      {
        name: "cold to warm, ready",
        what: "until the guest's services are up, which are started after it has its name",
        sides: sidesOf("ready", "warm", "cold"),
        ratio: of("cold", "ready") / of("warm", "ready"),
      },
      {
        name: "processors run",
        what: "from the call until they run",
        sides: sidesOf("running", "warm", "bare"),
      },
    ],
  });
  console.log(`load ${loadNow()}`);
} finally {
  await driver.close();
  rmSync(home, { recursive: true, force: true });
  for (const tree of ["", "cpu", "memory", "pids"])
    execFileSync("sh", ["-c", `rmdir /sys/fs/cgroup/${tree}/${parent} 2>/dev/null || true`]);
}
