/** What an operator can ask and say about the death of hosts: plans, oaths, power controllers and papers. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { verify, X509Certificate } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { CertificateView, MoveView } from "@holdfast/cloud/availability/api";
import type { TroubleView } from "@holdfast/cloud/checks/api";
import type { HostView } from "@holdfast/cloud/hosts/api";
import { type RedfishTwin, redfishTwin } from "@holdfast/drivers/power/simulated";
import { freePort, stopTestServer } from "@holdfast/store/testing";
import { powerOf } from "../apps/manager/power.ts";
import { mintId, type Platform, startPlatform, type TestHost, until } from "./platform.ts";

interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly fix: string;
}
interface Plan {
  readonly host: string;
  readonly proof: string;
  readonly moves: readonly MoveView[];
}
interface Instance {
  readonly state: string;
  readonly generation: number;
  readonly host: string | null;
  readonly pool: string;
  readonly recovery: string;
  readonly priority: number;
  readonly dependsOn: readonly string[];
}

let platform: Platform;
let bmc: RedfishTwin;
const at = "/v1/projects/default/instances";
const access = { user: "root", password: "correct horse" };
before(async () => {
  bmc = await redfishTwin({
    machines: new Map([["1", { isOn: () => true, on: async () => {}, off: async () => {} }]]),
    ...access,
  });
  platform = await startPlatform({
    hosts: 3,
    pools: ["shared"],
    power: (one) => powerOf(one, () => performance.now()),
  });
  // Longer than this file takes: what is sworn here is not to be proven first.
  assert.equal((await ask("PUT", "/v1/settings/hosts.watchdog", { value: 200 })).status, 200);
});
after(async () => {
  await platform.close();
  await bmc.close();
  await stopTestServer();
});

const ask = <T = Refusal>(method: string, path: string, body?: unknown) =>
  platform.call<T>(method, path, body);

async function refused(method: string, path: string, body: unknown, status: number, code: string) {
  const answer = await ask(method, path, body);
  assert.deepEqual([answer.status, answer.body.code], [status, code]);
  assert.ok(answer.body.fix);
}

const hosts = async () => (await ask<{ hosts: HostView[] }>("GET", "/v1/hosts")).body.hosts;
const host = async (name: string) => (await hosts()).find((one) => one.name === name);
const plan = async (name: string) => (await ask<Plan>("GET", `/v1/hosts/${name}/failover`)).body;
const troubles = async () =>
  (await ask<{ troubles: TroubleView[] }>("GET", "/v1/health")).body.troubles;
const show = async (name: string) => (await ask<Instance>("GET", `${at}/${name}`)).body;

async function done({ job }: { job: string }): Promise<void> {
  const path = `/v1/projects/default/jobs/${job}?waitSeconds=30`;
  assert.equal((await ask<{ state: string }>("GET", path)).body.state, "succeeded");
}

async function run(name: string, more: object): Promise<void> {
  const { status, body } = await ask<{ job: string }>("POST", at, { name, ...more });
  assert.equal(status, 202, JSON.stringify(body));
  await done(body);
}

async function setMode(mode: string, ...names: readonly string[]): Promise<void> {
  for (const name of names)
    assert.equal((await ask("PATCH", `/v1/hosts/${name}`, { mode })).status, 200);
}

function hostOf(name: string): TestHost {
  const one = platform.hosts.find((each) => each.name === name);
  assert.ok(one);
  return one;
}

/** Its agent stops, and nobody hears of the host any more. */
async function silence(name: string): Promise<void> {
  await platform.stopAgent(hostOf(name));
  await until(`${name} is suspect`, async () => (await host(name))?.state === "suspect");
}

