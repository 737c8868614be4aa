/**
 * A place for tests: two "hosts", which are network namespaces on one cable, a world outside of them,
 * and "guests", which are namespaces at the end of a cable where a hypervisor would hold a tap.
 *
 * All of it is gone when the test is over. Needs root and the packages of apps/setup/needs.ts, and
 * busybox for its DHCP client. Not for anything but tests.
 */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { NetworkId, NicId } from "@holdfast/kernel/ids";
import { commands, execute, namespaceFile } from "./commands.ts";
import { endAll } from "./dnsmasq.ts";
import type { HostNetworks, Network, Port, PortFacts, Router, Rule } from "./driver.ts";
import { linuxNetworks } from "./linux.ts";
import { tapOf } from "./names.ts";

export const anything: readonly Rule[] = [{ protocol: "any", peers: ["0.0.0.0/0"] }];

/** Outside of every network: where its hosts have their uplinks. Public addresses are of it as well. */
export const worldAddress = "192.0.2.1";

export interface FixtureHost {
  readonly namespace: string;
  readonly underlay: string;
  readonly networks: HostNetworks;
  /** Another driver of the same host, as after a restart of its agent. */
  again(): HostNetworks;
  run(...argv: string[]): Promise<string>;
}

export interface FixtureGuest {
  readonly port: Port;
  /** In the guest. Rejects if it fails. */
  run(...argv: string[]): Promise<string>;
  start(...argv: string[]): ChildProcess;
  /** Takes its address without asking anybody. */
  settle(gateway?: string): Promise<void>;
  /** Answers every line on this TCP port with the same line. */
  echo(port: number): Promise<void>;
  call(address: string, port: number): Call;
  /** Asks by DHCP, so often at most, and takes what is given. False if nothing is. */
  lease(tries?: number): Promise<boolean>;
  /** Whether one ping comes back. Whoever expects that it does not says how many seconds are enough to believe it. */
  reaches(address: string, patience?: number): Promise<boolean>;
}

/** A TCP connection, or the attempt at one. */
export interface Call {
  say(line: string): void;
  /** Everything that came back so far. */
  heard(): string;
  /** Whether it comes back, before the one who called gives up. */
  answers(line: string): Promise<boolean>;
  end(): void;
}

export interface FixtureRoom {
  readonly hosts: readonly [FixtureHost, FixtureHost];
  /** Two tests at once must not meet. */
  readonly mark: string;
  world(...argv: string[]): Promise<string>;
  /** `patience` is how many seconds it may take until somebody takes the call. */
  callFromWorld(address: string, port: number, patience?: number): Call;
  echoInWorld(port: number): Promise<void>;
  /** In the world, one that knows this name. */
  nameServer(name: string, address: string): Promise<void>;
  /** What of the drivers is in the kernel, apart from taps. */
  leftovers(): Promise<readonly string[]>;
  /** Plugged in where the port will be. */
  guest(host: FixtureHost, port: Port): Promise<FixtureGuest>;
}

/** For what is to come true, whatever else this machine has to do; in seconds, or in tries of one each. */
const plenty = 60;
let rooms = 0;

