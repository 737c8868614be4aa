/**
 * Names, addresses and user ids of a room, all from one number, so that two rooms on one machine share none.
 *
 * The number comes from the state directory and is remembered: it must not change while anything of it
 * exists. The kernel allows 15 characters for a link; these have at most 9.
 */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { mostHosts } from "./client.ts";

/** As many /24 networks as 100.64.0.0/10 has: the range for networks behind somebody's own, never routed. */
export const slots = 16_384;
/** A host's guests have 10 000 user ids, and its probe guest one more. */
const uidsPerHost = 10_001;
const uidsPerRoom = mostHosts * uidsPerHost;
/** Far above the ids of a distribution and of an installation without a room. */
const firstUid = 1_000_000;

export interface RoomPlan {
  readonly slot: number;
  /** State directory of the installation. */
  readonly state: string;
  readonly bridge: string;
  readonly gateway: string;
  /** Table of nftables, family bridge. */
  readonly table: string;
  readonly hosts: readonly HostPlan[];
}

export interface HostPlan {
  readonly name: string;
  readonly namespace: string;
  /** The end of its cable that is in the switch. */
  readonly link: string;
  readonly address: string;
  readonly uidsFirst: number;
  readonly cgroup: string;
  /** Marks the namespaces of its routers. */
  readonly networkTag: string;
  /** State directory of the host. */
  readonly state: string;
  readonly bootIdFile: string;
  readonly watchdogSocket: string;
  /** What the room remembers of it. */
  readonly file: string;
}

export function slotOf(state: string): number {
  return createHash("sha256").update(state).digest().readUInt32BE() % slots;
}

/** First and last address of a network as numbers: `100.64.3.0/24`, or one address. */
export function rangeOf(network: string): readonly [number, number] {
  const [address = "", length = "32"] = network.split("/");
  const first = address.split(".").reduce((sum, byte) => sum * 256 + Number(byte), 0);
  return [first, first + 2 ** (32 - Number(length)) - 1];
}

export const networkOf = (slot: number) => `100.${64 + (slot >> 8)}.${slot & 255}.0/24`;
export const bridgeOf = (slot: number) => `hf${slot.toString(16).padStart(4, "0")}`;

/** Of whoever has this address. Left to itself, a bridge takes another with every cable that comes or goes. */
export const macOf = (address: string) =>
  `02:48:${address
    .split(".")
    .map((byte) => Number(byte).toString(16).padStart(2, "0"))
    .join(":")}`;

/** Undefined for a link that is no room's bridge. */
export function slotOfBridge(link: string): number | undefined {
  const [, digits] = /^hf([0-9a-f]{4})$/.exec(link) ?? [];
  return digits === undefined ? undefined : Number.parseInt(digits, 16);
}

export function planOf(state: string, slot: number, count: number): RoomPlan {
  const network = networkOf(slot);
  const net = network.slice(0, network.lastIndexOf("."));
  const prefix = bridgeOf(slot);
  const own = join(state, "chassis");
  const hosts = Array.from({ length: count }, (_, at): HostPlan => {
    const name = `host-${at + 1}`;
    return {
      name,
      namespace: `${prefix}-${at + 1}`,
      link: `${prefix}-${at + 1}`,
      address: `${net}.${at + 11}`,
      uidsFirst: firstUid + slot * uidsPerRoom + at * uidsPerHost,
      cgroup: `${prefix}-${at + 1}`,
      networkTag: `${prefix.slice(2)}${(at + 1).toString(36)}`,
      state: join(state, "hosts", name),
      bootIdFile: join(own, `${name}.boot-id`),
      watchdogSocket: join(own, `${name}.watchdog.sock`),
      file: join(own, `${name}.json`),
    };
  });
  return { slot, state, bridge: prefix, gateway: `${net}.1`, table: prefix, hosts };
}
