/** Stamps of hosts in a shared pool that is made of a Map, and how one host has that pool. */
import type { StampFolder } from "../guard/pool-watch.ts";
import type { Mount } from "./station.ts";
import { after } from "./time.ts";

export function newMount(stamps: Map<string, string>): Mount {
  let waiting: (() => void)[] | undefined;
  const answered = async () => {
    await new Promise<void>((resolve) => void after(1, resolve));
    while (waiting) await new Promise<void>((resolve) => waiting?.push(resolve));
  };
  const folder: StampFolder = {
    async write(host, stamp) {
      await answered();
      stamps.set(host, stamp);
    },
    probe: answered,
    async read() {
      await answered();
      return new Map(stamps);
    },
  };
  return {
    get isHung() {
      return waiting !== undefined;
    },
    hang(isHung) {
      const late = waiting ?? [];
      waiting = isHung ? late : undefined;
      if (!isHung) for (const go of late) go();
    },
    answered,
    stamps: () => folder,
  };
}
