/**
 * Those who live in a project of their own and see nothing of each other, with one of everything: for the tests of
 * who may see what, whatever door they come in by.
 */
import assert from "node:assert/strict";
import { newKey, sealWith, tokenOf } from "@holdfast/cloud/access/edge";
import { mintId, type Platform, platformKey } from "../platform.ts";
import { aKey, farAway, keep, move } from "./desk.ts";

export interface Tenant {
  readonly project: string;
  readonly projectId: string;
  /** Of a program that owns the project. */
  readonly token: string;
  /** Of a person who owns it. */
  readonly personToken: string;
  readonly organisation: string;
  readonly organisationId: string;
  readonly account: string;
  readonly accountId: string;
  readonly accessKey: string;
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

interface Key {
  readonly token: string;
  readonly accessKey: string;
}

export async function moveIn(platform: Platform, project: string): Promise<Tenant> {
  const organisation = `${project}-organisation`;
  const post = async <T>(path: string, body: object) => {
    const answer = await platform.call<T>("POST", path, body);
    assert.equal(answer.status, 201, `${path}: ${JSON.stringify(answer.body)}`);
    return answer.body;
  };
  const { id: organisationId } = await post<{ id: string }>("/v1/organisations", {
    name: organisation,
  });
  const made = await post<{ id: string }>("/v1/projects", { name: project, organisation });
  const accounts = `/v1/projects/${project}/service-accounts`;
  const bot = await post<{ id: string; name: string }>(accounts, { name: "bot", role: "owner" });
  const key = await post<Key>(`${accounts}/${bot.id}/keys`, { name: `${project}-key-of-bot` });
  const personToken = await personOf(platform, project);
  const as = { authorization: `Bearer ${key.token}` };
  const at = `/v1/projects/${project}`;
  const [instance, image] = [`${project}-guest`, `${project}-image`];
  const alarm = `${project}-alarm`;
  const ask = { name: instance, antiAffinityGroup: "web", networks: [`${project}-network`] };
  const connections = await settle(platform, project, as);
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
    token: key.token,
    ...{ personToken, organisation, organisationId, accessKey: key.accessKey },
    ...{ account: bot.name, accountId: bot.id },
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
async function settle(platform: Platform, project: string, as: Record<string, string>) {
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
    return (await platform.call<Made>("POST", `${at}/${path}`, { name, ...more }, as)).body;
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

/** Somebody who owns the project and is nobody elsewhere. Resolves with the token of theirs. */
async function personOf(platform: Platform, project: string): Promise<string> {
  const name = `${project}-person`;
  await platform.call("POST", "/v1/accounts", { name });
  const at = `/v1/projects/${project}/members/${name}`;
  const { status } = await platform.call("PUT", at, { role: "owner" });
  assert.equal(status, 200);
  const key = newKey(() => mintId());
  await platform.database.query(
    `insert into access_key (id, account_id, name, sealed)
     select $1, id, 'test', $2 from account where name = $3`,
    [key.id, sealWith(platformKey).close(key.secret, key.id), name],
  );
  return tokenOf(key);
}

/** Everything by which the owner's things are known. */
const marksOf = ({ token: _, personToken: __, ...tenant }: Tenant) => Object.values(tenant);

export function assertNothingOf(tenant: Tenant, text: string, about: string): void {
  for (const mark of marksOf(tenant))
    assert.ok(!text.includes(mark), `${about} tells ${mark}: ${text}`);
}
