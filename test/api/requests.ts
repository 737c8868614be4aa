/**
 * Requests that fit an operation's schemas, about things that are there.
 *
 * The things are made afresh for each operation, in the states that its neighbours care about: what
 * one operation has used up tells nothing about the next.
 */
import assert from "node:assert/strict";
import fc, { type Arbitrary } from "fast-check";
import { type Platform, until } from "../platform.ts";
import {
  aKey,
  bmcPassword,
  bmcUser,
  type Desk,
  encode,
  farAway,
  keep,
  move,
  type Request,
} from "./desk.ts";
import type { Operation } from "./document.ts";
import { valid } from "./values.ts";

let news = 0;
const anHour = 3_600_000;

/** For each operation of its own, because the one before may have used up what there was. */
export async function somethingNew(
  { platform, there }: Desk,
  { parameters, path }: Operation,
): Promise<Record<string, readonly unknown[]>> {
  const at = "/v1/projects/default";
  const takes = (what: string) => parameters.some(({ name }) => name === what);
  const made: Record<string, readonly unknown[]> = { digest: [there.digest ?? ""] };
  if (path.endsWith("/alarms")) made.instance = [there.instance ?? ""];
  if (path.endsWith("/bmc")) {
    made.url = [there.bmc ?? ""];
    made.user = [bmcUser];
    made.password = [bmcPassword];
  }
  if (path.endsWith("/attest")) {
    await silence(platform);
    made.host = [silentOne];
    made.name = [silentOne];
  }
  if (takes("certificate")) {
    await silence(platform);
    const oath = { name: silentOne, reason: "its plug is in my hand" };
    const at = `/v1/hosts/${silentOne}/attest`;
    made.certificate = [(await platform.call<{ id: string }>("POST", at, oath)).body.id];
  }
  // One that is there would be another from then on: no host has the thousand cpus that it may get.
  if (takes("type")) made.type = [`new-${++news}`];
  if (path.endsWith("/images/{image}/copy")) {
    Object.assign(made, { image: ["tiny"], name: [`new-${++news}`] });
  } else if (takes("image")) {
    const image = { name: `new-${++news}` };
    await platform.call("POST", `${at}/images`, image);
    made.image = [image.name];
  }
  if (takes("alarm")) {
    const alarm = { name: `new-${++news}`, action: "reboot" };
    await platform.call("POST", `${at}/alarms`, alarm);
    made.alarm = [alarm.name];
  }
  if (takes("instance") || takes("job")) {
    const names = ["runs", "stops", "goes"].map((word) => `${word}-${++news}`);
    const [, stops, goes] = names;
    const jobs = await Promise.all(names.map((name) => order(platform, "", { name })));
    jobs.push(
      await order(platform, `/${stops}/stop`, { force: true }),
      await order(platform, `/${goes}/destroy`, {}),
    );
    made.instance = names;
    made.job = jobs;
  }
  return {
    ...made,
    ...(await newOfNetworks(platform, path, takes)),
    ...(await newOfVolumes(platform, path, takes)),
    ...(await newOfPlans(platform, path, takes)),
    ...(await newOfMigrations(platform, path)),
    ...(await newOfAccess(platform, path, takes)),
    ...(takes("after") ? await newOfPages(platform, path) : {}),
  };
}

