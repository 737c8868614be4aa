/**
 * Two projects, each with a token of its own: neither can see, change or guess anything of the other.
 *
 * Every route of the manager is walked with the other project's names and ids. The measure is always the
 * answer for something that does not exist: whatever differs from it, if only a word, is a leak.
 */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { after, before, test } from "node:test";
import type { Handler } from "@holdfast/kernel/route";
import { stopTestServer } from "@holdfast/store/testing";
import { WebSocket } from "ws";
import { mintId } from "../platform.ts";
import { decent } from "./decent.ts";
import {
  aKey,
  asAsk,
  type Desk,
  farAway,
  fingerprint,
  keep,
  move,
  openDesk,
  plainRequest,
  type Request,
} from "./desk.ts";
import { fits, type Operation } from "./document.ts";
import type { Reply } from "./wire.ts";

interface Tenant {
  readonly project: string;
  readonly projectId: string;
  readonly token: string;
  readonly instance: string;
  readonly instanceId: string;
  readonly job: string;
  readonly image: string;
  readonly imageId: string;
  readonly alarm: string;
  readonly alarmId: string;
  readonly network: string;
  readonly networkId: string;
  readonly group: string;
  readonly groupId: string;
  readonly address: string;
  readonly addressName: string;
  readonly forward: string;
  readonly volume: string;
  readonly volumeName: string;
  readonly snapshot: string;
  readonly snapshotName: string;
  readonly backup: string;
  readonly key: string;
  readonly keyId: string;
  readonly window: string;
  readonly windowId: string;
  readonly event: string;
  readonly migration: string;
}

let desk: Desk;
let handlers: readonly Handler[];
let owner: Tenant;
let stranger: Tenant;
before(async () => {
  desk = await openDesk();
  handlers = desk.platform.managers[0]?.handlers ?? [];
  owner = await moveIn("owner");
  stranger = await moveIn("stranger");
});
after(async () => {
  await desk.close();
  await stopTestServer();
});

async function moveIn(project: string): Promise<Tenant> {
  const { platform } = desk;
  const { body: made } = await platform.call<{ id: string }>("POST", "/v1/projects", {
    name: project,
  });
  const { body: token } = await platform.call<{ token: string }>("POST", "/v1/tokens", {
    name: `${project}-token`,
    project,
  });
  const as = { authorization: `Bearer ${token.token}` };
  const at = `/v1/projects/${project}`;
  const [instance, image] = [`${project}-guest`, `${project}-image`];
  const alarm = `${project}-alarm`;
  const ask = { name: instance, antiAffinityGroup: "web", networks: [`${project}-network`] };
  const connections = await settle(project, as);
  const { body: run } = await platform.call<{ job: string; instances: { id: string }[] }>(
    "POST",
    `${at}/instances`,
    ask,
    as,
  );
  await platform.call("GET", `${at}/jobs/${run.job}?waitSeconds=30`, undefined, as);
  assert.ok(run.instances, JSON.stringify(run));
  const migration = await move(platform, at, instance, as);
  const snapshotName = `${project}-snapshot`;
  const kept = await keep(platform, at, instance, snapshotName, as);
  const { body: imported } = await platform.call<{ id: string }>(
    "POST",
    `${at}/images`,
    { name: image },
    as,
  );
  const { body: set } = await platform.call<{ id: string }>(
    "POST",
    `${at}/alarms`,
    { name: alarm, instance, action: "reboot" },
    as,
  );
  const { body: forward } = await platform.call<{ id: string }>(
    "POST",
    `${at}/networks/${connections.network}/forwards`,
    { instance, publicPort: 80, port: 80 },
    as,
  );
  const { body: event } = await platform.call<{ id: string }>("POST", "/v1/events", {
    ...{ project, instance, code: "instance-reboot", notBefore: farAway },
  });
  return {
    project,
    projectId: made.id,
    token: token.token,
    instance,
    instanceId: run.instances[0]?.id ?? "",
    job: run.job,
    image,
    imageId: imported.id,
    alarm,
    alarmId: set.id,
    ...connections,
    forward: forward.id,
    ...kept,
    ...{ volumeName: `${instance}.root`, snapshotName },
    event: event.id,
    migration,
  };
}

/** What an instance can be connected to. */
async function settle(project: string, as: Record<string, string>) {
  const at = `/v1/projects/${project}`;
  const names = {
    network: `${project}-network`,
    group: `${project}-group`,
    addressName: `${project}-address`,
    key: `${project}-key`,
    window: `${project}-window`,
  };
  const post = async (path: string, name: string, more = {}) => {
    type Made = { id: string; address: string };
    return (await desk.platform.call<Made>("POST", `${at}/${path}`, { name, ...more }, as)).body;
  };
  const ranges = [{ startDay: "sunday", startHour: 2, endDay: "sunday", endHour: 6 }];
  return {
    ...names,
    networkId: (await post("networks", names.network)).id,
    groupId: (await post("security-groups", names.group)).id,
    address: (await post("addresses", names.addressName)).address,
    keyId: (await post("keys", names.key, { publicKey: aKey })).id,
    windowId: (await post("event-windows", names.window, { ranges })).id,
  };
}