/** `t` is a test, or whatever else says when it is over. */
export async function fixtureRoom(t: Pick<TestContext, "after">): Promise<FixtureRoom> {
  const mark = `${process.pid.toString(36)}${++rooms}`;
  const directory = mkdtempSync(join(tmpdir(), "holdfast-net-"));
  chmodSync(directory, 0o755); // dnsmasq reads its files as nobody.
  const namespaces: string[] = [];
  const children = new Set<ChildProcess>();
  const world = `hfw-${mark}`;
  const udhcpc = join(directory, "udhcpc");
  writeFileSync(udhcpc, udhcpcScript, { mode: 0o755 });
  const drivers: HostNetworks[] = [];
  t.after(async () => {
    for (const child of children)
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    // The last one of each host, because it has the listeners.
    for (const { again } of hosts) {
      await Promise.all(drivers.map((driver) => driver.close()));
      const last = again();
      await last.removeAll();
    }
    const left = await leftovers();
    for (const name of [...namespaces].reverse()) {
      // What was started there has children of its own.
      await endAll(commands(undefined), name);
      await execute(["ip", "netns", "del", name]);
    }
    rmSync(directory, { recursive: true });
    assert.deepEqual(left, []);
  });

  await add(world);
  await inside(world, "ip", "link", "add", "outside", "type", "bridge", "forward_delay", "0");
  await inside(world, "ip", "addr", "add", `${worldAddress}/24`, "dev", "outside");
  await inside(world, "ip", "link", "set", "outside", "up");
  const hosts = [await host(1), await host(2)] as const;
  return {
    hosts,
    mark,
    world: (...argv) => inside(world, ...argv),
    callFromWorld: (address, port, patience) => call(world, address, port, patience),
    echoInWorld: (port) => echo(world, port),
    async nameServer(name, address) {
      const knows = ["-k", "--conf-file=/dev/null", "--no-resolv", "--no-hosts", "--user=root"];
      start(world, ["dnsmasq", ...knows, "--pid-file=", `--address=/${name}/${address}`]);
      await until(async () => (await inside(world, "ss", "-Hlun", "sport = :53")) !== "");
    },
    leftovers,
    guest,
  };

  async function host(number: number): Promise<FixtureHost> {
    const namespace = `hfh-${mark}-${number}`;
    const underlay = `192.0.2.1${number}`;
    await add(namespace);
    const end = `cable${number}`;
    await inside(
      world,
      "ip",
      "link",
      "add",
      end,
      "type",
      "veth",
      "peer",
      "name",
      "eth0",
      "netns",
      namespace,
    );
    await inside(world, "ip", "link", "set", end, "master", "outside", "up");
    const ip = (...argv: string[]) => inside(namespace, "ip", ...argv);
    await ip("addr", "add", `${underlay}/24`, "dev", "eth0");
    await ip("link", "set", "eth0", "up");
    await ip("route", "add", "default", "via", worldAddress);
    const files = join(directory, `host${number}`);
    const open = () => {
      const driver = linuxNetworks({
        tag: `${mark}${number}`,
        underlayAddress: underlay,
        uplinkDevice: "eth0",
        directory: files,
        home: namespace,
      });
      return driver;
    };
    const networks = open();
    drivers[number - 1] = networks;
    return {
      namespace,
      underlay,
      networks,
      again() {
        const driver = open();
        drivers.push(driver);
        return driver;
      },
      run: (...argv) => inside(namespace, ...argv),
    };
  }

  async function guest({ namespace: at }: FixtureHost, port: Port): Promise<FixtureGuest> {
    const namespace = `hfg-${mark}-${tapOf(port.nic).slice(-6)}`;
    await add(namespace);
    const peer = ["type", "veth", "peer", "name", "eth0", "netns", namespace];
    await inside(at, "ip", "link", "add", tapOf(port.nic), ...peer);
    await inside(namespace, "ip", "link", "set", "eth0", "address", port.mac, "mtu", "1450", "up");
    // A guest has its own file of name servers; `ip netns exec` lays it over the machine's.
    const etc = join("/etc/netns", namespace);
    mkdirSync(etc, { recursive: true });
    t.after(() => rmSync(etc, { recursive: true, force: true }));
    writeFileSync(join(etc, "resolv.conf"), "");
    const run = (...argv: string[]) => execute(["ip", "netns", "exec", namespace, ...argv]);
    return {
      port,
      run,
      start: (...argv) => start(namespace, argv),
      async settle(gateway) {
        await inside(namespace, "ip", "addr", "add", `${port.address}/24`, "dev", "eth0");
        const onLink = ["via", gateway ?? "", "dev", "eth0"];
        if (gateway) await inside(namespace, "ip", "route", "add", "default", ...onLink);
      },
      echo: (number) => echo(namespace, number),
      call: (address, number) => call(namespace, address, number),
      lease: (tries = plenty) =>
        run(
          "busybox",
          "udhcpc",
          "-i",
          "eth0",
          "-n",
          "-q",
          "-f",
          "-t",
          `${tries}`,
          "-T",
          "1",
          "-O",
          "mtu",
          "-O",
          "staticroutes",
          "-s",
          udhcpc,
        ).then(
          () => true,
          () => false,
        ),
      reaches: (address, patience = plenty) =>
        run("busybox", "ping", "-c", "1", "-W", `${patience}`, address).then(
          () => true,
          () => false,
        ),
    };
  }

  async function add(name: string): Promise<void> {
    await execute(["ip", "netns", "add", name]);
    namespaces.push(name);
    await inside(name, "ip", "link", "set", "lo", "up");
  }

  function start(namespace: string, argv: readonly string[]): ChildProcess {
    const child = spawn("nsenter", [`--net=${namespaceFile(namespace)}`, ...argv], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    children.add(child);
    return child;
  }

  async function echo(namespace: string, port: number): Promise<void> {
    start(namespace, ["busybox", "nc", "-ll", "-p", `${port}`, "-e", "cat"]);
    const listens = async () =>
      (await inside(namespace, "ss", "-Hltn", `sport = :${port}`)).includes("LISTEN");
    await until(listens);
  }

  function call(namespace: string, address: string, port: number, patience = plenty): Call {
    const child = start(namespace, ["busybox", "nc", "-w", `${patience}`, address, `${port}`]);
    let heard = "";
    child.stdout?.on("data", (data) => {
      heard += data;
    });
    child.stdin?.on("error", () => {}); // Refused: what is said then goes nowhere.
    const self: Call = {
      say: (line) => void child.stdin?.write(`${line}\n`),
      heard: () => heard,
      async answers(line) {
        self.say(line);
        return until(() => heard.includes(line) || child.exitCode !== null).then(
          () => heard.includes(line),
          () => false,
        );
      },
      end: () => void child.kill("SIGKILL"),
    };
    return self;
  }

  async function leftovers(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const { namespace } of hosts) {
      const links = await inside(namespace, "ip", "-br", "link");
      found.push(...links.split("\n").filter((line) => /^hf[bxrum]\d/.test(line)));
      found.push(...(await inside(namespace, "nft", "list", "tables")).split("\n").filter(Boolean));
    }
    const all = (await execute(["ip", "netns", "list"])).split("\n");
    found.push(...all.filter((line) => line.startsWith(`hf-${mark}`)));
    const programs = (await execute(["ps", "-eo", "stat,args"])).split("\n");
    found.push(...programs.filter((line) => line.includes(directory) && !line.startsWith("Z")));
    return found;
  }
}

