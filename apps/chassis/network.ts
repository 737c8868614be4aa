/**
 * The room's switch: a bridge, a network namespace and a cable for each host, and what the cables lose.
 *
 * A cut is a filter that drops, not a link that is down: a link that is down is noticed at once by whoever
 * uses it, and the silence of a broken network is what has to be tried. Lost percents are drawn by the same
 * filter, because not every kernel has a queueing discipline that loses (netem), and all that filter have this.
 */
import { execFile, spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { promisify } from "node:util";
import { z } from "zod";
import {
  bridgeOf,
  type HostPlan,
  macOf,
  networkOf,
  type RoomPlan,
  rangeOf,
  slotOfBridge,
  slots,
} from "./plan.ts";

const run = promisify(execFile);

export interface Loss {
  readonly link: string;
  readonly cut: { readonly in: boolean; readonly out: boolean };
  readonly lossPercent: number;
}

export const namespaceFile = (namespace: string) => `/run/netns/${namespace}`;

/** Inode of the namespace, undefined if there is none of that name. */
export function namespaceInode(namespace: string): number | undefined {
  return existsSync(namespaceFile(namespace)) ? statSync(namespaceFile(namespace)).ino : undefined;
}

const Networks = z.array(z.object({ dst: z.string() }));

/** The first slot from `wanted` on whose network overlaps with none of this machine and whose bridge is nobody's. */
export async function freeSlot(wanted: number): Promise<number> {
  const routes = Networks.parse(JSON.parse(await ip("-j", "-4", "route", "show", "table", "all")));
  const used = routes.filter(({ dst }) => dst !== "default").map(({ dst }) => rangeOf(dst));
  for (let step = 0; step < slots; step++) {
    const slot = (wanted + step) % slots;
    const [first, last] = rangeOf(networkOf(slot));
    const isFree = used.every(([from, to]) => to < first || from > last);
    if (isFree && !hasLink(bridgeOf(slot))) return slot;
  }
  throw new Error("no network of 100.64.0.0/10 is free on this machine");
}

/** Whether the bridge of that slot exists and was made for this state directory. */
export function isOurs(slot: number, state: string): boolean {
  const file = `/sys/class/net/${bridgeOf(slot)}/ifalias`;
  return existsSync(file) && readFileSync(file, "utf8").trim() === state;
}

/** Whether the bridge of that slot exists, whoever made it. */
export const isTaken = (slot: number) => hasLink(bridgeOf(slot));

/** Every slot whose bridge was made for this state directory. */
export function slotsOf(state: string): readonly number[] {
  const bridges = readdirSync("/sys/class/net").flatMap((link) => slotOfBridge(link) ?? []);
  return bridges.filter((slot) => isOurs(slot, state));
}

export async function ensureSwitch({ bridge, gateway, state }: RoomPlan): Promise<void> {
  if (!hasLink(bridge)) await ip("link", "add", bridge, "type", "bridge", "forward_delay", "0");
  // Its own lowest port's would go with that host, and the others would talk to nobody until they ask again.
  await ip("link", "set", bridge, "address", macOf(gateway), "alias", state);
  await ip("addr", "replace", `${gateway}/24`, "dev", bridge);
  await ip("link", "set", bridge, "up");
}

/** Repeats change nothing. Resolves with the inode of the namespace. */
export async function ensureCable(room: RoomPlan, host: HostPlan): Promise<number> {
  const { namespace, link, address } = host;
  if (!hasLink(room.bridge)) await ensureSwitch(room);
  if (namespaceInode(namespace) === undefined) await ip("netns", "add", namespace);
  if (!hasLink(link)) {
    // One half of a cable may be left of a room that was killed.
    await ip("-n", namespace, "link", "del", "eth0").catch(() => {});
    const peer = ["peer", "name", "eth0", "netns", namespace];
    await ip("link", "add", link, "type", "veth", ...peer);
  }
  await ip("-n", namespace, "link", "set", "lo", "up");
  await ip("-n", namespace, "addr", "replace", `${address}/24`, "dev", "eth0");
  await ip("-n", namespace, "link", "set", "eth0", "address", macOf(address), "up");
  await ip("link", "set", link, "master", room.bridge, "up");
  const inode = namespaceInode(namespace);
  if (inode === undefined) throw new Error(`the namespace ${namespace} is gone as soon as it came`);
  return inode;
}

export const isCableThere = ({ bridge }: RoomPlan, { namespace, link }: HostPlan) =>
  hasLink(bridge) && namespaceInode(namespace) !== undefined && hasLink(link);

export async function removeCable({ namespace, link }: HostPlan): Promise<void> {
  if (hasLink(link)) await ip("link", "del", link);
  if (namespaceInode(namespace) !== undefined) await ip("netns", "del", namespace);
}

export async function removeSwitch({ bridge, table }: RoomPlan): Promise<void> {
  await filter(table, []);
  if (hasLink(bridge)) await ip("link", "del", bridge);
}

/** All filters at once: what is not said here passes. */
export async function filter(table: string, losses: readonly Loss[]): Promise<void> {
  const text = rulesOf(table, losses);
  if (text === undefined && !(await hasTable(table))) return;
  // A table must be there to be deleted; this makes one if need be.
  await nft(`table bridge ${table}\ndelete table bridge ${table}\n${text ?? ""}`);
}

/** Undefined where nothing is lost. */
export function rulesOf(table: string, losses: readonly Loss[]): string | undefined {
  const said = (word: "iifname" | "oifname", isCut: (loss: Loss) => boolean) =>
    losses.flatMap((loss) => {
      if (isCut(loss)) return [`  ${word} "${loss.link}" drop`];
      const { lossPercent } = loss;
      if (lossPercent === 0) return [];
      return [`  ${word} "${loss.link}" numgen random mod 100 < ${lossPercent} drop`];
    });
  const fromHosts = said("iifname", ({ cut }) => cut.out);
  const toHosts = said("oifname", ({ cut }) => cut.in);
  if (fromHosts.length + toHosts.length === 0) return undefined;
  return [
    `table bridge ${table} {`,
    " chain from_hosts {",
    "  type filter hook prerouting priority -300",
    ...fromHosts,
    " }",
    " chain to_hosts {",
    "  type filter hook postrouting priority 300",
    ...toHosts,
    " }",
    "}\n",
  ].join("\n");
}

const hasLink = (name: string) => existsSync(`/sys/class/net/${name}`);

async function hasTable(table: string): Promise<boolean> {
  const { stdout } = await run("nft", ["list", "tables", "bridge"]);
  return stdout.split("\n").includes(`table bridge ${table}`);
}

async function ip(...args: readonly string[]): Promise<string> {
  return (await run("ip", [...args])).stdout;
}

function nft(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn("nft", ["-f", "-"], { stdio: ["pipe", "ignore", "pipe"] });
    let complaints = "";
    child.stderr.setEncoding("utf8").on("data", (data: string) => {
      complaints += data;
    });
    child.on("error", reject);
    child.on("close", (code) =>
      code === 0 ? resolve() : reject(new Error(`nft refuses: ${complaints.trim()}\n${text}`)),
    );
    child.stdin.end(text);
  });
}
