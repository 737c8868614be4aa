/**
 * Networks of a room on real parts: guests on two hosts that find each other by name, what security groups let
 * pass, ways in from outside, a guest that gets a disk, one that moves and takes its ways along, a host that is
 * emptied, and a router whose host loses its power.
 *
 * One guest watches from inside: once a second it says on its console whom it reached and who it is told to be.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import { type Room, roomOf } from "../../apps/chassis/client.ts";
import { until } from "../platform.ts";
import { type Installation, install, networks } from "./installation.ts";

const at = "/v1/projects/default";
const patience = 120_000;
const watching = `#!/bin/sh
mtu=$(cat /sys/class/net/eth0/mtu)
look() { timeout 3 wget -qO- "$1"; }
while :; do
  round=$((round + 1))
  page=$(look http://web/ | sed -n 's/.*<h1>\\(.*\\)<.h1>.*/\\1/p')
  id=$(look http://169.254.169.254/latest/meta-data/instance-id)
  echo "watch $round web=$page id=$id mtu=$mtu disks=$(ls /sys/block | grep -c ^vd)"
  sleep 1
done &
`;

interface InstanceView {
  readonly id: string;
  readonly state: string;
  readonly guest: string | null;
  readonly host: string | null;
}
interface Nic {
  readonly address: string;
  readonly publicAddress: string | null;
}
interface NetworkView {
  readonly router: {
    readonly host: string;
    readonly isUp: boolean | null;
    readonly publicAddress: string | null;
  } | null;
}
interface VolumeView {
  readonly instance: string | null;
  readonly snapshots: number;
  readonly doing: readonly unknown[];
}
interface MigrationView {
  readonly state: string;
  readonly says: string | null;
  readonly downtimeMs: number | null;
}

let here: Installation;
let room: Room;
before(async () => {
  here = await install("networks", "--hosts", "3");
  room = roomOf(here.state);
});
after(() => here?.remove());

const show = async (name: string) =>
  (await here.call<InstanceView & { nics: Nic[] }>("GET", `${at}/instances/${name}`)).body;
const network = async () => (await here.call<NetworkView>("GET", `${at}/networks/front`)).body;
async function post(path: string, body: unknown): Promise<void> {
  const answer = await here.call("POST", `${at}${path}`, body, { "idempotency-key": randomUUID() });
  assert.ok(answer.status < 300, JSON.stringify(answer.body));
}
/** The last thing that the guest inside has seen. */
async function seen() {
  const path = `${at}/instances/watch/console-log?lines=50`;
  const { body } = await here.call<{ lines: { text: string }[] }>("GET", path);
  const [, round = "0", web = "", id = "", mtu = "", disks = "0"] =
    body.lines
      .map(({ text }) => /^watch (\d+) web=(.*) id=(.*) mtu=(\d+) disks=(\d+)/.exec(text))
      .filter((found) => found !== null)
      .at(-1) ?? [];
  return { round: Number(round), web, id, mtu, disks: Number(disks) };
}
const watch = (what: string, isSo: (now: Awaited<ReturnType<typeof seen>>) => boolean) =>
  until(what, async () => isSo(await seen()), patience);
/** From the machine itself, which is outside. Undefined: nobody answered. */
const title = (address: string, port = 80) =>
  fetch(`http://${address}:${port}/`, { signal: AbortSignal.timeout(3_000) })
    .then((answer) => answer.text())
    .then((text) => /<title>(.*)<\/title>/.exec(text)?.[1])
    .catch(() => undefined);
const outsideSees = (what: string, address: string, expected: string | undefined, port?: number) =>
  until(what, async () => (await title(address, port)) === expected, patience);

test("guests on two hosts find each other by name, and are told who they are", async () => {
  await post("/networks", { name: "front" });
  const apart = { networks: ["front"], antiAffinityGroup: "apart" };
  await post("/instances", { name: "web", isPublic: true, ...apart });
  await post("/instances", { name: "watch", userData: watching, ...apart });
  await until(
    "both are up",
    async () => [await show("web"), await show("watch")].every(({ guest }) => guest === "up"),
    patience,
  );
  const [web, watcher] = [await show("web"), await show("watch")];
  assert.notEqual(web.host, watcher.host);
  await watch("the other one is found", (now) => now.web === "web" && now.id === watcher.id);
  assert.equal((await seen()).mtu, "1450");
  // It asks without a token.
  for (const [metadataTokens, told] of [
    ["required", ""],
    ["optional", watcher.id],
  ] as const) {
    await here.call("PUT", `${at}/instances/watch/metadata`, { metadataTokens });
    await watch(`tokens are ${metadataTokens}`, ({ web, id }) => web === "web" && id === told);
  }
});

test("a public address and a forwarded port lead in, and only what a group says may come", async () => {
  const address = (await show("web")).nics[0]?.publicAddress ?? "";
  assert.match(address, /^100\./);
  await outsideSees("it is reached from outside", address, "web");
  await post("/networks/front/forwards", { publicPort: 8080, instance: "web", port: 80 });
  const shared = (await network()).router?.publicAddress ?? "";
  assert.notEqual(shared, address);
  await outsideSees("the port is forwarded", shared, "web", 8080);

  await post("/security-groups", { name: "closed" });
  await here.call("PUT", `${at}/instances/web/security-groups`, { groups: ["closed"] });
  await outsideSees("nobody is let in", address, undefined);
  await watch("not even from inside", (now) => now.web === "");
  await post("/security-groups/closed/rules", {
    rules: [{ protocol: "tcp", fromPort: 80, cidr: "0.0.0.0/0" }],
  });
  await outsideSees("everybody is let in", address, "web");
  await watch("from inside too", (now) => now.web === "web");
});

test("a running guest gets a disk, which is kept as it was, and gives it back", async () => {
  const { disks } = await seen();
  const isDone = (what: string, is: (now: VolumeView) => boolean) =>
    until(what, async () => is((await here.call<VolumeView>("GET", volume)).body), patience);
  const volume = `${at}/volumes/data`;
  await post("/volumes", { name: "data", sizeGiB: 1 });
  await post("/volumes/data/attach", { instance: "watch" });
  await watch("its guest has one disk more", (now) => now.disks === disks + 1);
  await post("/snapshots", { volume: "data", name: "kept" });
  await isDone("it is kept", (now) => now.snapshots === 1 && now.doing.length === 0);
  await post("/volumes/data/detach", {});
  await watch("its guest has one disk less", (now) => now.disks === disks);
  await isDone("it is nobody's", (now) => now.instance === null);
});

test("a guest moves to another host, and whatever leads to it moves along", async () => {
  const before = await show("web");
  const { body } = await here.call<{ migration: { id: string } }>(
    "POST",
    `${at}/instances/web/migrate`,
    {},
    { "idempotency-key": randomUUID() },
  );
  const path = `${at}/migrations/${body.migration.id}`;
  const look = async () => (await here.call<MigrationView>("GET", path)).body;
  const ends = ["done", "aborted", "failed"];
  await until("its move is over", async () => ends.includes((await look()).state), patience);
  const { state, says, downtimeMs } = await look();
  assert.equal(state, "done", says ?? "");
  console.log(`  its guest stood still for ${downtimeMs} ms`);
  const now = await show("web");
  assert.deepEqual([now.id, now.state, now.guest], [before.id, "running", "up"]);
  assert.notEqual(now.host, before.host);
  const address = now.nics[0]?.publicAddress ?? "";
  await outsideSees("its own public address", address, "web");
  const shared = (await network()).router?.publicAddress ?? "";
  await outsideSees("the forwarded port", shared, "web", 8080);
  const { round } = await seen();
  await watch("its neighbours", ({ round: later, web }) => later > round && web === "web");
});

test("a host is emptied for its maintenance and given back, and its guest has heard of it", async () => {
  const { host, id } = await show("watch");
  const said = await here.command("drill", "maintenance", host ?? "", "--yes", "--json");
  const report = JSON.parse(said) as { isAsExpected: boolean }; // Of apps/drill.
  assert.ok(report.isAsExpected, said);
  assert.notEqual((await show("watch")).host, host);
  const { round } = await seen();
  await watch("it goes on", (now) => now.round > round && now.web === "web" && now.id === id);
});

test("a router whose host loses its power is replaced, and the guests on other hosts notice little", async () => {
  const { router } = await network();
  assert.ok(router);
  const address = (await show("web")).nics[0]?.publicAddress ?? "";
  await room.perform(router.host, { do: "power-off" });
  await until(
    "there is another",
    async () => {
      const next = (await network()).router;
      return next !== null && next.host !== router.host && next.isUp === true;
    },
    patience,
  );
  await outsideSees("it is reached from outside again", address, "web");
  const { round } = await seen();
  await watch("they find each other again", (now) => now.round !== round && now.web === "web");
});

test("down --guests leaves no namespace, link or filter of them", async () => {
  await here.command("down", "--guests");
  assert.deepEqual(networks(here.state), []);
});
