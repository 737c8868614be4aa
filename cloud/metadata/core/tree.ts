/**
 * The metadata of a guest as a tree of paths, with EC2's names, so that cloud-init and whatever else was
 * written for EC2 finds what it looks for. What EC2 has no word for is under `holdfast/`.
 *
 * A path that is absent is 404, and absent says something: no `public-ipv4` is no public address.
 */
import type { Guest, ScheduledEvent } from "./guest.ts";
import { isEnding } from "./interruption.ts";

/** Versions that clients ask for; all are the same here. */
export const versions = [
  "1.0",
  "2009-04-04",
  "2016-09-02",
  "2018-09-24",
  "2021-03-23",
  "latest",
] as const;

/** The text of a path, or the names in a folder, one per line; undefined: there is no such thing. */
export function read(guest: Guest, path: string): string | undefined {
  const parts = path.split("/").filter(Boolean);
  const [version, ...rest] = parts;
  if (version === undefined) return versions.join("\n");
  if (!versions.some((known) => known === version)) return undefined;
  const wanted = rest.join("/");
  const leaves = leavesOf(guest);
  const leaf = leaves.get(wanted);
  // `public-keys/` is the one folder that lists more than names.
  if (wanted === "meta-data/public-keys")
    return guest.publicKeys.length > 0 ? keyList(guest) : undefined;
  if (leaf !== undefined) return leaf;
  const names = namesIn([...leaves.keys()], wanted);
  return names.length > 0 ? names.join("\n") : undefined;
}

/** What is right below a folder; folders end in a slash. */
function namesIn(paths: readonly string[], folder: string): readonly string[] {
  const prefix = folder === "" ? "" : `${folder}/`;
  const names = paths
    .filter((path) => path.startsWith(prefix) && path.length > prefix.length)
    .map((path) => path.slice(prefix.length))
    .map((rest) => (rest.includes("/") ? `${rest.slice(0, rest.indexOf("/"))}/` : rest));
  return [...new Set(names)].sort();
}

const keyList = ({ publicKeys }: Guest) =>
  publicKeys.map(({ name }, index) => `${index}=${name}`).join("\n");

function leavesOf(guest: Guest): ReadonlyMap<string, string> {
  const { nics, events, interruption, userData, lastDeath } = guest;
  const [first] = nics;
  const local = first ? `${guest.name}.${guest.domain ?? "internal"}` : guest.name;
  const meta: [string, string | undefined][] = [
    ["ami-id", guest.image],
    ["ami-launch-index", "0"],
    ["hostname", local],
    ["instance-action", "none"],
    ["instance-id", guest.instance],
    ["instance-life-cycle", "on-demand"],
    ["instance-type", guest.type],
    ["local-hostname", local],
    ["local-ipv4", first?.address],
    ["mac", first?.mac],
    ["public-ipv4", first?.publicAddress],
    ["reservation-id", guest.instance],
    ["security-groups", first && first.groups.length > 0 ? first.groups.join("\n") : undefined],
    ["placement/availability-zone", guest.zone],
    ["placement/region", guest.zone],
    ["tags/instance/Name", guest.name],
    ["events/maintenance/scheduled", JSON.stringify(eventList(events, "active"))],
    ["events/maintenance/history", JSON.stringify(eventList(events, "past"))],
    ["events/recommendations/rebalance", noticeOf(events)],
    ["spot/instance-action", interruption && JSON.stringify(actionOf(interruption))],
    ["spot/termination-time", interruption && moment(interruption.at)],
    ["holdfast/last-death", lastDeath],
    ["holdfast/generation", String(guest.generation)],
    ["holdfast/project", guest.project],
    ...guest.publicKeys.map(({ key }, index): [string, string] => [
      `public-keys/${index}/openssh-key`,
      key,
    ]),
    ...nics.flatMap((nic, index) => interfaceOf(nic, index)),
  ];
  const leaves = new Map<string, string>();
  for (const [path, text] of meta) if (text !== undefined) leaves.set(`meta-data/${path}`, text);
  leaves.set("dynamic/instance-identity/document", JSON.stringify(identityOf(guest), null, 2));
  if (userData !== undefined) leaves.set("user-data", userData);
  return leaves;
}

function interfaceOf(nic: Guest["nics"][number], index: number): [string, string | undefined][] {
  const at = `network/interfaces/macs/${nic.mac}`;
  return [
    [`${at}/device-number`, String(index)],
    [`${at}/local-ipv4s`, nic.address],
    [`${at}/mac`, nic.mac],
    [`${at}/public-ipv4s`, nic.publicAddress],
    [`${at}/subnet-id`, nic.network],
    [`${at}/subnet-ipv4-cidr-block`, nic.cidr],
    [`${at}/vpc-ipv4-cidr-block`, nic.cidr],
  ];
}

const identityOf = ({ instance, type, image, zone, launchedAt, nics, project }: Guest) => ({
  accountId: project,
  architecture: "x86_64",
  availabilityZone: zone,
  imageId: image,
  instanceId: instance,
  instanceType: type,
  pendingTime: moment(launchedAt),
  privateIp: nics[0]?.address ?? null,
  region: zone,
  version: "2017-09-30",
});

/** EC2's field names and its way to write times: `21 Jan 2019 09:00:43 GMT`. */
const eventList = (events: readonly ScheduledEvent[], which: "active" | "past") =>
  events
    .filter(({ state }) => (state === "active") === (which === "active"))
    .map(({ id, code, says, notBefore, notAfter, deadline, state }) => ({
      NotBefore: longMoment(notBefore),
      Code: code,
      Description: state === "active" ? says : `[${capital(state)}] ${says}`,
      EventId: id,
      ...(notAfter === null ? {} : { NotAfter: longMoment(notAfter) }),
      ...(deadline === null ? {} : { NotBeforeDeadline: longMoment(deadline) }),
      State: state,
    }));

const capital = (word: string) => `${word.slice(0, 1).toUpperCase()}${word.slice(1)}`;

/** It will have to leave its host: whoever can be elsewhere already should. */
function noticeOf(events: readonly ScheduledEvent[]): string | undefined {
  const since = events.filter(isEnding).map((event) => event.since);
  return since.length > 0 ? JSON.stringify({ noticeTime: moment(Math.min(...since)) }) : undefined;
}

const actionOf = ({ action, at }: NonNullable<Guest["interruption"]>) => ({
  action,
  time: moment(at),
});

/** `2026-11-21T10:00:00Z`. */
const moment = (at: number) => new Date(at).toISOString().replace(/\.\d+Z$/, "Z");
const longMoment = (at: number) => new Date(at).toUTCString().replace(/^\w+, /, "");
