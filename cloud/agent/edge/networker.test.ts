import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import type { NetworksLook } from "@holdfast/cloud/hosts";
import type { GroupPicture, NetworkPicture } from "@holdfast/cloud/networks";
import type { HostNetworks } from "@holdfast/drivers/network";
import {
  loseRouter,
  type SimulatedKernel,
  simulatedKernel,
  simulatedNetworks,
} from "@holdfast/drivers/network/simulated";
import type { NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import { milliseconds, seconds } from "@holdfast/kernel/time";
import { type Networker, networker, type PictureShelf } from "./networker.ts";
import { memoryPicture } from "./shelf.ts";

const id = "00000000-0000-7000-8000-000000000001" as NetworkId;
const nic = "00000000-0000-7000-8000-000000000002" as NicId;
const groupId = (n: number) => `00000000-0000-7000-8000-00000000002${n}` as SecurityGroupId; // As above.
const picture: NetworkPicture = {
  ...{ id, vni: 7, vlan: null, cidr: "10.1.0.0/24", gateway: "10.1.0.1", mtu: 1_450 },
  domain: "blue.holdfast.internal",
  underlays: ["192.0.2.1", "192.0.2.2"],
  ports: [
    {
      ...{ nic, mac: "02:1d:0a:01:00:0b", address: "10.1.0.11" },
      ...{ publicAddress: null, metadataHops: null, ingress: null, egress: null },
    },
  ],
  groups: [],
  router: {
    generation: 3,
    mac: "02:1d:0a:01:00:01",
    guests: [{ mac: "02:1d:0a:01:00:0b", address: "10.1.0.11", name: "web" }],
    sourceAddress: "203.0.113.2",
    forwards: [{ protocol: "tcp", publicPort: 8080, address: "10.1.0.11", port: 80 }],
    oneToOne: [],
  },
};

function setUp(
  kernel: SimulatedKernel = simulatedKernel(),
  shelf = memoryPicture(),
  networks = simulatedNetworks(kernel),
) {
  const looks: NetworksLook[] = [];
  const mine = networker({
    networks,
    shelf,
    underlay: "192.0.2.1",
    forwarders: ["192.0.2.53"],
    onLook: (look) => looks.push(look),
    log: () => {},
  });
  return { mine, kernel, shelf, looks };
}

async function until(what: string, isSo: () => boolean): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++, await sleep(10)) if (isSo()) return;
  assert.fail(`never came true: ${what}`);
}

async function opened<T>(mine: Networker, body: () => Promise<T>): Promise<T> {
  await mine.open();
  try {
    return await body();
  } finally {
    await mine.close();
  }
}

test("a port can be plugged into once its network is made, and not before", async () => {
  const { mine, kernel } = setUp();
  await opened(mine, async () => {
    await assert.rejects(mine.ready([nic], milliseconds(20)), { code: "network_not_ready" });
    const waiting = mine.ready([nic], seconds(10));
    mine.hear([picture]);
    assert.equal(kernel.networks.size, 0);
    assert.deepEqual([...(await waiting)], [[nic, { mtu: 1_450 }]]);
    const made = kernel.networks.get(id)?.network;
    assert.deepEqual(made?.router?.forwards[0]?.publicAddress, "203.0.113.2");
    assert.deepEqual(made?.ports[0]?.ingress, [{ protocol: "any", peers: ["0.0.0.0/0"] }]);
  });
});

test("hosts join and leave a network that stays as it was, and are no news of one that is not here", async () => {
  const { mine, kernel } = setUp();
  const peersOf = () => kernel.networks.get(id)?.network.peers;
  const other = "00000000-0000-7000-8000-000000000009" as NetworkId; // As above.
  await opened(mine, async () => {
    mine.hear([picture]);
    await until("made", () => peersOf()?.length === 1);
    const [joined, left] = [["192.0.2.4", "192.0.2.3"], ["192.0.2.2"]];
    const peers = [id, other].map((network) => ({ network, joined, left }));
    mine.hearChanges({ networks: [], peers, parts: [], gone: [] });
    await until("changed", () => peersOf()?.length === 2);
    assert.deepEqual(peersOf(), ["192.0.2.3", "192.0.2.4"]);
    assert.deepEqual([...kernel.networks.keys()], [id]);
    assert.deepEqual(mine.seatOf(nic)?.network, {
      ...picture,
      underlays: ["192.0.2.1", "192.0.2.3", "192.0.2.4"],
    });
  });
});

