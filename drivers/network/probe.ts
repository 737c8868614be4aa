/**
 * What this kernel can do for networks, found out by doing it in a namespace of its own.
 *
 * Asking the kernel's configuration was the other way: it is often not readable, and it does not say
 * whether a module is there to be loaded.
 */
import type { Commands } from "./commands.ts";
import type { Abilities, Ability } from "./driver.ts";
import { bridgeFilteringFile } from "./observe.ts";

const modules = ["vxlan", "8021q", "br_netfilter", "nf_conntrack_bridge"];

const routed = `table inet probe {
 chain forward {
  type filter hook forward priority filter; policy accept;
  iifname . ct original ip saddr @known accept
  ct direction reply accept
 }
 set known {
  type ifname . ipv4_addr
 }
}
`;

const bridged = `table bridge probe {
 chain forward {
  type filter hook forward priority filter; policy accept;
  meta ibrname "probe0" ct direction reply accept
 }
}
`;

export async function probe(commands: Commands, tag: string): Promise<Abilities> {
  const namespace = `hf-${tag}-probe`;
  // Some are built in, some kernels have none, and kmod need not be installed.
  for (const name of modules)
    await commands.run(undefined, ["modprobe", "-q", name]).catch(() => {});
  await commands.run(undefined, ["ip", "netns", "del", namespace]).catch(() => {}); // Of a probe that was killed.
  await commands.run(undefined, ["ip", "netns", "add", namespace]);
  const tried = async (how: string, attempt: () => Promise<unknown>): Promise<Ability> => {
    try {
      await attempt();
      return { isThere: true, reason: how };
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      return { isThere: false, reason: `${how} does not work: ${words.split("\n")[0]}` };
    }
  };
  const ip = (words: string) => commands.run(namespace, ["ip", ...words.split(" ")]);
  try {
    await ip("link add dev probe0 type bridge");
    return {
      vxlan: await tried("a VXLAN device", () =>
        ip("link add dev probe1 type vxlan id 1 dstport 4789 local 127.0.0.1"),
      ),
      vlan: await tried("a VLAN device (802.1Q)", () =>
        ip("link add link probe0 name probe2 type vlan id 2"),
      ),
      routedFilter: await tried(
        "filtering bridged packets where routed ones are (br_netfilter)",
        async () => {
          await commands.run(namespace, ["cat", `/proc/sys/${bridgeFilteringFile}`]);
          await commands.run(namespace, ["nft", "-f", "-"], routed);
        },
      ),
      bridgeFilter: await tried("tracking connections in a bridge", () =>
        commands.run(namespace, ["nft", "-f", "-"], bridged),
      ),
    };
  } finally {
    await commands.run(undefined, ["ip", "netns", "del", namespace]).catch(() => {});
  }
}