/** The same of who may come in. */
async function newOfAccess(
  platform: Platform,
  path: string,
  takes: (what: string) => boolean,
): Promise<Record<string, readonly unknown[]>> {
  const made: Record<string, readonly unknown[]> = {};
  const at = "/v1/projects/default";
  const name = `new-${++news}`;
  const post = async <T>(where: string, body: object) =>
    (await platform.call<T>("POST", where, body)).body;
  if (path.startsWith("/v1/organisations/")) {
    await post("/v1/organisations", { name });
    made.organisation = [name];
  } else made.organisation = ["default"];
  if (takes("account")) {
    await post("/v1/accounts", { name });
    const on = path.replace("{project}", "default").replace("{organisation}", name);
    const member = on.replace("{account}", name);
    if (on.includes("/members/")) await platform.call("PUT", member, { role: "viewer" });
    // The owner's own: that there is another key does not matter to them.
    made.account = takes("accessKey") || takes("session") ? ["operator"] : [name];
  }
  if (takes("serviceAccount")) {
    const bot = await post<{ id: string; name: string }>(`${at}/service-accounts`, {
      ...{ name, role: "viewer" },
    });
    made.serviceAccount = [bot.id, bot.name];
    const keys = `${at}/service-accounts/${bot.id}/keys`;
    if (takes("accessKey")) made.accessKey = [(await post<NewKey>(keys, { name })).accessKey];
  } else if (takes("accessKey"))
    made.accessKey = [(await post<NewKey>("/v1/keys", { name })).accessKey];
  if (path.endsWith("/shares")) {
    await post("/v1/projects", { name });
    Object.assign(made, { add: [[name], []], remove: [[name], []] });
  }
  if (path.endsWith("/tags")) Object.assign(made, { kind: ["instance"], thing: ["there"] });
  if (path === "/v1/quotas" || /\/(required-tags|volume-encryption)$/.test(path)) {
    // What is limited in the project of the others would be in their way.
    await post("/v1/projects", { name });
    made.project = [name];
  }
  if (path === "/v1/sessions" || path === "/v1/me/password") {
    await post("/v1/accounts", { name });
    const at = `/v1/accounts/${name}/password`;
    made.account = [name];
    made.password = made.current = [(await post<{ password: string }>(at, {})).password];
  }
  if (takes("session")) made.session = [(await ownSession(platform)).id];
  if (path === "/v1/single-sign-on") made.issuer = ["https://sign-on.example.org"];
  return made;
}

/** Of whoever asks in these tests. */
async function ownSession(platform: Platform): Promise<{ id: string }> {
  const [row] = await platform.database.query<{ id: string }>(
    `insert into session (id, hash, account_id, created_at, last_used_at, expires_at, by)
     select gen_random_uuid(), gen_random_uuid()::text, id, now(), now(), now() + interval '1 hour', 'password'
     from account where name = 'operator' returning id`,
  );
  assert.ok(row);
  return row;
}

interface NewKey {
  readonly accessKey: string;
}

/** Where the second page begins: what anybody makes up is no cursor. Where there is none, mostly nothing is said. */
async function newOfPages(
  platform: Platform,
  path: string,
): Promise<Record<string, readonly unknown[]>> {
  const first = `${path.replace("{project}", "default")}?limit=1`;
  const { body } = await platform.call<{ next?: string | null }>("GET", first);
  return { after: [body.next ?? undefined] };
}

/** The same of moves: one that has ended, or one that goes on for as long as nobody breaks it off. */
async function newOfMigrations(
  platform: Platform,
  path: string,
): Promise<Record<string, readonly unknown[]>> {
  for (const { world } of platform.hosts)
    world.wireSpeed = path.endsWith("/abort") ? 2 ** 18 : 2 ** 30;
  if (!path.includes("/{migration}") && !path.endsWith("/migrate")) return {};
  const at = "/v1/projects/default";
  const name = `new-${++news}`;
  await order(platform, "", { name });
  if (path.endsWith("/migrate")) return { instance: [name], host: ["host-1", "host-2"] };
  if (!path.endsWith("/abort")) return { migration: [await move(platform, at, name)] };
  type Begun = { migration: { id: string } };
  const { body } = await platform.call<Begun>("POST", `${at}/instances/${name}/migrate`, {});
  return { migration: [body.migration.id] };
}

