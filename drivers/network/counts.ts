/** The packets that our filters have dropped, by the name of the counter. */
import type { Commands } from "./commands.ts";
import { table } from "./names.ts";
import type { Counts } from "./nft.ts";

interface RawCounters {
  readonly nftables: readonly {
    readonly counter?: { readonly table: string; readonly name: string; readonly packets: number };
  }[];
}

export async function readCounts(kernel: Commands): Promise<Counts> {
  const raw: RawCounters = JSON.parse(
    await kernel.run(undefined, ["nft", "-j", "list", "counters"]),
  );
  return new Map(
    raw.nftables.flatMap(({ counter }) =>
      counter?.table.startsWith(table) ? [[counter.name, counter.packets] as const] : [],
    ),
  );
}
