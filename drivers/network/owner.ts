/**
 * Whose the networks of a host are. Names of links carry no mark of their installation, so a second one on
 * the same machine would take the first one's networks for remains of its own, and remove them.
 *
 * The owner is written on the loopback device (`ip link show lo`), because that goes with its network
 * namespace. A note in a file, named by the namespace's inode, outlived it: the kernel gives these numbers
 * out again, and somebody new was taken for a stranger. It holds for as long as there is any of our links:
 * whoever comes when there are none takes over.
 */
import { createHash } from "node:crypto";
import type { Commands } from "./commands.ts";
import { isOurLink } from "./names.ts";
import type { Observed } from "./observe.ts";
import { ownedBySomebodyElse } from "./problems.ts";

const device = "lo";
const prefix = "holdfast: ";
/** Of what the kernel keeps with a device: 255 bytes. */
const longest = 255 - prefix.length;

export interface Ownership {
  /** Rejects with `networks_owned` if they are somebody else's. */
  take(seen: Observed): Promise<void>;
  /** Whether there is nothing of anybody's here, or it is ours. */
  mayTouch(seen: Observed): boolean;
  /** There is nothing left to own. */
  end(): Promise<void>;
}

/** `owner` is a path of its own directory. */
export function ownership(owner: string, kernel: Commands): Ownership {
  const ours = fitting(owner);
  const other = ({ links }: Observed) => {
    const named = ownerIn(links.get(device)?.alias);
    return named && named !== ours && [...links.keys()].some(isOurLink) ? named : undefined;
  };
  return {
    async take(seen) {
      const somebody = other(seen);
      if (somebody) throw ownedBySomebodyElse(somebody);
      if (ownerIn(seen.links.get(device)?.alias) !== ours) await write(`${prefix}${ours}`);
    },
    mayTouch: (seen) => other(seen) === undefined,
    async end() {
      const shown = await kernel.run(undefined, ["ip", "-j", "link", "show", "dev", device]);
      const [link]: readonly { readonly ifalias?: string }[] = JSON.parse(shown);
      if (ownerIn(link?.ifalias) === ours) await write("");
    },
  };

  async function write(alias: string): Promise<void> {
    kernel.count(1);
    await kernel.run(undefined, ["ip", "link", "set", "dev", device, "alias", alias]);
  }
}

const ownerIn = (alias: string | undefined) =>
  alias?.startsWith(prefix) ? alias.slice(prefix.length) : undefined;

/** A plain path as it is. Of any other so much that people know it, and what tells two of them apart. */
function fitting(owner: string): string {
  const plain = owner.replaceAll(/[^\w/.,+@ -]/g, "?");
  if (plain === owner && owner.length <= longest) return owner;
  const digest = createHash("sha256").update(owner).digest("hex").slice(0, 16);
  return `${plain.slice(0, longest - 17)} ${digest}`;
}