test("ports of the same groups have one list of rules, with the members of groups that they name", async () => {
  const { mine, kernel } = setUp();
  const [front, back] = [groupId(1), groupId(2)];
  const [port] = picture.ports;
  assert.ok(port);
  const ports = Array.from({ length: 50 }, (_, index) => ({
    ...port,
    nic: `00000000-0000-7000-8000-${String(1_000 + index).padStart(12, "0")}` as NicId, // Shaped like one.
    address: `10.1.0.${100 + index}`,
    ingress: index === 0 ? [front] : [front, back],
    egress: index === 0 ? [back] : null,
  }));
  const tcp = (from: number, peer: GroupPicture["ingress"][number]["peer"]) => ({
    ...{ protocol: "tcp" as const, ports: { from, to: from }, peer },
  });
  const ingress = Array.from({ length: 2_000 }, (_, index) => tcp(1 + index, { group: back }));
  const groups = [
    { id: front, ingress, egress: [], members: [] },
    {
      ...{ id: back, ingress: [tcp(9, { cidr: "192.0.2.0/24" })] },
      ...{ egress: [tcp(53, { cidr: "192.0.2.53/32" })], members: ["10.1.0.101", "10.1.0.102"] },
    },
  ];
  await opened(mine, async () => {
    mine.hear([{ ...picture, ports, groups }]);
    await mine.ready(
      ports.map((each) => each.nic),
      seconds(10),
    );
    const made = kernel.networks.get(id)?.network.ports ?? [];
    const [first, second, third] = made;
    assert.equal(made.length, 50);
    assert.equal(first?.ingress.length, 2_000);
    assert.deepEqual(first?.ingress[0], {
      ...{ protocol: "tcp", ports: { from: 1, to: 1 }, peers: ["10.1.0.101", "10.1.0.102"] },
    });
    assert.deepEqual(first?.egress, [
      { protocol: "tcp", ports: { from: 53, to: 53 }, peers: ["192.0.2.53/32"] },
    ]);
    assert.equal(second?.ingress.length, 2_001);
    assert.equal(second?.ingress, third?.ingress, "the very same list");
    assert.deepEqual(second?.egress, [{ protocol: "any", peers: ["0.0.0.0/0"] }]);

    const next = structuredClone({ ...picture, ports: ports.slice(1), groups });
    mine.hear([next]);
    await until("made", () => kernel.networks.get(id)?.network.ports.length === 49);
    const again = kernel.networks.get(id)?.network.ports[0];
    assert.equal(again?.ingress, second?.ingress, "also where the next picture says the same");
  });
});

/** Each apply is as far as somebody lets it be: its ports are there, and then it is over. */
function steppedNetworks() {
  const applies: { readonly plug: () => void; readonly end: () => void }[] = [];
  const networks: HostNetworks = {
    ...simulatedNetworks(simulatedKernel()),
    apply: (_, onPlugged) =>
      new Promise((resolve) => {
        const end = () => resolve({ changes: 0 });
        applies.push({ plug: () => onPlugged?.(), end });
      }),
  };
  const kept: (readonly NetworkPicture[])[] = [];
  const shelf = {
    load: async () => undefined,
    save: async (one: readonly NetworkPicture[]) => void kept.push(one),
    close: async () => {},
  };
  const { mine } = setUp(undefined, shelf, networks);
  /** Whether it can be plugged into, as whoever asks now is told. */
  const isReady = async () => {
    const answer = mine.ready([nic], milliseconds(0));
    return (await Promise.allSettled([answer]))[0]?.status === "fulfilled";
  };
  const step = (at: number) => applies[at] ?? assert.fail(`no apply ${at}`);
  return { mine, isReady, step, kept };
}

test("a picture is kept while its ports are made, and of those that come in the same turn the newest", async () => {
  const { mine, step, kept } = steppedNetworks();
  await opened(mine, async () => {
    mine.hear([picture]);
    const next = { ...picture, mtu: 1_400 };
    mine.hear([next]);
    await turn();
    assert.deepEqual(kept, [[next]]);
    for (const at of [0, 1]) {
      step(at).plug();
      step(at).end();
    }
    await turn();
    assert.equal(kept.length, 1, "and once");
  });
});

/** What it is told to keep waits until somebody lets it, or breaks it. */
function slowShelf() {
  const saves: { readonly end: () => void; readonly break: () => void }[] = [];
  let kept: readonly NetworkPicture[] | undefined;
  const shelf: PictureShelf = {
    load: async () => kept,
    save: (networks) =>
      new Promise((resolve, reject) => {
        const end = () => {
          kept = networks;
          resolve();
        };
        saves.push({ end, break: () => reject(new Error("no space left on device")) });
      }),
    close: async () => {},
  };
  const step = (at: number) => saves[at] ?? assert.fail(`no save ${at}`);
  return { shelf, saves, step };
}

