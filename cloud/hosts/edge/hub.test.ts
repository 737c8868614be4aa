/** What a hub says, to an agent that is only its end of a socket. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import { protocolVersion, type Wish } from "../core/link.ts";
import { openHub, type Welcome } from "./hub.ts";

const host = "0190f5a0-0000-7000-8000-000000000001" as HostId;
const instance = "0190f5a0-0000-7000-8000-000000000002" as InstanceId;

test("what a host should run is not lost when it is decided while its welcome is being written", async () => {
  let welcome: (welcome: Welcome) => void = () => {};
  const hub = openHub({
    onHello: () =>
      new Promise((resolve) => {
        welcome = resolve;
      }),
    onReport: async () => {},
    onHeartbeat: async () => {},
    onError: (_, error) => assert.fail(String(error)),
  });
  const heard: { say: string; wishes?: unknown[] }[] = [];
  const link = hub.connected(host, {
    send: (text) => heard.push(JSON.parse(text)),
    close: () => {},
  });
  link.said(
    JSON.stringify({
      ...{
        say: "hello",
        protocol: protocolVersion,
        bootId: "b",
        epoch: null,
        pools: [],
        underlay: null,
      },
      ...{ cpus: 1, memoryMiB: 1_024, held: [], machines: [] },
      facts: { acceleration: { kind: "none", reason: "" }, kernel: "", hypervisor: "" },
    }),
  );
  await turn();
  const wish = { instance, generation: 2, version: 7, epoch: 2 } as Wish; // All that a hub looks at.
  hub.tell(host, [wish], []);
  welcome({
    ...{ name: "host-1", zone: "zone-1", epoch: 2, heartbeat: seconds(1), concurrentStarts: 1 },
    ...{ lease: seconds(5), killBudget: seconds(3), watchdog: seconds(10) },
    ...{ wishes: [], deleteVolumes: [] },
  });
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

test("a report does not wait for the one before it to be written; what builds on reports does", async () => {
  const heard: string[] = [];
  const written: (() => void)[] = [];
  const hub = openHub({
    onHello: async () => welcomed,
    onReport: (_, __, { machines }) => {
      heard.push(machines[0]?.guest ?? "");
      return new Promise((resolve) => written.push(resolve));
    },
    onHeartbeat: async () => {},
    onStorage: async () => {
      heard.push("storage");
      return [];
    },
    onError: (_, error) => assert.fail(String(error)),
  });
  const link = hub.connected(host, { send: () => {}, close: () => {} });
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
  const hub = openHub({
    onHello: async () => welcomed,
    onReport: async (_, __, { machines }, news) => {
      told.push([machines.length, news.length]);
    },
    onHeartbeat: async () => {},
    onError: (_, error) => assert.fail(String(error)),
  });
  const link = hub.connected(host, { send: () => {}, close: () => {} });
  link.said(hello);
  const disks = [{ volume: instance, is: "attached", bytes: 1 }];
  for (const more of [{}, { disks }, { guest: "up" }, { guest: "up" }, { guest: "booting" }])
    link.said(reportWith(more));
  await turn();
  const again = hub.connected(host, { send: () => {}, close: () => {} });
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
  const wishes: number[] = [];
  const hub = openHub({
    onHello: async () => welcomed,
    onReport: async () => {},
    onHeartbeat: async () => {},
    onError: (_, error) => assert.fail(String(error)),
  });
  const link = hub.connected(host, {
    send(text) {
      const said = JSON.parse(text) as { say: string; wishes?: readonly Wish[] }; // By this very hub.
      wishes.push(...(said.wishes ?? []).map(({ version }) => version));
    },
    close: () => {},
  });
  link.said(hello);
  await turn();
  const wish = (version: number) => ({ instance, generation: 1, version, epoch: 2 }) as Wish; // As above.
  hub.tell(host, [wish(4)], []);
  const exit = {
    ...{ at: 1, status: { code: 1 }, requested: false, oomKills: 0, bootTimedOut: false },
    ...{ hypervisorLog: [], consoleTail: [] },
  };
  link.said(reportWith({ phase: "exited", exit }));
  await turn();
  hub.tell(host, [wish(4)], []);
  hub.tell(host, [wish(5)], []);
  assert.deepEqual(wishes, [4, 5]);
});

test("what a host holds and nobody wishes for it is told to end", async () => {
  const wishes: Wish[] = [];
  const hub = openHub({
    onHello: async () => welcomed,
    onReport: async () => {},
    onHeartbeat: async () => {},
    onError: (_, error) => assert.fail(String(error)),
  });
  const link = hub.connected(host, {
    send(text) {
      const said = JSON.parse(text) as { wishes?: readonly Wish[] }; // By this very hub.
      wishes.push(...(said.wishes ?? []));
    },
    close: () => {},
  });
  link.said(JSON.stringify({ ...JSON.parse(hello), held: [{ instance, version: 7 }] }));
  await turn();
  assert.deepEqual(
    wishes.map((one) => [one.instance, one.want, one.version]),
    [[instance, "nothing", 8]],
  );
});
