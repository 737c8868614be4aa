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
import { mintId, until } from "../platform.ts";
import { decent } from "./decent.ts";
import { asAsk, type Desk, fingerprint, openDesk, plainRequest, type Request } from "./desk.ts";
import { fits, type Operation } from "./document.ts";
import { assertNothingOf, moveIn, type Tenant } from "./tenants.ts";
import type { Reply } from "./wire.ts";

let desk: Desk;
let handlers: readonly Handler[];
let owner: Tenant;
let stranger: Tenant;
before(async () => {
  desk = await openDesk();
  handlers = desk.platform.managers[0]?.handlers ?? [];
  owner = await moveIn(desk.platform, "neighbour");
  stranger = await moveIn(desk.platform, "stranger");
});
after(async () => {
  await desk.close();
  await stopTestServer();
});

const operationOf = ({ route }: Handler): Operation => {
  const path = route.path.replaceAll(/:(\w+)/g, "{$1}");
  const found = desk.operations.find((one) => one.method === route.method && one.path === path);
  assert.ok(found, `${route.method} ${route.path} is not in the document`);
  return found;
};
const inProjects = () => handlers.filter(({ route }) => route.path.includes("/:project"));
const nameOf = ({ route }: Pick<Handler, "route">) => `${route.method} ${route.path}`;

const ask = (operation: Operation, request: Request, token: string): Promise<Reply> =>
  desk.wire.ask(asAsk(operation, request, token));

