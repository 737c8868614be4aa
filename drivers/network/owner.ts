/**
 * Whose the networks of a host are. Names of links carry no mark of their installation, so a second one on
 * the same machine would take the first one's networks for remains of its own, and remove them.
 *
 * A note in /run names the owner, one for each network namespace. It holds for as long as there is any of our
 * links: whoever comes when there are none takes over. It goes with the machine's boot, as they do.
 */
import { mkdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { isOurLink } from "./names.ts";
import type { Observed } from "./observe.ts";
import { ownedBySomebodyElse } from "./problems.ts";

const notes = "/run/holdfast";

export interface Ownership {
  /** Rejects with `networks_owned` if they are somebody else's. */
  take(seen: Observed): Promise<void>;
  /** Whether there is nothing of anybody's here, or it is ours. */
  mayTouch(seen: Observed): Promise<boolean>;
  /** There is nothing left to own. */
  end(): Promise<void>;
}

/** `owner` is a path of its own directory. `home` as in `LinuxNetworksOptions`. */
export function ownership(owner: string, home: string | undefined): Ownership {
  const note = async () => {
    const { ino } = await stat(home ? `/run/netns/${home}` : "/proc/self/ns/net");
    return `${notes}/networks.${ino}`;
  };
  const ownerNow = async () => {
    const text = await readFile(await note(), "utf8").catch(() => "");
    return text.trim() || undefined;
  };
  const other = async ({ links }: Observed) => {
    const named = await ownerNow();
    return named && named !== owner && [...links.keys()].some(isOurLink) ? named : undefined;
  };
  return {
    async take(seen) {
      const somebody = await other(seen);
      if (somebody) throw ownedBySomebodyElse(somebody);
      await write();
    },
    mayTouch: async (seen) => (await other(seen)) === undefined,
    async end() {
      if ((await ownerNow()) === owner) await rm(await note(), { force: true });
    },
  };

  async function write(): Promise<void> {
    if ((await ownerNow()) === owner) return;
    await mkdir(notes, { recursive: true });
    await writeFile(await note(), `${owner}\n`);
  }
}