/** The same of what is planned, in another century, and of keys. */
async function newOfPlans(
  platform: Platform,
  path: string,
  takes: (what: string) => boolean,
): Promise<Record<string, readonly unknown[]>> {
  const at = "/v1/projects/default";
  const post = (where: string, body: object) =>
    platform.call<{ id: string }>("POST", where, body).then((answer) => answer.body.id);
  const name = `new-${++news}`;
  const made: Record<string, readonly unknown[]> = {};
  if (path.endsWith("/keys")) made.publicKey = [aKey];
  if (takes("key")) {
    await post(`${at}/keys`, { name, publicKey: aKey });
    made.key = [name];
  }
  if (/\/(events|event-windows)(\/|$)/.test(path) && !takes("instance")) {
    await order(platform, "", { name });
    made.instance = [name];
    made.instances = [[name]];
  }
  if (path.includes("/event-windows")) {
    const ranges = [{ startDay: "monday", startHour: 1, endDay: "monday", endHour: 7 }];
    made.ranges = [ranges];
    if (takes("window")) {
      await post(`${at}/event-windows`, { name, ranges, instances: [name] });
      made.window = [name];
    }
  }
  if (path.endsWith("/events") || takes("event")) {
    made.notBefore = [farAway, farAway + 1];
    made.notAfter = [farAway + anHour];
    made.deadline = [farAway + anHour];
  }
  if (takes("event")) {
    const event = { project: "default", instance: name, code: "instance-reboot" };
    const times = { notBefore: farAway, deadline: farAway + anHour };
    made.event = [await post("/v1/events", { ...event, ...times })];
  }
  if (path.includes("/maintenance")) {
    await platform.call("DELETE", "/v1/hosts/host-2/maintenance"); // What was begun before this.
    if (!path.endsWith("/preview") && path.startsWith("/v1/hosts"))
      await platform.call("PUT", "/v1/hosts/host-2/maintenance", { startsAt: farAway });
    made.startsAt = [farAway];
    made.deadline = [farAway + anHour];
    made.endsAt = [farAway + anHour];
  }
  return made;
}

/** The same of volumes: a root volume, stopped where that matters, and what is kept of it. */
async function newOfVolumes(
  platform: Platform,
  path: string,
  takes: (what: string) => boolean,
): Promise<Record<string, readonly unknown[]>> {
  const at = "/v1/projects/default";
  const isAbout = takes("volume") || takes("snapshot") || takes("backup");
  if (!isAbout && !/\/(snapshots|backups)$/.test(path)) return {};
  const name = `new-${++news}`;
  if (/\{volume\}(\/(attach|detach))?$/.test(path)) {
    await platform.call("POST", `${at}/volumes`, { name, sizeGiB: 1 });
    if (path.endsWith("/detach"))
      await platform.call("POST", `${at}/volumes/${name}/attach`, { instance: "there" });
    return { volume: [name], instance: ["there"] };
  }
  await order(platform, "", { name });
  const volume = [`${name}.root`];
  if (path.endsWith("/backup-schedule"))
    await platform.call("PUT", `${at}/volumes/${name}/backup-schedule`, {});
  if (!takes("snapshot") && !takes("backup")) return { volume };
  const { snapshot, backup } = await keep(platform, at, name);
  await order(platform, `/${name}/stop`, { force: true });
  return { volume, snapshot: [snapshot], backup: [backup] };
}

/** The same of networks and what belongs to them. */
async function newOfNetworks(
  platform: Platform,
  path: string,
  takes: (what: string) => boolean,
): Promise<Record<string, readonly unknown[]>> {
  const at = "/v1/projects/default";
  const made: Record<string, readonly unknown[]> = {};
  const post = async <T>(where: string, body: object) =>
    (await platform.call<T>("POST", where, body)).body;
  const name = `new-${++news}`;
  if (takes("network")) {
    await post(`${at}/networks`, { name });
    made.network = [name];
  }
  if (path.includes("/forwards")) {
    const instance = `guest-${news}`;
    await order(platform, "", { name: instance, networks: [name] });
    made.instance = [instance];
    const body = { instance, publicPort: 80, port: 80 };
    if (takes("forward"))
      made.forward = [(await post<{ id: string }>(`${at}/networks/${name}/forwards`, body)).id];
  }
  if (takes("address")) {
    await post(`${at}/addresses`, { name });
    made.address = [name];
    made.instance = ["there"];
    made.network = ["there"];
  }
  if (takes("group")) {
    const rule = { fromPort: 22, cidr: "10.0.0.0/8" };
    const body = { name, rules: [rule] };
    const group = await post<{ rules: { id: string }[] }>(`${at}/security-groups`, body);
    made.group = [name];
    made.rules = [path.endsWith("/remove") ? group.rules.map(({ id }) => id) : [rule]];
  }
  if (path.endsWith("/{instance}/security-groups")) made.instance = ["there"];
  if (path.endsWith("/public-ranges/remove")) {
    made.cidr = [`198.18.${news % 256}.0/24`];
    await post("/v1/public-ranges", { cidr: made.cidr[0] });
  }
  return made;
}

