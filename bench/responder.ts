/**
 * Hosts that only talk: thousands of them in one process, each on its own link over mutual TLS, saying what an agent
 * says and doing nothing. Started by processes.ts for rows that fill.ts has written; answers wishes at once.
 *
 * They are not agents: what an agent does besides talking is left out, so that the figures are the managers'. Every
 * word is of the protocol's own types, so this cannot say what an agent could not.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { dialler } from "@holdfast/cloud/agent/edge";
import {
  type FromAgent,
  type FromManager,
  fromManager,
  type MachineReport,
  protocolVersion,
  type Wish,
} from "@holdfast/cloud/hosts";
import { makeSigningRequest, openAuthority } from "@holdfast/cloud/hosts/edge";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Clock, Instant } from "@holdfast/kernel/time";
import { connectDatabase } from "@holdfast/store/database";

const { BENCH_DATABASE = "", BENCH_AGENTS = "", BENCH_COUNT, BENCH_CHECKUPS } = process.env;
/** Pools that all of them share. */
const pools = process.env.BENCH_POOL ? [process.env.BENCH_POOL] : [];
const clock: Clock = { now: () => Date.now() as Instant, sleep: (duration) => sleep(duration) };

interface Machine {
  version: number;
  generation: number;
  reboots: number;
}
interface Host {
  readonly id: string;
  readonly name: string;
  readonly bootId: string;
  readonly underlay: string;
  readonly machines: Map<InstanceId, Machine>;
}

/** What was said and heard, for whoever asks. */
const counts = { heartbeats: 0, beats: 0, checkups: 0, wishes: 0, heardBytes: 0, sentBytes: 0 };
const delays: number[] = [];
let connected = 0;
/** How each is silenced: its link ends, and it does not come back. */
const silence = new Map<string, () => void>();
let left: Host[] = [];
let membershipOf: Awaited<ReturnType<typeof enrol>>;

async function main(): Promise<void> {
  const hosts = await readHosts();
  membershipOf = await enrol(hosts);
  left = [...hosts];
  const begun = performance.now();
  await Promise.all(Array.from({ length: 64 }, connectNext));
  while (connected < hosts.length) await sleep(20);
  process.send?.({ connected: hosts.length, milliseconds: performance.now() - begun });
}

async function readHosts(): Promise<readonly Host[]> {
  const database = connectDatabase({ url: BENCH_DATABASE, connections: 1 });
  const rows = await database.query<{ id: string; name: string; boot: string; underlay: string }>(
    `select id, name, boot_id as boot, host(underlay) as underlay from host order by length(name), name limit $1`,
    [Number(BENCH_COUNT)],
  );
  const machines = await database.query<{
    id: InstanceId;
    home: string;
    version: number;
    generation: number;
  }>(
    `select id, home, version, generation from instance where home = any($1) and state = 'running'`,
    [rows.map(({ id }) => id)],
  );
  await database.close();
  const found = new Map(
    rows.map(({ id, name, boot, underlay }) => [
      id,
      { id, name, bootId: boot, underlay, machines: new Map<InstanceId, Machine>() },
    ]),
  );
  for (const { id, home, version, generation } of machines)
    found.get(home)?.machines.set(id, { version, generation, reboots: 0 });
  return [...found.values()];
}

/** One key for all, and a certificate for each: what the manager checks is the certificate. */
async function enrol(all: readonly Host[]) {
  const database = connectDatabase({ url: BENCH_DATABASE, connections: 1 });
  const authority = await openAuthority(database, clock);
  const { key, request } = await makeSigningRequest("bench");
  const certificates = new Map<string, string>();
  const rows: { fingerprint: string; host: string; expires: string }[] = [];
  for (const { id } of all) {
    const signed = await authority.signHost(id, request);
    certificates.set(id, signed.certificate);
    const expires = new Date(signed.expiresAt).toISOString();
    rows.push({ fingerprint: signed.fingerprint, host: id, expires });
  }
  await database.query(
    `insert into host_certificate (fingerprint, host_id, expires_at)
     select * from json_to_recordset($1::json) d (fingerprint text, host uuid, expires timestamptz)`,
    [JSON.stringify(rows)],
  );
  await database.close();
  return ({ id }: Host) => ({
    certificate: certificates.get(id) ?? "",
    key,
    authority: authority.certificate,
  });
}

async function connectNext(): Promise<void> {
  for (let host = left.pop(); host; host = left.pop()) await connect(host);
}

