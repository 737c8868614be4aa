/** What a hub says, to an agent that is only its end of a socket. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import { protocolVersion } from "../core/link.ts";
import type { Wish } from "../core/wish.ts";
import type { Welcome } from "./connection.ts";
import { openHub } from "./hub.ts";

const host = "0190f5a0-0000-7000-8000-000000000001" as HostId;
const instance = "0190f5a0-0000-7000-8000-000000000002" as InstanceId;

const welcomed: Welcome = {
  ...{ name: "host-1", zone: "zone-1", epoch: 2, heartbeat: seconds(1), concurrentStarts: 1 },
  ...{ lease: seconds(5), killBudget: seconds(3), watchdog: seconds(10) },
  ...{ wishes: [], deleteVolumes: [] },
};
const hello = JSON.stringify({
  ...{ say: "hello", protocol: protocolVersion, bootId: "b", epoch: null, pools: [] },
  ...{ underlay: null, cpus: 1, memoryMiB: 1_024, held: [], machines: [] },
  facts: { acceleration: { kind: "none", reason: "" }, kernel: "", hypervisor: "" },
});
const reportWith = (more: object) =>
  JSON.stringify({
    say: "report",
    machines: [
      {
        ...{ instance, generation: 1, phase: "running", guest: "booting", reboots: 0, at: 1 },
        ...more,
      },
    ],
    volumes: [],
  });

type Words = Parameters<typeof openHub>[0];
/** As an agent hears it. */
interface Heard {
  readonly say: string;
  readonly wishes?: readonly Wish[];
}

/** A hub that welcomes everybody and writes nothing down, unless it is told to do otherwise. */
const openQuiet = (words: Partial<Words> = {}) =>
  openHub({
    onHello: async () => welcomed,
    onReport: async () => {},
    onHeartbeat: async () => {},
    onError: (_, error) => assert.fail(String(error)),
    ...words,
  });

function connect(hub: ReturnType<typeof openHub>) {
  const heard: Heard[] = [];
  const { said } = hub.connected(host, {
    send: (text) => heard.push(JSON.parse(text)),
    close: () => {},
  });
  return { heard, said, wishes: () => heard.flatMap(({ wishes }) => wishes ?? []) };
}

test("what a host should run is not lost when it is decided while its welcome is being written", async () => {
  let welcome: (welcome: Welcome) => void = () => {};
  const hub = openQuiet({
    onHello: () =>
      new Promise((resolve) => {
        welcome = resolve;
      }),
  });
  const { heard, said } = connect(hub);
  said(hello);
  await turn();
  const wish = { instance, generation: 2, version: 7, epoch: 2 } as Wish; // All that a hub looks at.
  hub.tell(host, [wish], []);
  welcome(welcomed);
  await turn();
  hub.tell(host, [wish], []); // Told again, it says nothing.
  hub.tell(host, [{ ...wish, version: 8, epoch: 1 }], []); // Nor what was decided for an epoch that is over.
  assert.deepEqual(
    heard.map(({ say, wishes }) => [say, wishes?.length]),
    [
      ["welcome", undefined],
      ["wishes", 1],
    ],
  );
});

test("that a machine was seen to run is said to a host that knows its wish, and told whole to any other", async () => {
  const hub = openQuiet();
  const seen = { instance, generation: 2, version: 8 };
  assert.equal(hub.tellSeen(host, [seen]), true, "nobody is there, and a welcome says all of it");
  const { heard, said } = connect(hub);
  assert.equal(hub.tellSeen(host, [seen]), false, "its welcome was read before");
  said(hello);
  await turn();
  assert.equal(hub.tellSeen(host, [seen]), false, "it does not have the version before");
  const wish = { instance, generation: 2, version: 7, epoch: 2 } as Wish; // All that a hub looks at.
  hub.tell(host, [wish], []);
  assert.equal(hub.tellSeen(host, [seen]), true);
  assert.equal(hub.tellSeen(host, [seen]), true, "told again, it says nothing");
  hub.tell(host, [{ ...wish, version: 8 }], []); // Nor is the whole wish news to it.
  assert.deepEqual(
    heard.map(({ say }) => say),
    ["welcome", "wishes", "seen"],
  );
});

