/** A real guest on a real network: what QEMU, its tap and the tiny image make of it. */
import assert from "node:assert/strict";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { InstanceId, NicId } from "@holdfast/kernel/ids";
import { seconds } from "@holdfast/kernel/time";
import type { MachineSpec } from "../hypervisor/driver.ts";
import { fixtureHost } from "../hypervisor/fixture-host.ts";
import { qemuHypervisor } from "../hypervisor/qemu.ts";
import { buildTiny, tinyFiles } from "../images/tiny/build.ts";
import { aNetwork, aPort, fixtureRoom } from "./fixture-hosts.ts";

const cache = process.env.HOLDFAST_TEST_CACHE ?? join(tmpdir(), "holdfast-test-cache");

const userData = `#!/bin/sh
echo "routes $(ip route | tr '\\n' ';')"
ping -c 1 -W 5 web >/dev/null && echo "web answers"
ping -c 1 -W 5 -s 1422 10.1.0.12 >/dev/null && echo "all of the MTU fits"
echo "metadata $(wget -qO- http://169.254.169.254/latest/meta-data/instance-id)"
echo "all is said"
`;

test("a guest gets its address, its MTU, its neighbours and its metadata", async (t) => {
  const directory = join(cache, "tiny");
  const tiny = await buildTiny({ directory, cache: join(cache, "packages") });
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const { options } = await fixtureHost(t, cache);
  const [a, b] = [aPort(11), aPort(12)];
  const web = await room.guest(host, b);
  await web.settle();
  host.networks.onMetadata(async ({ nic, path }) => {
    const body = `${path} of ${nic === a.nic ? "the first card" : "somebody"}`;
    return { status: 200, headers: {}, body };
  });
  const hosts = [a, b].map(({ mac, address }, index) => ({
    mac,
    address,
    name: ["ada", "web"][index] ?? "",
  }));
  const router = {
    ...{ generation: 1, mac: "52:54:00:ff:00:01", hosts, forwarders: [], hasUplink: true },
    ...{ forwards: [], statics: [] },
  };
  await host.networks.apply({ networks: [aNetwork(1_000, { ports: [a, b], router })] });

  const hypervisor = qemuHypervisor({
    ...options,
    tapNamespace: `/run/netns/${host.namespace}`,
    launchTime: seconds(120),
  });
  const spec: MachineSpec = {
    id: "01890000-0000-7000-8000-00000000beef" as InstanceId, // Only tests mint ids.
    ...{ generation: 1, name: "ada", cpus: 1, memoryMiB: 128, paused: false, requestId: "req-1" },
    boot: {
      kernel: join(directory, tinyFiles.kernel),
      initrd: join(directory, tinyFiles.initrd),
      commandLine: tiny.commandLine,
    },
    disks: [],
    nics: [{ id: a.nic, mac: a.mac, mtu: 1_450 }],
    metadata: { hostname: "ada", "instance-id": "i-1", "user-data": userData },
  };
  const now = { acpi: seconds(0), terminate: seconds(5), kill: seconds(5) };
  try {
    await checkGuest();
  } finally {
    // Here and not when the test is over: the host must be empty by then.
    await hypervisor.stop(spec, now);
    await hypervisor.forget(spec);
    await hypervisor.close();
  }
  assert.equal(await plugged(), "unplugged");

  async function plugged(): Promise<string | undefined> {
    return (await host.networks.look()).ports.find(({ nic }) => nic === a.nic)?.is;
  }

  async function checkGuest(): Promise<void> {
    await hypervisor.start(spec);
    assert.equal(await plugged(), "plugged");
    // The same card twice would be the same address twice.
    const twin = { ...spec, id: "01890000-0000-7000-8000-00000000feed" as InstanceId }; // As above.
    await assert.rejects(hypervisor.start(twin), { code: "nic_in_use" });
    const nowhere = {
      ...twin,
      generation: 2,
      nics: [{ id: "01890000-0000-7000-8000-0000000000ff" as NicId, mac: a.mac, mtu: 1_450 }],
    };
    await assert.rejects(hypervisor.start(nowhere), { code: "nic_missing" });
    for (const generation of [1, 2]) await hypervisor.forget({ ...twin, generation });

    const said = await heard("all is said", 120_000);
    assert.match(said, /holdfast: network eth0 10\.1\.0\.11\/24 mtu 1450/);
    assert.match(said, /routes .*default via 10\.1\.0\.1 .*169\.254\.169\.254 dev eth0/);
    assert.match(said, /web answers/);
    assert.match(said, /all of the MTU fits/);
    assert.match(said, /metadata \/latest\/meta-data\/instance-id of the first card/);
  }

  async function heard(what: string, patience: number): Promise<string> {
    const end = performance.now() + patience;
    for (;;) {
      const lines = (await hypervisor.consoleLog(spec, 200)).map(({ text }) => text).join("\n");
      if (lines.includes(what)) return lines;
      if (performance.now() > end) assert.fail(`the guest never said "${what}":\n${lines}`);
      await sleep(100); // A console has no end that could be waited for.
    }
  }
});