/** Everything by which the owner's things are known. */
const marksOf = ({ token: _, ...tenant }: Tenant) => Object.values(tenant);

function assertNothingOf(tenant: Tenant, text: string, about: string): void {
  for (const mark of marksOf(tenant))
    assert.ok(!text.includes(mark), `${about} tells ${mark}: ${text}`);
}

const operationOf = ({ route }: Handler): Operation => {
  const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
  const found = desk.operations.find((one) => one.method === route.method && one.path === path);
  assert.ok(found, `${route.method} ${route.path} is not in the document`);
  return found;
};
const inProjects = () => handlers.filter(({ route }) => route.path.includes("/:project"));
const nameOf = ({ route }: Handler) => `${route.method} ${route.path}`;

const ask = (operation: Operation, request: Request, token: string): Promise<Reply> =>
  desk.wire.ask(asAsk(operation, request, token));

/** Refused, in the same words as something that does not exist. */
async function isAsIfNotThere(
  operation: Operation,
  request: Request,
  theirs: string,
  missing: string,
): Promise<void> {
  const replaced = JSON.parse(JSON.stringify(request).replaceAll(theirs, missing)) as Request;
  const [real, none] = [
    await ask(operation, request, stranger.token),
    await ask(operation, replaced, stranger.token),
  ];
  const about = `${operation.method} ${operation.path} with ${theirs}`;
  assert.equal(decent(real, operation).problem?.kind, "not_found", `${about}: ${real.text}`);
  assert.equal(real.text.replaceAll(theirs, missing), none.text, about);
  assert.deepEqual(headersOf(real), headersOf(none), about);
}

/** Without those that differ between any two answers. */
const headersOf = ({ headers }: Reply) => {
  const { date: _, "x-request-id": __, "content-length": ___, ...rest } = headers;
  return rest;
};

