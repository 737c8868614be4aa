/**
 * A platform with one of everything, for tests of the API: three hosts and a power controller, a project with
 * a running instance, its job and an image of its own, and the OpenAPI document that says what may be asked.
 */
import assert from "node:assert/strict";
import { redfishTwin } from "@holdfast/drivers/power/simulated";
import fc, { type Arbitrary } from "fast-check";
import { powerOf } from "../../apps/manager/power.ts";
import { mintId, type Platform, startPlatform, until } from "../platform.ts";
import { type Document, type Operation, operationsOf } from "./document.ts";
import { valid } from "./values.ts";
import { type Ask, openWire, type Wire } from "./wire.ts";

export interface Desk {
  readonly platform: Platform;
  readonly port: number;
  readonly wire: Wire;
  readonly document: Document;
  readonly operations: readonly Operation[];
  /** What is there, by the name of the parameter that means it. */
  readonly there: Readonly<Record<string, string>>;
  close(): Promise<void>;
}

interface Made {
  readonly id: string;
  readonly job: string;
  readonly instances: readonly { readonly id: string }[];
}

interface Tiny {
  readonly manifest: { readonly disk: { readonly digest: string } };
}

export const aKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPWPyxBeVHqT4ZsvkrHfB7VKtKpmlCMwOZt0VXRzc9Uh";
/** In the year 2100: whatever is planned for then does not happen in a test. */
export const farAway = 4_102_444_800_000;
export const bmcUser = "root";
export const bmcPassword = "secret";

export async function openDesk(): Promise<Desk> {
  const bmc = await redfishTwin({
    machines: new Map([["1", { isOn: () => true, on: async () => {}, off: async () => {} }]]),
    user: bmcUser,
    password: bmcPassword,
  });
  const power = (access: Parameters<typeof powerOf>[0]) => powerOf(access, () => performance.now());
  const platform = await startPlatform({ hosts: 3, power });
  const port = platform.managers[0]?.apiPort;
  assert.ok(port);
  const { body: document } = await platform.call<Document>("GET", "/openapi.json");
  const at = "/v1/projects/default";
  await platform.call("POST", "/v1/public-ranges", { cidr: "203.0.113.0/24" });
  const named = { name: "there" };
  const { body: network } = await platform.call<Made>("POST", `${at}/networks`, named);
  const { body: group } = await platform.call<Made>("POST", `${at}/security-groups`, named);
  const connected = { ...named, networks: ["there"] };
  const { body: run } = await platform.call<Made>("POST", `${at}/instances`, connected);
  await platform.call("GET", `${at}/jobs/${run.job}?waitSeconds=30`);
  const migration = await move(platform, at, "there");
  const kept = await keep(platform, at, "there");
  const { body: image } = await platform.call<Made>("POST", `${at}/images`, { name: "waits" });
  const { body: alarm } = await platform.call<Made>("POST", `${at}/alarms`, {
    name: "rings",
    action: "reboot",
  });
  const { body: address } = await platform.call<{ address: string }>("POST", `${at}/addresses`, {});
  const forwards = `${at}/networks/there/forwards`;
  const forwarded = { publicPort: 80, instance: "there", port: 80 };
  const { body: forward } = await platform.call<Made>("POST", forwards, forwarded);
  const { body: key } = await platform.call<Made>("POST", `${at}/keys`, {
    ...{ name: "there", publicKey: aKey },
  });
  const ranges = [{ startDay: "sunday", startHour: 2, endDay: "sunday", endHour: 6 }];
  const windows = `${at}/event-windows`;
  const { body: window } = await platform.call<Made>("POST", windows, { ...named, ranges });
  const { body: event } = await platform.call<Made>("POST", "/v1/events", {
    ...{ project: "default", instance: "there", code: "instance-reboot" },
    notBefore: farAway,
  });
  const { body: accessKey } = await platform.call<{ accessKey: string }>("POST", "/v1/keys", named);
  await platform.call("POST", "/v1/accounts", named);
  await platform.call("POST", "/v1/organisations", named);
  await platform.call("PUT", `${at}/members/there`, { role: "viewer" });
  const program = { name: "there", role: "viewer" };
  const { body: serviceAccount } = await platform.call<Made>(
    "POST",
    `${at}/service-accounts`,
    program,
  );
  await platform.call("PUT", "/v1/settings/access.sign_ins", { value: 10_000 });
  await platform.call("PUT", "/v1/settings/access.nobody_burst", { value: 1_000_000 });
  const session = await signInTo(platform, "there");
  const { body: tiny } = await platform.call<Tiny>("GET", `${at}/images/tiny`);
  const wire = openWire(port);
  return {
    platform,
    port,
    wire,
    document,
    operations: operationsOf(document),
    there: {
      project: "default",
      instance: run.instances[0]?.id ?? "",
      job: run.job,
      image: image.id,
      alarm: alarm.id,
      network: network.id,
      group: group.id,
      forward: forward.id,
      ...{ key: key.id, window: window.id, event: event.id, migration },
      address: address.address,
      ...kept,
      type: "tiny",
      host: "host-2",
      ...{ account: "there", organisation: "there", serviceAccount: serviceAccount.id },
      accessKey: accessKey.accessKey,
      session: session.id,
      name: "manager.batch",
      digest: tiny.manifest.disk.digest,
      certificate: mintId(), // None is there until a host has died: see requests.ts.
      bmc: `${bmc.url}/redfish/v1/Systems/1`,
    },
    async close() {
      wire.close();
      await platform.close();
      await bmc.close();
    },
  };
}