test("a report does not wait for the one before it to be written; what builds on reports does", async () => {
  const heard: string[] = [];
  const written: (() => void)[] = [];
  const hub = openQuiet({
    onReport: (_, __, { machines }) => {
      heard.push(machines[0]?.guest ?? "");
      return new Promise((resolve) => written.push(resolve));
    },
    onStorage: async () => {
      heard.push("storage");
      return [];
    },
  });
  const link = connect(hub);
  link.said(hello);
  for (const guest of ["booting", "up"]) link.said(reportWith({ guest }));
  link.said(JSON.stringify({ say: "storage-report", results: [] }));
  await turn();
  assert.deepEqual(heard, ["booting", "up"]);
  written.shift()?.();
  await turn();
  assert.deepEqual(heard, ["booting", "up"]);
  written.shift()?.();
  await turn();
  assert.deepEqual(heard, ["booting", "up", "storage"]);
});

test("what a host says of a machine again is passed on as a report, and is no news", async () => {
  const told: [machines: number, news: number][] = [];
  const hub = openQuiet({
    onReport: async (_, __, { machines }, news) => {
      told.push([machines.length, news.length]);
    },
  });
  const link = connect(hub);
  link.said(hello);
  const disks = [{ volume: instance, is: "attached", bytes: 1 }];
  for (const more of [{}, { disks }, { guest: "up" }, { guest: "up" }, { guest: "booting" }])
    link.said(reportWith(more));
  await turn();
  const again = connect(hub);
  again.said(hello);
  again.said(reportWith({}));
  await turn();
  assert.deepEqual(told, [
    [1, 1],
    [1, 0], // Only its disks are new, and those are somebody else's.
    [1, 1],
    [1, 0],
    [1, 1], // It has been so before; not since.
    [1, 1], // Somebody else may have been told something else in between.
  ]);
});

test("what was read of an instance before its end was recorded is no news after it", async () => {
  const hub = openQuiet();
  const { said, wishes } = connect(hub);
  said(hello);
  await turn();
  const wish = (version: number) => ({ instance, generation: 1, version, epoch: 2 }) as Wish; // As above.
  hub.tell(host, [wish(4)], []);
  const exit = {
    ...{ at: 1, status: { code: 1 }, requested: false, oomKills: 0, bootTimedOut: false },
    ...{ hypervisorLog: [], consoleTail: [] },
  };
  said(reportWith({ phase: "exited", exit }));
  await turn();
  hub.tell(host, [wish(4)], []);
  hub.tell(host, [wish(5)], []);
  assert.deepEqual(
    wishes().map(({ version }) => version),
    [4, 5],
  );
});

test("what a host holds and nobody wishes for it is told to end", async () => {
  const { said, wishes } = connect(openQuiet());
  said(JSON.stringify({ ...JSON.parse(hello), held: [{ instance, version: 7 }] }));
  await turn();
  assert.deepEqual(
    wishes().map((one) => [one.instance, one.want, one.version]),
    [[instance, "nothing", 8]],
  );
});

test("a hello that was asked for comes with what was known before it; one on another connection does not", async () => {
  const known = { bootId: "a", epoch: 1 };
  const heard: unknown[] = [];
  const hub = openQuiet({
    onHello: async (_, __, since) => {
      heard.push(since);
      return since ? welcomed : { again: known };
    },
  });
  const first = connect(hub);
  first.said(hello);
  await turn();
  const second = connect(hub);
  for (let hellos = 0; hellos < 2; hellos++) {
    second.said(hello);
    await turn();
  }
  assert.deepEqual(heard, [undefined, undefined, known]);
  assert.deepEqual(
    second.heard.map(({ say }) => say),
    ["again", "welcome"],
  );
});