test("a plan says where each instance of a host would go, which cannot and why, and changes nothing", async () => {
  await setMode("maintenance", "host-2", "host-3");
  await ask("PATCH", "/v1/hosts/host-1", { tags: ["gpu"] });
  await run("near", { pool: "local", priority: 20 });
  await run("low", { pool: "shared", priority: -1 });
  await run("high", { pool: "shared", priority: 10 });
  await run("tied", { pool: "shared", hostTags: ["gpu"] });
  await run("stays", { pool: "shared", recovery: "none" });
  await run("at-home", { pool: "shared", recovery: "in-place" });
  await setMode("enabled", "host-2", "host-3");
  const reserved = (await hosts()).map(({ name, reservedCpus }) => [name, reservedCpus]);

  const { moves } = await plan("host-1");
  assert.deepEqual(moves.map(({ instance, priority }) => [instance, priority]).slice(0, 2), [
    ["near", 20],
    ["high", 10],
  ]);
  const known = new Map(moves.map((move) => [move.instance, move]));
  for (const name of ["high", "low"])
    assert.match(known.get(name)?.goes ?? "", /^host-[23]$/, JSON.stringify(known.get(name)));
  for (const [name, why] of [
    ["near", /on the disks of this host/],
    ["tied", /host/],
    ["stays", /recovery policy is none/],
    ["at-home", /recovery policy is in-place/],
  ] as const) {
    assert.equal(known.get(name)?.goes, null);
    assert.match(known.get(name)?.why ?? "", why);
  }
  assert.deepEqual(
    (await hosts()).map(({ name, reservedCpus }) => [name, reservedCpus]),
    reserved,
  );
  assert.deepEqual((await plan("host-2")).moves, []);
  await refused("GET", "/v1/hosts/nobody/failover", undefined, 404, "host_not_found");
});

test("a plan says what would prove the host dead", async () => {
  assert.match(
    (await plan("host-1")).proof,
    /^its simulated watchdog, after 209.1 s; counted from/,
  );
  const url = `${bmc.url}/redfish/v1/Systems/1`;
  assert.equal((await ask("PUT", "/v1/hosts/host-1/bmc", { url, ...access })).status, 200);
  assert.match((await plan("host-1")).proof, /^its power read back as off, soon after 5 s; or its/);
  assert.equal((await ask("DELETE", "/v1/hosts/host-1/bmc")).status, 200);
});

test("a power controller that cannot be read now is refused, and nothing is kept of it", async () => {
  const path = "/v1/hosts/host-2/bmc";
  const url = `${bmc.url}/redfish/v1/Systems/1`;
  const set = (change: object) => [{ url, ...access, ...change }] as const;
  const away = `http://127.0.0.1:${await freePort()}/redfish/v1/Systems/1`;
  await refused("PUT", path, ...set({ url: away }), 503, "power_unreachable");
  await refused("PUT", path, ...set({ password: "wrong" }), 403, "power_forbidden");
  const other = `${bmc.url}/redfish/v1/Systems/2`;
  await refused("PUT", path, ...set({ url: other }), 503, "power_unreadable");
  await refused("PUT", path, ...set({ url: bmc.url }), 400, "bmc_url_invalid");
  await refused("PUT", path, ...set({ url: `${url}%` }), 400, "bmc_url_invalid");
  await refused("PUT", path, ...set({ url: "ftp://bmc/" }), 400, "invalid_request");
  await refused("PUT", "/v1/hosts/nobody/bmc", ...set({}), 404, "host_not_found");
  assert.equal((await host("host-2"))?.power, null);
  assert.deepEqual(await platform.database.query("select from host_bmc"), []);
  assert.deepEqual(bmc.orders, [], "it was only looked at");
});

