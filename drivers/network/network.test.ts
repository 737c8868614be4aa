/** The networks of a host against their contract: the real ones and the twin. */
import { networkContract } from "./contract.ts";
import { fixtureRoom } from "./fixture-hosts.ts";
import {
  askMetadata,
  loseDns,
  loseRouter,
  simulatedKernel,
  simulatedNetworks,
} from "./simulated.ts";

networkContract("simulated", async () => {
  const kernel = simulatedKernel();
  const none = { method: "GET", headers: {} };
  return {
    networks: simulatedNetworks(kernel),
    async plug({ nic }) {
      return async (path) => {
        const { status, body } = await askMetadata(kernel, nic, { ...none, path });
        return [status, body] as const;
      };
    },
    loseRouter: async ({ id }) => loseRouter(kernel, id),
    loseDns: async ({ id }) => loseDns(kernel, id),
    async flushRules() {
      kernel.isFilterLoaded = false;
    },
    async turnSetting() {
      kernel.isBridgeFiltering = false;
    },
    leftovers: async () => [
      ...kernel.networks.keys(),
      ...(kernel.isFilterLoaded ? ["filters"] : []),
    ],
  };
});

networkContract("linux", async (t) => {
  const room = await fixtureRoom(t);
  const [host] = room.hosts;
  const namespaceOf = (vni: number) => `hf-${room.mark}1-r${vni}`;
  return {
    networks: host.networks,
    async plug(port) {
      const guest = await room.guest(host, port);
      await guest.settle("10.7.0.1");
      return async (path) => {
        // With -S busybox says the answer's first line, as it came.
        const get = `busybox wget -S -qO- 'http://169.254.169.254${path}' 2>&1; true`;
        const said = await guest.run("/bin/sh", "-c", get);
        const body = said.split("\n").at(-1) ?? "";
        return [Number(/HTTP\/1\.1 (\d+)/.exec(said)?.[1]), body] as const;
      };
    },
    async loseRouter({ vni }) {
      await host.run("ip", "netns", "del", namespaceOf(vni));
    },
    async loseDns({ vni }) {
      const pids = await host.run("ip", "netns", "pids", namespaceOf(vni));
      process.kill(Number(pids.trim()), "SIGKILL");
    },
    async flushRules() {
      await host.run("nft", "flush", "ruleset");
    },
    async turnSetting() {
      await host.run("/bin/sh", "-c", "echo 0 >/proc/sys/net/bridge/bridge-nf-call-iptables");
    },
    leftovers: room.leftovers,
  };
});