/** A session of an account, which is given a password for it. */
async function signInTo(platform: Platform, account: string): Promise<{ id: string }> {
  const { body } = await platform.call<{ password: string }>(
    "POST",
    `/v1/accounts/${account}/password`,
    {},
  );
  const asked = { account, password: body.password };
  const { body: begun, status } = await platform.call<Made>("POST", "/v1/sessions", asked);
  assert.equal(status, 201);
  return begun;
}

/** A live migration of an instance, to its end. For an operator, or as somebody else. */
export async function move(
  platform: Platform,
  at: string,
  instance: string,
  as: Record<string, string> = {},
): Promise<string> {
  type Begun = { migration: { id: string }; job: string };
  const path = `${at}/instances/${instance}/migrate`;
  const { status, body } = await platform.call<Begun>("POST", path, {}, as);
  assert.equal(status, 202, JSON.stringify(body));
  const ended = `${at}/jobs/${body.job}?waitSeconds=30`;
  const { body: job } = await platform.call<{ state: string }>("GET", ended, undefined, as);
  assert.equal(job.state, "succeeded", JSON.stringify(job));
  return body.migration.id;
}

/** A snapshot and a backup of the root volume of an instance, whole. For an operator, or as somebody else. */
export async function keep(
  platform: Platform,
  at: string,
  instance: string,
  name = `${instance}-kept`,
  as: Record<string, string> = {},
): Promise<{ volume: string; snapshot: string; backup: string }> {
  await platform.call("PUT", "/v1/settings/backups.place", { value: "/backups" });
  const volume = `${instance}.root`;
  const ask = async <T>(method: string, path: string, body?: object) => {
    const answer = await platform.call<T>(method, `${at}/${path}`, body, as);
    assert.ok(answer.status < 300, `${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const { id: snapshot } = await ask<{ id: string }>("POST", "snapshots", { volume, name });
  const { id: backup } = await ask<{ id: string }>("POST", "backups", { volume });
  await until(`${volume} is kept`, async () => {
    const { doing } = await ask<{ doing: unknown[] }>("GET", `volumes/${volume}`);
    return doing.length === 0;
  });
  const { id } = await ask<{ id: string }>("GET", `volumes/${volume}`);
  return { volume: id, snapshot, backup };
}

/** A request for an operation, as values. */
export interface Request {
  readonly path: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | readonly string[]>>;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: unknown;
}

/** A request that would be carried out: only what must be there, about what is there. */
export function plainRequest({ parameters, body }: Operation, desk: Desk): Request {
  const path = parameters.filter((one) => one.in === "path").map(({ name }) => name);
  return {
    path: Object.fromEntries(path.map((name) => [name, desk.there[name] ?? name])),
    query: {},
    headers: {},
    body: body && sample(valid(body, {})),
  };
}

/** Always the same one. */
const sample = <T>(arbitrary: Arbitrary<T>): T | undefined =>
  fc.sample(arbitrary, { seed: 7, numRuns: 1 })[0];

/** `path` parts are taken as they are where they are marked as written already. */
export function asAsk(
  { method, path }: Operation,
  request: Request,
  token: string,
  write: (body: unknown) => string = JSON.stringify,
): Ask {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => request.path[name] ?? "");
  const pairs = Object.entries(request.query).flatMap(([name, value]) =>
    [value].flat().map((one) => `${encode(name)}=${encode(one)}`),
  );
  const json = request.body === undefined ? {} : { "content-type": "application/json" };
  return {
    method,
    path: pairs.length > 0 ? `${filled}?${pairs.join("&")}` : filled,
    headers: { authorization: `Bearer ${token}`, ...json, ...request.headers },
    ...(request.body === undefined ? {} : { body: write(request.body) }),
  };
}

/** Halves of characters have no encoding; they travel as the bytes that a careless program would send. */
export function encode(text: string): string {
  return [...text]
    .map((point) => (/\p{Surrogate}/u.test(point) ? "%ED%A0%80" : encodeURIComponent(point)))
    .join("")
    .replace(/^\.+$/, (dots) => dots.replaceAll(".", "%2E"));
}

const counted = [
  ...["project", "access_key", "setting", "job", "journal", "image", "volume", "instance"],
  ...["incarnation", "join_token", "host", "host_certificate", "instance_type", "alarm"],
  ...["host_bmc", "fence_certificate", "fence_release", "migration"],
];
/** What belongs to networks, apart from what comes and goes with guests that run. */
const ofNetworks = [
  ...["network", "nic", "nic_group", "port_forward", "public_range"],
  ...["security_group", "security_rule"],
];
const ofVolumes = ["attachment", "snapshot", "snapshot_share", "backup", "backup_schedule"];
const ofAccess = [
  ...["organisation", "account", "membership", "quota", "required_tag", "tag"],
  ...["session", "single_sign_on"],
];
const ofPlans = [
  "ssh_key",
  "instance_key",
  "event_window",
  "event_window_instance",
  "maintenance_policy",
];
/** Tables in which nothing changes by itself. */
const read = [
  "project",
  "setting",
  "image",
  "instance_type",
  "join_token",
  "host",
  "alarm",
  "fence_release",
];

/** What is in the database, so that a change of it shows: the number of rows everywhere, and what they say. */
export async function fingerprint({ platform }: Desk): Promise<unknown> {
  const counts = [...counted, ...ofNetworks, ...ofVolumes, ...ofAccess, ...ofPlans].map(
    (table) => `(select count(*) from ${table}) as ${table}_rows`,
  );
  const texts = [...read, ...ofNetworks, ...ofAccess, ...ofPlans].map(
    (table) =>
      `(select md5(string_agg(t::text, '|' order by t::text)) from ${table} t) as ${table}_text`,
  );
  const keys = `(select md5(string_agg(concat(id, account_id, name, sealed, project_id, expires_at, revoked_at), '|' order by id)) from access_key) as keys`;
  const wishes = `(select md5(string_agg(concat(id, name, desired, is_protected, metadata, metadata_tokens, metadata_hops, job_id, recovery, priority, depends_on), '|' order by id)) from instance) as wishes`;
  const kept = `(select md5(string_agg(t::text, '|' order by t::text)) from public_address t where kind = 'static') as kept`;
  const [row] = await platform.database.query(
    `select ${[...counts, ...texts, keys, wishes, kept].join(", ")}`,
  );
  return row;
}