test("an agent that is killed before the picture is written down pulls no cable out of a guest", async () => {
  const { shelf, saves, step } = slowShelf();
  const { mine, kernel } = setUp(undefined, shelf);
  const [port] = picture.ports;
  const second = "00000000-0000-7000-8000-000000000003" as NicId; // As above.
  assert.ok(port);
  await mine.open();
  mine.hear([picture]);
  await until("the ports are there", () => saves.length === 1);
  step(0).end();
  await mine.ready([nic], seconds(10));
  mine.hear([{ ...picture, ports: [port, { ...port, nic: second, address: "10.1.0.12" }] }]);
  await until("the ports are there", () => saves.length === 2);
  await assert.rejects(mine.ready([second], milliseconds(20)), { code: "network_not_ready" });
  assert.equal((await mine.ready([nic], milliseconds(0))).size, 1, "the other is as it was");

  const next = setUp(kernel, shelf); // The first one writes nothing any more, as whoever was killed.
  await opened(next.mine, async () => {
    assert.equal(kernel.networks.get(id)?.network.ports.length, 1, "made as it is written");
    const waiting = mine.ready([second], seconds(10));
    step(1).end();
    assert.equal((await waiting).size, 1);
  });
  await mine.close();
});

test("a picture that could not be kept is kept later, and one that is heard last before the end", async () => {
  const { shelf, saves, step } = slowShelf();
  const { mine } = setUp(undefined, shelf);
  await mine.open();
  mine.hear([picture]);
  await until("the ports are there", () => saves.length === 1);
  const waiting = mine.ready([nic], seconds(30));
  step(0).break();
  await assert.rejects(mine.ready([nic], milliseconds(20)), /could not be written down/);
  await until("it is tried again", () => saves.length === 2);
  step(1).end();
  await waiting;

  mine.hear([{ ...picture, mtu: 1_400 }]);
  let isClosed = false;
  const closed = mine.close().then(() => {
    isClosed = true;
  });
  await until("it is written", () => saves.length === 3);
  assert.equal(isClosed, false);
  step(2).end();
  await closed;
  assert.equal((await shelf.load())?.[0]?.mtu, 1_400);
});

test("a port that comes again while it is being taken away is not ready until it has come", async () => {
  const { mine, isReady, step } = steppedNetworks();
  await opened(mine, async () => {
    mine.hear([picture]);
    step(0).plug();
    step(0).end();
    assert.equal(await isReady(), true);
    mine.hear([]);
    assert.equal(await isReady(), false);
    mine.hear([picture]);
    assert.equal(await isReady(), false);
    step(1).plug();
    step(1).end();
    assert.equal(await isReady(), false);
    step(2).plug();
    assert.equal(await isReady(), true);
  });
});

test("nor is it by what was asked for before it was to go", async () => {
  const { mine, isReady, step } = steppedNetworks();
  await opened(mine, async () => {
    for (const networks of [[picture], [], [picture]]) mine.hear(networks);
    step(0).plug();
    assert.equal(await isReady(), false);
    step(0).end();
    step(1).plug();
    step(1).end();
    assert.equal(await isReady(), false);
    step(2).plug();
    assert.equal(await isReady(), true);
  });
});

test("what a network carries is told as it was heard last, by whichever picture its port is there", async () => {
  const { mine, step } = steppedNetworks();
  await opened(mine, async () => {
    mine.hear([picture]);
    step(0).plug();
    mine.hear([{ ...picture, mtu: 1_400 }]);
    assert.deepEqual([...(await mine.ready([nic], milliseconds(0)))], [[nic, { mtu: 1_400 }]]);
  });
});

test("no connections need no network", async () => {
  const { mine } = setUp();
  assert.equal((await mine.ready([], milliseconds(0))).size, 0);
});

test("what cannot be made is tried again, and the reason is told meanwhile", async () => {
  const { mine, kernel, looks } = setUp();
  await opened(mine, async () => {
    kernel.trouble = "no room for another device";
    mine.hear([picture]);
    await until("the managers hear why", () => looks.at(-1)?.problem?.includes("device") ?? false);
    await assert.rejects(mine.ready([nic], milliseconds(1)), /no room for another device/);
    kernel.trouble = undefined;
    await mine.ready([nic], seconds(10));
    await until("the managers hear that it is over", () => looks.at(-1)?.problem === null);
  });
});

test("a router that is lost is made again without being asked, and a flipped setting is put back", async () => {
  const { mine, kernel, looks } = setUp();
  await opened(mine, async () => {
    mine.hear([picture]);
    const isUp = () => looks.at(-1)?.routers[0]?.isUp === true;
    await until("the router is up", isUp);
    loseRouter(kernel, id);
    kernel.isBridgeFiltering = false;
    await until("both are told", () =>
      looks.some(({ rules, routers }) => rules === "bypassed" && routers[0]?.isUp === false),
    );
    await until("both are mended", () => isUp() && looks.at(-1)?.rules === "in-force");
  });
});

test("an agent that begins anew makes what the last picture said, before any manager is there", async () => {
  const { mine, shelf } = setUp();
  await opened(mine, async () => {
    mine.hear([picture]);
    await mine.ready([nic], seconds(10));
  });
  const next = setUp(simulatedKernel(), shelf); // As after a reboot.
  await opened(next.mine, async () => {
    assert.equal((await next.mine.ready([nic], milliseconds(0))).size, 1);
  });
});