const silentOne = "host-3";

/** The last host is heard, and then no more. */
async function silence(platform: Platform): Promise<void> {
  const host = platform.hosts.find(({ name }) => name === silentOne);
  assert.ok(host);
  const isNow = async (wanted: string) => {
    const { body } = await platform.call<{ hosts: { name: string; state: string }[] }>(
      "GET",
      "/v1/hosts",
    );
    return body.hosts.some(({ name, state }) => name === silentOne && state === wanted);
  };
  if (!host.agent) await platform.startAgent(host);
  await until(`${silentOne} is up`, () => isNow("up"));
  await platform.stopAgent(host);
  await until(`${silentOne} is suspect`, () => isNow("suspect"));
}

/** Given, and carried out. */
async function order(platform: Platform, path: string, body: object): Promise<string> {
  const at = "/v1/projects/default";
  const where = `${at}/instances${path}`;
  const { body: accepted } = await platform.call<{ job: string }>("POST", where, body);
  const { body: job } = await platform.call<{ state: string }>(
    "GET",
    `${at}/jobs/${accepted.job}?waitSeconds=30`,
  );
  const said = JSON.stringify(job.state === undefined ? accepted : job);
  assert.equal(job.state, "succeeded", `${where} ${said}`);
  return accepted.job;
}

type Pools = Readonly<Record<string, Arbitrary<unknown>>>;

export function poolsOf(made: Record<string, readonly unknown[]>): Pools {
  const named: Record<string, readonly unknown[]> = {
    project: ["default"],
    type: ["tiny", "small"],
    image: ["tiny"],
    networks: [["there"], []],
    groups: [["there"], []],
    keys: [["there"], []],
    volumes: [[{ sizeGiB: 1 }], []],
    dependsOn: [["there"], []],
    cidr: ["10.77.0.0/24", "10.78.0.0/16"],
    host: ["host-2"],
    zone: ["default"],
    cluster: ["default"],
    antiAffinityGroup: ["web"],
    pool: ["local"],
    domain: ["zone default"],
    value: [null, 10],
    ...made,
  };
  return Object.fromEntries(
    Object.entries(named).map(([name, values]) => [name, fc.constantFrom(...values)]),
  );
}

/** What would keep a test waiting, or is for a bench: there are enough small ones. */
const modest: Record<string, (value: unknown) => unknown> = {
  count: (count) => Math.min(Number(count), 3),
  waitSeconds: (seconds) => Math.min(Number(seconds), 0.01),
};
const modestly = ([name, value]: [string, unknown]) => [name, modest[name]?.(value) ?? value];

export function requestsFor({ parameters, body }: Operation, pools: Pools): Arbitrary<Request> {
  const inPath = { ...pools, name: fc.constantFrom("manager.batch", "hosts.heartbeat") };
  const texts = (where: string) =>
    fc
      .record(
        Object.fromEntries(
          parameters
            .filter((one) => one.in === where)
            .map(({ name, schema }) => [
              name,
              valid(schema, where === "path" ? inPath : pools, name),
            ]),
        ),
        where === "path" ? {} : { requiredKeys: [] },
      )
      .map((parts) =>
        Object.fromEntries(
          Object.entries(parts)
            .filter(([, value]) => value !== undefined)
            .map(modestly)
            .map(([name, value]) => [
              name,
              where === "path" ? encode(String(value)) : String(value),
            ]),
        ),
      );
  const bodies = body ? valid(body, pools) : fc.constant(undefined);
  return fc.record({
    path: texts("path"),
    query: texts("query"),
    headers: texts("header"),
    body: bodies.map((whole) =>
      whole ? Object.fromEntries(Object.entries(whole).map(modestly)) : whole,
    ),
  });
}