test("a power controller is remembered with its last word, and its password is never told", async () => {
  const path = "/v1/hosts/host-2/bmc";
  const url = `${bmc.url}/redfish/v1/Systems/1`;
  const { status, body } = await ask<object>("PUT", path, { url, ...access });
  assert.deepEqual([status, body], [200, { power: "on" }]);
  assert.equal((await host("host-2"))?.power, "on");
  const told = await platform.database.query("select detail from journal where event = 'bmcSet'");
  assert.match(JSON.stringify(told), /"user":"root"/);
  assert.doesNotMatch(JSON.stringify([told, await hosts()]), new RegExp(access.password));
  const said = `update host_bmc set said = 'off', said_at = now()`;
  await platform.database.query(said);
  await until("it was heard since", async () => (await host("host-2"))?.power === "on");
  for (const removed of [true, false])
    assert.deepEqual((await ask<object>("DELETE", path)).body, { removed });
  assert.equal((await host("host-2"))?.power, null);
});

test("an address, a user or a password that is none is refused by its name, and says what would do", async () => {
  const path = "/v1/hosts/host-2/bmc";
  const good = { url: `${bmc.url}/redfish/v1/Systems/1`, ...access };
  const long = "a".repeat(5_000);
  const odd: Record<string, readonly unknown[]> = {
    url: [
      ...[undefined, null, 7, true, {}, [], { href: good.url }, "", " ", "bmc-2", "//bmc-2/1"],
      ...["ftp://bmc-2/redfish/v1/Systems/1", "file:///etc/passwd", "javascript:alert(1)"],
      ...["http://", "https://bmc-2:99999/", `https://${long}/`, "http://a b/"],
      ...[`http://bmc-2/redfish/v1/Systems/${long}`, "http://bmc-2/\u0000", "http://[::1/"],
    ],
    user: [undefined, null, 7, {}, [], "", long, "a\u0000b"],
    password: [undefined, null, 7, {}, [], long, "a\u0000b"],
  };
  for (const [field, values] of Object.entries(odd))
    for (const value of values) {
      const { status, body } = await ask<Refusal>("PUT", path, { ...good, [field]: value });
      assert.deepEqual([status, body.code], [400, "invalid_request"], `${field}: ${String(value)}`);
      assert.match(JSON.stringify(body), new RegExp(`body\\.${field}`));
    }
  const { body } = await ask<Refusal>("PUT", path, { ...good, url: "ftp://bmc-2/" });
  assert.match(body.message, /body\.url: must be an http or https URL/);
  for (const end of [
    "",
    "/",
    "/redfish/v1/Systems/",
    "/redfish/v1/Systems/%",
    "/redfish/v1/Systems/1?a",
  ])
    await refused("PUT", path, { ...good, url: `${bmc.url}${end}` }, 400, "bmc_url_invalid");
  for (const whole of [undefined, null, [], "url", 7])
    assert.equal((await ask("PUT", path, whole)).status, 400);
  assert.equal((await host("host-2"))?.power, null);
});

test("deaths are asked for since a moment that there is, or the request is refused", async () => {
  const since = (value: string) => ask<Refusal>("GET", `/v1/deaths?since=${value}`);
  for (const odd of [
    ...["NaN", "Infinity", "-Infinity", "-1", "-8640000000000000", "8640000000000000"],
    ...["8640000000000001", "253402300800000", "1e308", "1e999", "yesterday", "%00", "0x", "{}"],
  ]) {
    const { status, body } = await since(odd);
    assert.deepEqual([status, body.code], [400, "invalid_request"], odd);
    assert.match(body.message, /query\.since/);
  }
  for (const good of ["0", "1", "1.5", "1e3", "-0", "253402300799999"])
    assert.equal((await since(good)).status, 200, good);
});

test("nobody can swear that a host is off while it is heard, nor under another name", async () => {
  const path = "/v1/hosts/host-3/attest";
  const oath = { name: "host-3", reason: "the rack is dark" };
  await refused("POST", path, oath, 409, "host_not_silent");
  await refused("POST", path, { ...oath, name: "host-2" }, 400, "attestation_mismatch");
  await refused("POST", path, { ...oath, reason: "  x  " }, 400, "invalid_request");
  await refused("POST", "/v1/hosts/nobody/attest", oath, 404, "host_not_found");
  assert.equal((await host("host-3"))?.state, "up");
});

