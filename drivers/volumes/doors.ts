/**
 * The way from a guest on one host to a volume that another host serves: a relay at either end, one pair for
 * each volume. The guest's process has no network; it knows a socket on its own host, behind a door that only
 * it may pass, and the relay there has the host's key and speaks TLS to the relay at the other end.
 *
 * QEMU could do TLS itself, but then the host's key would have to be readable by a guest's process, which is
 * what must be assumed to be broken into first.
 */
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BlockSource } from "@holdfast/kernel/block";
import { turns } from "../hypervisor/turns.ts";
import type { RemoteDoor } from "./driver.ts";
import { nbdSource } from "./nbd-source.ts";
import { exists, replaceSynced } from "./place.ts";
import { daemonFailed } from "./problems.ts";
import { explain, type Service, service } from "./service.ts";

/** Files of this host: each side shows its certificate, and believes only those that this authority has signed. */
export interface DoorKeys {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

export interface DoorOptions {
  /** For sockets and processes: short, passable for everybody, and nobody else's. */
  readonly runDir: string;
  /** In the clear if not given: only for a network that nobody else is on. */
  readonly keys?: DoorKeys;
}

/** On the host of a guest. */
export interface Doors {
  /**
   * What a guest here opens to reach a door over there. `certifiedAs` is the name in the other host's certificate
   * if it is not its address.
   */
  open(host: string, door: RemoteDoor, certifiedAs?: string): Promise<BlockSource>;
  /** Not open is fine. */
  close(door: RemoteDoor): Promise<void>;
  /** Starts again what has died; call it every few seconds, and once before anything else. */
  tend(): Promise<void>;
}

/** A busy host takes its time. In milliseconds. */
const startTime = 15_000;

interface Way {
  readonly host: string;
  readonly door: RemoteDoor;
  readonly certifiedAs?: string;
}

export function doorsTo(options: DoorOptions): Doors {
  const { runDir, keys } = options;
  const inTurn = turns(1);
  const directoryOf = (door: RemoteDoor) => join(runDir, shortName(door));

  return {
    open: (host, door, certifiedAs) =>
      inTurn(async () => {
        const directory = directoryOf(door);
        const place = join(directory, "door");
        await mkdir(directory, { recursive: true, mode: 0o711 });
        await mkdir(place, { recursive: true, mode: 0o710 });
        const way: Way = { host, door, ...(certifiedAs ? { certifiedAs } : {}) };
        await replaceSynced(join(directory, "way"), JSON.stringify(way));
        const relay = relayOf(directory, way, keys);
        await relay.ensure();
        await listening(relay, join(place, "nbd"));
        return nbdSource(join(place, "nbd"), place, door.name);
      }),

    close: (door) => inTurn(() => remove(directoryOf(door))),

    tend: () =>
      inTurn(async () => {
        for (const name of await readdir(runDir).catch(() => [])) {
          const directory = join(runDir, name);
          const way = parse(await readFile(join(directory, "way"), "utf8").catch(() => ""));
          if (way) await relayOf(directory, way, keys).ensure();
        }
      }),
  };

  async function remove(directory: string): Promise<void> {
    const way = parse(await readFile(join(directory, "way"), "utf8").catch(() => ""));
    if (way) await relayOf(directory, way, keys).end();
    await rm(directory, { recursive: true, force: true });
  }
}

/** It has just been started, and whoever is given its socket uses it at once. */
async function listening(relay: Service, socket: string): Promise<void> {
  const deadline = performance.now() + startTime;
  while (!(await exists(socket))) {
    if (!(await relay.isAlive())) throw explain(await relay.log());
    if (performance.now() > deadline) throw daemonFailed("the relay did not open its socket");
    await sleep(5);
  }
}

function relayOf(directory: string, way: Way, keys: DoorKeys | undefined): Service {
  const { host, door, certifiedAs } = way;
  const name = certifiedAs ? `,commonname=${certifiedAs}` : "";
  const to = keys
    ? `OPENSSL:${at(host)}:${door.port},${shown(keys)}${name}`
    : `TCP:${at(host)}:${door.port}`;
  const listen = `UNIX-LISTEN:${join(directory, "door", "nbd")},fork,unlink-early`;
  return service(directory, "relay", ["socat", listen, `${to},nodelay`]);
}

/** The other end, on the storage host: whoever comes with the right certificate reaches one volume's socket. */
export function doorway(
  directory: string,
  socket: string,
  { address, port }: { readonly address: string; readonly port: number },
  keys: DoorKeys | undefined,
): Service {
  const where = `bind=${at(address)},reuseaddr,fork,nodelay`;
  const listen = keys
    ? `OPENSSL-LISTEN:${port},${where},${shown(keys)}`
    : `TCP-LISTEN:${port},${where}`;
  return service(directory, "doorway", ["socat", listen, `UNIX-CONNECT:${socket}`]);
}

const shown = ({ certificate, key, authority }: DoorKeys) =>
  `cert=${certificate},key=${key},cafile=${authority},verify=1`;

/** A socket's path has 107 characters at most, and the name of an export is long. */
const shortName = ({ volume, name }: RemoteDoor) =>
  createHash("sha256").update(`${volume} ${name}`).digest("hex").slice(0, 20);

/** socat takes a colon for the end of an address unless it is in brackets. */
const at = (host: string) => (host.includes(":") ? `[${host}]` : host);

function parse(text: string): Way | undefined {
  return text ? (JSON.parse(text) as Way) : undefined; // Only we write it, and whole.
}
