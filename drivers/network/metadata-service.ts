/** Keeps a listener in the metadata namespace of each network that has guests here. */
import { stat } from "node:fs/promises";
import type { NetworkId } from "@holdfast/kernel/ids";
import { type Commands, namespaceFile } from "./commands.ts";
import type { MetadataAnswer, Network } from "./driver.ts";
import { type Ask, type Listener, listenIn } from "./metadata.ts";
import {
  forgetNeighbours,
  metadataMark,
  metadataNeighbours,
  metadataWiring,
  neighboursMark,
} from "./metadata-wiring.ts";
import { inside, metadataNamespaceOf, metadataPortOf } from "./names.ts";
import { bareSysctls } from "./router-host.ts";

export interface MetadataService {
  /** `alias` is what the host's end of its cable is marked with; undefined if it has just been plugged in. */
  ensure(network: Network, alias: string | undefined): Promise<void>;
  /** Before a namespace is removed: who listens in it keeps it alive. */
  leave(namespace: string): Promise<void>;
  close(): Promise<void>;
}

export function metadataService(
  kernel: Commands,
  tag: string,
  answer: (network: NetworkId, ask: Ask) => Promise<MetadataAnswer>,
): MetadataService {
  const listeners = new Map<string, { readonly inode: number; readonly listener: Listener }>();
  const self: MetadataService = {
    async ensure(network, alias) {
      const namespace = metadataNamespaceOf(tag, network.vni);
      const marks = `${metadataMark(network)} ${neighboursMark(network)}`;
      if (alias === undefined) {
        await kernel.setSysctl(namespace, bareSysctls(inside.metadata));
        await kernel.batch(namespace, "ip", metadataWiring(network));
      }
      if (alias !== marks) {
        const forget = alias === undefined ? [] : forgetNeighbours;
        await kernel.batch(namespace, "ip", [...forget, ...metadataNeighbours(network)]);
        const port = metadataPortOf(network.vni);
        await kernel.batch(undefined, "ip", [`link set dev ${port} alias "${marks}"`]);
      }
      const { ino: inode } = await stat(namespaceFile(namespace));
      if (listeners.get(namespace)?.inode === inode) return;
      await self.leave(namespace);
      const listener = await listenIn(namespace, (ask) => answer(network.id, ask));
      kernel.count(1);
      listeners.set(namespace, { inode, listener });
    },
    async leave(namespace) {
      await listeners.get(namespace)?.listener.close();
      listeners.delete(namespace);
    },
    async close() {
      await Promise.all([...listeners.keys()].map((namespace) => self.leave(namespace)));
    },
  };
  return self;
}