const inside = (namespace: string, ...argv: string[]) =>
  execute(["nsenter", `--net=${namespaceFile(namespace)}`, ...argv]);

const udhcpcScript = `#!/bin/sh
case $1 in
  bound | renew)
    ip addr flush dev $interface
    ip addr add $ip/$mask dev $interface
    [ -n "$mtu" ] && ip link set $interface mtu $mtu
    set -- $staticroutes
    while [ $# -ge 2 ]; do
      if [ $2 = 0.0.0.0 ]; then ip route replace $1 dev $interface; else ip route replace $1 via $2 dev $interface; fi
      shift 2
    done
    for server in $dns; do echo "nameserver $server"; done >/etc/resolv.conf
    [ -n "$domain" ] && echo "search $domain" >>/etc/resolv.conf
    exit 0
    ;;
esac
`;

let made = 0;
/** Numbers at the end, as chance would be: names of taps are made of it. */
export const idOf = <Id extends string>(kind: number): Id =>
  `01890000-0000-7000-8000-${(kind * 2 ** 32 + process.pid * 1_000 + ++made).toString(16).padStart(12, "0")}` as Id; // Only tests mint ids.

export function aPort(last: number, changes: Partial<Port> = {}): Port {
  return {
    nic: idOf<NicId>(1),
    mac: `52:54:00:00:00:${last.toString(16).padStart(2, "0")}`,
    address: `10.1.0.${last}`,
    isUp: true,
    ingress: anything,
    egress: anything,
    ...changes,
  };
}

export function aNetwork(vni: number, changes: Partial<Network> = {}): Network {
  return {
    id: idOf<NetworkId>(2),
    vni,
    kind: "vxlan",
    mtu: 1_450,
    cidr: "10.1.0.0/24",
    gateway: "10.1.0.1",
    domain: "blue.holdfast.internal",
    peers: [],
    ports: [],
    ...changes,
  };
}

/** Gives what is asked of it to these, and reaches the world. */
export function routerFor(ports: readonly Port[], changes: Partial<Router> = {}): Router {
  return {
    generation: 1,
    mac: "52:54:00:ff:00:01",
    hosts: ports.map(({ mac, address }) => ({ mac, address, name: `vm${address.split(".")[3]}` })),
    forwarders: [],
    hasUplink: true,
    forwards: [],
    statics: [],
    ...changes,
  };
}

/** Packets of one port, or of the only one. */
export async function droppedOn(
  networks: HostNetworks,
  port?: Port,
): Promise<PortFacts["dropped"]> {
  const { ports } = await networks.look();
  const found = port ? ports.find(({ nic }) => nic === port.nic) : ports[0];
  assert.ok(found);
  return found.dropped;
}

/** Waits for a condition. */
export async function until(isSo: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + plenty * 1_000;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error("it never came true");
    await sleep(20);
  }
}