test("an oath about a silent host becomes a certificate, once, and anybody can check its signature", async (t) => {
  await silence("host-3");
  const isTold = /waits for its watchdog to have reset it for certain; in \d+ s it is certain/;
  await until("health says what is waited for", async () =>
    (await troubles()).some(
      ({ code, subject, doing }) =>
        code === "host-suspect" && subject.name === "host-3" && isTold.test(doing),
    ),
  );
  const path = "/v1/hosts/host-3/attest";
  const reason = "I hold its plug\nproof=power-off";
  const { status, body: sworn } = await ask<CertificateView>("POST", path, {
    name: "host-3",
    reason,
  });
  assert.equal(status, 200, JSON.stringify(sworn));
  const { proof, covers, evidence } = sworn;
  assert.deepEqual(
    { proof, covers, evidence },
    { proof: "attested", covers: "everything", evidence: { by: "operator", reason } },
  );
  await refused("POST", path, { name: "host-3", reason }, 409, "host_not_silent");
  assert.match((await plan("host-3")).proof, /proven dead already/);

  const fences = (of: string) =>
    ask<{ certificates: CertificateView[] }>("GET", `/v1/fence-certificates${of}`);
  for (const of of ["", "?host=host-3", `?host=${sworn.host}`])
    assert.deepEqual((await fences(of)).body.certificates, [sworn]);
  assert.deepEqual((await fences("?host=host-1")).body.certificates, []);
  await refused("GET", "/v1/fence-certificates?host=nobody", undefined, 404, "host_not_found");
  const missing = `/v1/fence-certificates/${mintId()}`;
  await refused("GET", missing, undefined, 404, "certificate_not_found");

  const { body: shown } = await ask<CertificateView & { statement: string }>(
    "GET",
    `/v1/fence-certificates/${sworn.id}`,
  );
  const { statement, signature } = shown;
  assert.equal(statement.split("\n").filter((line) => line === "proof=power-off").length, 0);
  for (const fact of [sworn.id, sworn.host, "attested", "everything"])
    assert.ok(statement.includes(`\n${fact}\n`), fact);
  const authority = platform.hosts[0]?.joined?.authority ?? "";
  const { publicKey } = new X509Certificate(authority);
  const holds = (text: string) =>
    verify("sha256", Buffer.from(text), publicKey, Buffer.from(signature, "base64"));
  assert.deepEqual(
    [holds(statement), holds(statement.replace("attested", "power-off"))],
    [true, false],
  );

  // The commands of docs/availability.md.
  const directory = await mkdtemp(join(tmpdir(), "holdfast-fence-"));
  t.after(() => rm(directory, { recursive: true }));
  const file = (name: string) => join(directory, name);
  await writeFile(file("authority.pem"), authority);
  await writeFile(file("statement"), statement);
  await writeFile(file("signature"), Buffer.from(signature, "base64"));
  const openssl = (...words: readonly string[]) =>
    execFileSync("openssl", words, { encoding: "utf8" });
  await writeFile(
    file("key.pem"),
    openssl("x509", "-in", file("authority.pem"), "-pubkey", "-noout"),
  );
  const check = ["-verify", file("key.pem"), "-signature", file("signature"), file("statement")];
  assert.equal(openssl("dgst", "-sha256", ...check), "Verified OK\n");
});