async function connect(host: Host): Promise<void> {
  const dial = dialler([BENCH_AGENTS], membershipOf(host));
  let timers: NodeJS.Timeout[] = [];
  let isWelcome = false;
  let isLost = false;
  let send: (message: FromAgent) => void = () => {};
  const stop = () => {
    for (const timer of timers) clearInterval(timer);
    timers = [];
  };
  try {
    const wire = await dial(
      (text) => {
        counts.heardBytes += text.length;
        hear(JSON.parse(text) as FromManager); // Checked once, at the welcome: the rest would be the bench's own cost.
      },
      () => {
        stop();
        if (isWelcome) connected--;
        if (isLost) return;
        left = [...left, host];
        void connectNext();
      },
    );
    silence.set(host.name, () => {
      isLost = true;
      wire.close();
    });
    send = (message) => {
      const text = JSON.stringify(message);
      counts.sentBytes += text.length;
      wire.send(text);
    };
    send(helloOf(host));
  } catch {
    await sleep(200);
    left = [...left, host];
  }

  function hear(message: FromManager): void {
    if (message.say === "welcome") {
      fromManager.parse(message);
      if (!isWelcome) connected++;
      isWelcome = true;
      stop();
      const beat = () => {
        counts.heartbeats++;
        send({ say: "heartbeat", sentAt: performance.now(), guard: armed });
      };
      const check = () => {
        counts.checkups++;
        send({ say: "checkup", ...checkupOf(host) });
      };
      beat();
      repeat(message.heartbeat, beat);
      const look = () => send({ say: "networks", problem: null, rules: "in-force", routers: [] });
      if (BENCH_CHECKUPS !== "none") {
        repeat(10_000, check);
        repeat(10_000, look);
      }
    } else if (message.say === "again") {
      send(helloOf(host));
    } else if (message.say === "beat") {
      counts.beats++;
      delays.push(performance.now() - message.sentAt);
      if (delays.length > 100_000) delays.splice(0, 50_000);
    } else if (message.say === "wishes") {
      counts.wishes += message.wishes.length;
      const machines = message.wishes.flatMap((wish) => obey(host, wish));
      const made = message.wishes.flatMap(({ want, spec }) =>
        want === "running" ? (spec?.disks ?? []) : [],
      );
      const volumes = [
        ...made
          .filter(({ kind }) => kind === "root")
          .map(({ volume }) => ({ volume, is: "ready" as const })),
        ...message.deleteVolumes.map(({ volume }) => ({ volume, is: "deleted" as const })),
      ];
      if (machines.length + volumes.length > 0) send({ say: "report", machines, volumes });
    } else if (message.say === "seen") {
      for (const { instance, version } of message.machines) {
        const machine = host.machines.get(instance);
        if (machine) machine.version = version;
      }
    }
  }

  /** At a moment of its own: hosts do not begin together. */
  function repeat(every: number, what: () => void): void {
    timers.push(
      setTimeout(() => {
        what();
        timers.push(setInterval(what, every));
      }, Math.random() * every),
    );
  }
}

const armed = {
  ...{ watchdog: { kind: "simulated" as const, isArmed: true }, stamped: pools },
};

function helloOf({ bootId, underlay, machines }: Host): FromAgent {
  return {
    ...{ say: "hello", protocol: protocolVersion, bootId, epoch: 1, pools, storage: [] },
    ...{ underlay, cpus: 256, memoryMiB: 262_144 },
    facts: {
      acceleration: { kind: "simulated", reason: "rows" },
      kernel: "simulated",
      hypervisor: "simulated",
    },
    held: [...machines].map(([instance, { version }]) => ({ instance, version })),
    machines: [...machines].map(([instance, machine]) => running(instance, machine)),
  };
}

const running = (instance: InstanceId, { generation, reboots }: Machine): MachineReport => ({
  ...{ instance, generation, phase: "running", guest: "up", reboots, at: Date.now() },
});

function obey({ machines }: Host, wish: Wish): MachineReport[] {
  const { instance, version, generation, want, reboots } = wish;
  const known = machines.get(instance);
  if (want === "running") {
    const machine = { version, generation, reboots };
    machines.set(instance, machine);
    return [running(instance, machine)];
  }
  machines.delete(instance);
  return [
    {
      ...{ instance, generation: known?.generation ?? generation, phase: "exited", guest: "up" },
      ...{ reboots: known?.reboots ?? 0, at: Date.now() },
      exit: {
        ...{
          at: Date.now(),
          status: { code: 0 },
          requested: true,
          hypervisorLog: [],
          consoleTail: [],
        },
        ...{ oomKills: 0, events: [], kernelLog: [], watchdogFired: false, bootTimedOut: false },
      },
    },
  ];
}

const checkupOf = ({ machines }: Host) => ({
  machines: [...machines].map(([instance, { generation }]) => ({
    ...{
      instance,
      generation,
      guest: "up" as const,
      bootedFor: performance.now() + 60_000,
      bootedBy: "launch",
    },
    ...{ answeredIn: 0.5 + Math.random(), runState: "running", agent: "none" as const },
    disk: { inFlight: 0, stalledFor: 0, failed: 0 },
  })),
  storage: [{ pool: "local", took: 1 + Math.random() }],
  concerns: [],
});

process.on("message", (asked: { readonly silence: readonly string[] }) => {
  for (const name of asked.silence) silence.get(name)?.();
  process.send?.({ ...counts, delays: delays.splice(0).toSorted((a, b) => a - b) });
});
process.once("SIGTERM", () => process.exit(0));
await main();