test("another project is as if it were not there, by name and by id, on every route", async () => {
  const untouched = await fingerprint(desk);
  assert.ok(inProjects().length > 15);
  for (const handler of inProjects()) {
    const operation = operationOf(handler);
    const { path, ...plain } = plainRequest(operation, desk);
    const inside = {
      instance: owner.instanceId,
      job: owner.job,
      image: owner.imageId,
      alarm: owner.alarmId,
      ...{ network: owner.networkId, group: owner.groupId },
      ...{ address: owner.address, forward: owner.forward },
      ...{ volume: owner.volume, snapshot: owner.snapshot, backup: owner.backup },
      ...{ key: owner.keyId, window: owner.windowId, event: owner.event },
      migration: owner.migration,
    };
    for (const [theirs, missing] of [
      [owner.project, "nobody"],
      [owner.projectId, mintId() as string],
    ] as const)
      await isAsIfNotThere(
        operation,
        { ...plain, path: { ...path, ...pick(inside, path), project: theirs } },
        theirs,
        missing,
      );
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("in a project of one's own, what belongs to another is as if it were not there", async () => {
  const untouched = await fingerprint(desk);
  const theirs: Record<string, readonly string[]> = {
    instance: [owner.instance, owner.instanceId],
    job: [owner.job],
    image: [owner.image, owner.imageId],
    alarm: [owner.alarm, owner.alarmId],
    network: [owner.network, owner.networkId],
    group: [owner.group, owner.groupId],
    address: [owner.address, owner.addressName],
    forward: [owner.forward],
    volume: [owner.volume, owner.volumeName],
    snapshot: [owner.snapshot, owner.snapshotName],
    backup: [owner.backup],
    key: [owner.key, owner.keyId],
    window: [owner.window, owner.windowId],
    event: [owner.event],
    migration: [owner.migration],
  };
  for (const handler of inProjects()) {
    const operation = operationOf(handler);
    const plain = plainRequest(operation, desk);
    const names = Object.keys(plain.path).filter((name) => name !== "project");
    for (const name of names)
      assert.ok(theirs[name], `${nameOf(handler)}: nothing to try as :${name}`);
    for (const name of names)
      for (const mark of theirs[name] ?? [])
        await isAsIfNotThere(
          operation,
          { ...plain, path: { ...plain.path, project: stranger.project, [name]: mark } },
          mark,
          /-.*-/.test(mark) ? (mintId() as string) : "nobody-guest",
        );
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("an image of another project cannot be run, by name or by id", async () => {
  const run = handlers.find(
    ({ route }) => route.method === "POST" && /instances$/.test(route.path),
  );
  assert.ok(run);
  const operation = operationOf(run);
  const request = { ...plainRequest(operation, desk), path: { project: stranger.project } };
  for (const [mark, missing] of [
    [owner.image, "nobody-image"],
    [owner.imageId, mintId() as string],
  ] as const)
    await isAsIfNotThere(operation, { ...request, body: { image: mark } }, mark, missing);
});

test("what may be read tells nothing of another project, also where its ids are given as the page to go on from", async () => {
  let read = 0;
  for (const handler of handlers.filter(({ route }) => route.needs === "project:read")) {
    const operation = operationOf(handler);
    const plain = plainRequest(operation, desk);
    const own = {
      instance: stranger.instance,
      job: stranger.job,
      image: stranger.image,
      alarm: stranger.alarm,
      ...{ network: stranger.network, group: stranger.group },
      ...{ volume: stranger.volume, snapshot: stranger.snapshot, backup: stranger.backup },
      migration: stranger.migration,
    };
    const body = operation.body && fits(operation.body, {}) ? {} : plain.body; // The fewer words the better.
    const path = { ...plain.path, ...pick({ ...own, project: stranger.project }, plain.path) };
    const ids = operation.parameters.filter(
      ({ schema }) => schema.format === "uuid" && schema !== undefined,
    );
    const queries = [
      {},
      ...ids.filter((one) => one.in === "query").map(({ name }) => ({ [name]: owner.job })),
    ];
    for (const query of queries) {
      const reply = await ask(operation, { ...plain, path, query, body }, stranger.token);
      assert.equal(reply.status, operation.reply.status, reply.text);
      assertNothingOf(owner, reply.text, nameOf(handler));
      read++;
    }
  }
  assert.ok(read > 10);
});

test("what needs the platform is refused to a project's token, before anything else is said", async () => {
  const untouched = await fingerprint(desk);
  const platformRoutes = handlers.filter(({ route }) => route.needs.startsWith("platform:"));
  assert.ok(platformRoutes.length > 5);
  for (const handler of platformRoutes) {
    const operation = operationOf(handler);
    const plain = plainRequest(operation, desk);
    for (const request of [plain, { ...plain, body: operation.body && { nonsense: 1 } }]) {
      const { problem } = decent(await ask(operation, request, stranger.token), operation);
      assert.equal(problem?.code, "forbidden", nameOf(handler));
    }
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("a name that another project uses is free, and a group of another project keeps nobody away", async () => {
  const as = { authorization: `Bearer ${stranger.token}` };
  const at = `/v1/projects/${stranger.project}`;
  const same = await desk.platform.call<{ job: string }>(
    "POST",
    `${at}/instances`,
    { name: owner.instance },
    as,
  );
  const image = await desk.platform.call("POST", `${at}/images`, { name: owner.image }, as);
  assert.deepEqual([same.status, image.status], [202, 202]);
  await desk.platform.call("GET", `${at}/jobs/${same.body.job}?waitSeconds=30`, undefined, as);
  // One host has the owner's member of `web`, another the stranger's: only there a second one does not fit.
  const { body } = await desk.platform.call<{
    hosts: { verdict: string; name: string; host: string }[];
  }>("POST", `${at}/placements/explain`, { antiAffinityGroup: "web" }, as);
  assert.equal(body.hosts.filter(({ verdict }) => verdict === "rejected").length, 1);
});

test("an upload for an image of another project is as if that were not there, and changes nothing", async () => {
  const untouched = await fingerprint(desk);
  const put = (project: string, image: string, token: string) =>
    desk.wire.ask({
      method: "PUT",
      path: `/v1/projects/${project}/images/${image}/content`,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/octet-stream" },
      body: randomBytes(4_096),
    });
  for (const image of [owner.imageId, `${owner.image}x`]) {
    const missing = mintId() as string;
    for (const project of [owner.project, stranger.project]) {
      const [real, none] = [
        await put(project, image, stranger.token),
        await put(project, missing, stranger.token),
      ];
      assert.equal(decent(real).problem?.kind, "not_found");
      assert.equal(real.text.replaceAll(image, missing), none.text);
    }
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

// A console that does open stays open, and nobody would wait for that.
test("the console of another project's instance is as if that were not there", {
  timeout: 30_000,
}, async () => {
  const missing = mintId() as string;
  for (const project of [owner.project, stranger.project]) {
    const real = await knock(project, owner.instanceId);
    const none = await knock(project, missing);
    assert.equal(real.code, 4404);
    assert.deepEqual({ ...real, said: real.said.replaceAll(owner.instanceId, missing) }, none);
  }
});

/** How a console ends that the stranger asks for. */
function knock(project: string, instance: string): Promise<{ code: number; said: string }> {
  const url = `ws://127.0.0.1:${desk.port}/v1/projects/${project}/instances/${instance}/console`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${stranger.token}` } });
  let said = "";
  socket.on("message", (data) => {
    said += String(data);
  });
  return new Promise((resolve, reject) => {
    socket.on("error", reject);
    socket.on("close", (code) => resolve({ code, said }));
  });
}

const pick = (from: Readonly<Record<string, string>>, like: object) =>
  Object.fromEntries(Object.entries(from).filter(([name]) => name in like));