test("what waits for its dead host is an outage, and is told what it waits for", async () => {
  const homeless = async () => (await troubles()).find(({ code }) => code === "instance-homeless");
  await setMode("maintenance", "host-1", "host-2");
  await platform.startAgent(hostOf("host-3"));
  await until("host-3 is up", async () => (await host("host-3"))?.state === "up");
  await run("waits", { pool: "local" });
  await silence("host-3");
  await ask("POST", "/v1/hosts/host-3/attest", { name: "host-3", reason: "its plug is out" });
  await setMode("enabled", "host-1", "host-2");
  await until("waits has no host", async () => (await homeless()) !== undefined);
  const { severity, subject, says, fix, since } = (await homeless()) ?? {};
  assert.deepEqual([severity, subject?.name], ["outage", "waits"]);
  assert.match(
    says ?? "",
    /^It should run, and no host takes it\. .* on host-3 alone, and that is/,
  );
  assert.match(fix ?? "", /^Bring host-3 back, which is down/);
  assert.ok(since && since <= Date.now());
  assert.deepEqual(
    [(await host("host-3"))?.isConnected, (await host("host-3"))?.hasGuard],
    [false, null],
  );
  await platform.startAgent(hostOf("host-3"));
  await until("it runs again", async () => (await show("waits")).state === "running");
  assert.equal(await homeless(), undefined);
});

test("fencing is let go on in a place that exists, and the timeline of each silent host says by whom", async () => {
  const path = "/v1/fencing/release";
  await refused("POST", path, { domain: "pod nowhere" }, 404, "failure_domain_not_found");
  await refused("POST", path, { domain: "rack 7" }, 400, "invalid_request");
  await silence("host-2");
  const { status, body } = await ask<{ domain: string; until: number }>("POST", path, {
    domain: "zone default",
  });
  assert.deepEqual([status, body.domain], [200, "zone default"]);
  assert.ok(body.until > Date.now() + 14 * 60_000 && body.until < Date.now() + 16 * 60_000);
  const told = await platform.database.query(
    "select h.name, j.actor from journal j join host h on h.id = j.subject where event = 'brakeReleased'",
  );
  assert.deepEqual(told, [{ name: "host-2", actor: "operator" }]);
});

test("policy, priority and dependencies of an instance are changed one by one, and make no circle", async () => {
  const path = (name: string) => `${at}/${name}/recovery`;
  const change = (name: string, body: object) => ask<Instance>("PATCH", path(name), body);
  const facts = ({ recovery, priority, dependsOn, pool }: Instance) => [
    recovery,
    priority,
    dependsOn,
    pool,
  ];
  assert.deepEqual(facts(await show("high")), ["automatic", 10, [], "shared"]);
  const { body } = await change("high", { dependsOn: ["low", "tied", "low"] });
  assert.deepEqual(facts(body), ["automatic", 10, ["low", "tied"], "shared"]);
  await change("high", { recovery: "elsewhere" });
  await change("high", { priority: 7 });
  assert.deepEqual(facts(await show("high")), ["elsewhere", 7, ["low", "tied"], "shared"]);
  await refused("PATCH", path("low"), { dependsOn: ["high"] }, 409, "dependency_circular");
  await refused("PATCH", path("low"), { dependsOn: ["low"] }, 409, "dependency_circular");
  await refused("PATCH", path("low"), { dependsOn: ["nobody"] }, 404, "instance_not_found");
  await refused("PATCH", path("low"), { priority: 1_001 }, 400, "invalid_request");
  await refused("PATCH", path("nobody"), { priority: 1 }, 404, "instance_not_found");
  assert.deepEqual(facts((await change("high", { dependsOn: [] })).body)[2], []);
  assert.equal((await change("low", { dependsOn: ["high"] })).status, 200);
});

test("an instance is not made in a pool that no host reaches, nor waiting for one that is not there", async () => {
  await refused("POST", at, { name: "lost", pool: "nowhere" }, 404, "pool_not_found");
  await refused("POST", at, { name: "lost", dependsOn: ["nobody"] }, 404, "instance_not_found");
  await refused("POST", at, { name: "lost", recovery: "always" }, 400, "invalid_request");
});

test("a relaunch is a new generation of the same instance", async () => {
  const before = await show("low");
  await done((await ask<{ job: string }>("POST", `${at}/low/relaunch`, {})).body);
  const now = await show("low");
  assert.deepEqual([now.state, now.generation], ["running", before.generation + 1]);
  await refused("POST", `${at}/nobody/relaunch`, {}, 404, "instance_not_found");
});