/** Refused, in the same words as something that does not exist. */
async function isAsIfNotThere(
  operation: Operation,
  request: Request,
  theirs: string,
  missing: string,
  token = stranger.token,
): Promise<void> {
  const replaced = JSON.parse(JSON.stringify(request).replaceAll(theirs, missing)) as Request;
  const [real, none] = [
    await ask(operation, request, token),
    await ask(operation, replaced, token),
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
      ...{ account: owner.account, serviceAccount: owner.account, accessKey: owner.accessKey },
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
    account: [owner.account, owner.accountId],
    serviceAccount: [owner.account, owner.accountId],
    accessKey: [owner.accessKey],
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
          missingLike(mark),
        );
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

/** Of the same kind: an id for an id. */
const missingLike = (mark: string) =>
  mark.startsWith("HF")
    ? "HFNOBODYNOBODY"
    : /-.*-.*-/.test(mark)
      ? (mintId() as string)
      : "nobody-guest";

test("an organisation of another is as if it were not there, by name and by id", async () => {
  const untouched = await fingerprint(desk);
  const inOrganisations = handlers.filter(({ route }) => route.path.includes("/:organisation"));
  assert.ok(inOrganisations.length > 3);
  for (const handler of inOrganisations) {
    const operation = operationOf(handler);
    const { path, ...plain } = plainRequest(operation, desk);
    for (const [theirs, missing] of [
      [owner.organisation, "nobody"],
      [owner.organisationId, mintId() as string],
    ] as const)
      await isAsIfNotThere(
        operation,
        { ...plain, path: { ...path, account: owner.account, organisation: theirs } },
        theirs,
        missing,
      );
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("what belongs to an account is as if it were not there for every other", async () => {
  const untouched = await fingerprint(desk);
  const ofCallers = handlers.filter(({ route }) => route.needs.startsWith("caller:"));
  assert.ok(ofCallers.length > 4);
  const theirs: Record<string, readonly string[]> = {
    accessKey: [owner.accessKey, desk.there.accessKey ?? ""],
    session: [desk.there.session ?? ""],
    project: [owner.project, owner.projectId],
  };
  for (const handler of ofCallers) {
    const operation = operationOf(handler);
    const plain = plainRequest(operation, desk);
    if (operation.method === "GET") {
      const reply = await ask(operation, plain, stranger.personToken);
      assert.equal(reply.status, operation.reply.status, reply.text);
      assertNothingOf(owner, reply.text, nameOf(handler));
    }
    for (const name of Object.keys(plain.path)) {
      assert.ok(theirs[name], `${nameOf(handler)}: nothing to try as :${name}`);
      for (const mark of theirs[name] ?? [])
        await isAsIfNotThere(
          operation,
          { ...plain, path: { ...plain.path, [name]: mark } },
          mark,
          missingLike(mark),
          stranger.personToken,
        );
    }
    if (operation.body?.properties?.project)
      for (const mark of theirs.project ?? []) {
        const body = { name: "mine", project: mark };
        const missing = missingLike(mark);
        await isAsIfNotThere(operation, { ...plain, body }, mark, missing, stranger.personToken);
      }
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("every route is of a kind that is walked here", () => {
  for (const { route } of handlers)
    assert.ok(
      /^(project|organisation|platform|caller):/.test(route.needs) || route.needs === "public",
      nameOf({ route }),
    );
  for (const { route } of handlers.filter(({ route }) => route.path.includes("/:project")))
    assert.match(route.needs, /^project:/, nameOf({ route }));
  for (const { route } of handlers.filter(({ route }) => route.path.includes("/:organisation")))
    assert.match(route.needs, /^organisation:/, nameOf({ route }));
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

test("what belongs to another cannot be named in a body, by name or by id", async () => {
  const untouched = await fingerprint(desk);
  const at = "/v1/projects/{project}";
  const ranges = [{ startDay: "monday", startHour: 1, endDay: "monday", endHour: 7 }];
  const [instance, volume] = [
    [owner.instance, owner.instanceId],
    [owner.volume, owner.volumeName],
  ];
  const [network, group] = [
    [owner.network, owner.networkId],
    [owner.group, owner.groupId],
  ];
  type Naming = readonly [
    string,
    marks: readonly string[],
    (mark: string) => object,
    path?: Readonly<Record<string, string>>,
  ];
  const requests: readonly Naming[] = [
    [`POST ${at}/instances`, network, (mark) => ({ networks: [mark] })],
    [`POST ${at}/instances`, group, (mark) => ({ groups: [mark] })],
    [`POST ${at}/instances`, [owner.key, owner.keyId], (mark) => ({ keys: [mark] })],
    [`POST ${at}/instances`, [owner.volume], (mark) => ({ volumes: [{ volume: mark }] })],
    [`POST ${at}/instances`, instance, (mark) => ({ dependsOn: [mark] })],
    [`POST ${at}/snapshots`, volume, (mark) => ({ volume: mark, name: "x" })],
    [`POST ${at}/backups`, volume, (mark) => ({ volume: mark })],
    [
      ...([`POST ${at}/volumes/{volume}/attach`, instance] as const),
      ...([(mark: string) => ({ instance: mark }), { volume: stranger.volume }] as const),
    ],
    [
      ...([`POST ${at}/networks/{network}/forwards`, instance] as const),
      (mark) => ({ instance: mark, publicPort: 81, port: 80 }),
      { network: stranger.network },
    ],
    [
      ...([`POST ${at}/addresses/{address}/attach`, instance] as const),
      ...([(mark: string) => ({ instance: mark }), { address: stranger.address }] as const),
    ],
    [
      ...([`PUT ${at}/instances/{instance}/security-groups`, group] as const),
      ...([(mark: string) => ({ groups: [mark] }), { instance: stranger.instance }] as const),
    ],
    [
      ...([`POST ${at}/alarms`, instance] as const),
      (mark) => ({ name: "x", action: "reboot", instance: mark }),
    ],
    [
      ...([`POST ${at}/event-windows`, instance] as const),
      (mark) => ({ name: "x", ranges, instances: [mark] }),
    ],
    [`PATCH ${at}/tags`, instance, (mark) => ({ kind: "instance", thing: mark, set: { a: "b" } })],
    [
      ...([`PATCH ${at}/images/{image}/shares`, [owner.project, owner.projectId]] as const),
      ...([(mark: string) => ({ add: [mark] }), { image: stranger.image }] as const),
    ],
    [
      `PATCH ${at}/snapshots/{snapshot}/shares`,
      [owner.project, owner.projectId],
      ...([(mark: string) => ({ add: [mark] }), { snapshot: stranger.snapshot }] as const),
    ],
  ];
  for (const [what, marks, body, path = {}] of requests) {
    const operation = desk.operations.find((one) => `${one.method} ${one.path}` === what);
    assert.ok(operation, what);
    const request = { ...plainRequest(operation, desk), query: {}, headers: {} };
    for (const mark of marks)
      await isAsIfNotThere(
        operation,
        { ...request, path: { ...path, project: stranger.project }, body: body(mark) },
        mark,
        missingLike(mark),
      );
  }
  assert.deepEqual(await fingerprint(desk), untouched);
});

test("what may be read tells nothing of another project, also where its ids are given as the page to go on from", async () => {
  let read = 0;
  const reads = handlers.filter(
    ({ route }) => route.needs.startsWith("project:") && /^GET|explain/.test(nameOf({ route })),
  );
  for (const handler of reads) {
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
      ...{ serviceAccount: stranger.account },
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
      // What one has typed oneself is in one's own audit log.
      assertNothingOf(owner, reply.text.replaceAll(/"path":"[^"]*"/g, ""), nameOf(handler));
      read++;
    }
  }
  assert.ok(read > 10);
});

test("a snapshot that is shared can be seen and copied by its id, and nothing else, on every route", async () => {
  // Projects of two organisations cannot share; what is seen of a thing that is shared is the same.
  await desk.platform.database.query("insert into snapshot_share values ($1, $2)", [
    owner.snapshot,
    stranger.projectId,
  ]);
  const named = handlers.filter(({ route }) => route.path.includes("/:snapshot"));
  assert.ok(named.length > 5);
  const { project: _, snapshot, snapshotName: __, account: ___, ...others } = owner;
  for (const [number, handler] of named.entries()) {
    const operation = operationOf(handler);
    const takesName = operation.body?.properties?.name !== undefined;
    const body = takesName ? { name: `of-others-${number}` } : operation.body && {};
    const ask_ = (which: string) =>
      ask(
        operation,
        { path: { project: stranger.project, snapshot: which }, query: {}, headers: {}, body },
        stranger.token,
      );
    const reply = await ask_(snapshot);
    const { problem } = decent(reply, operation);
    const may = /^GET|\/(volume|copy)$/.test(nameOf(handler));
    assert.equal(problem?.code, may ? undefined : "snapshot_shared", nameOf(handler));
    for (const mark of Object.values(others))
      assert.ok(!reply.text.includes(mark), `${nameOf(handler)} tells ${mark}: ${reply.text}`);
    const named = decent(await ask_(owner.snapshotName), operation).problem;
    assert.equal(named?.code, "snapshot_not_found", "a name could be anybody's");
  }
  await desk.platform.database.query("delete from snapshot_share");
  // The next test counts what changes, and a copy is written down when it is done.
  await until("the copies are done", async () => {
    const tasks = await desk.platform.database.query("select from storage_task");
    return tasks.length === 0;
  });
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
