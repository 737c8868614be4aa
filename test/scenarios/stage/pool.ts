/**
 * A shared pool: simulated volumes that every host sees, and a real directory with the stamps of the guards,
 * written by the very code that writes them in production.
 *
 * It may hang for one host: nothing comes back, no error either, until it is let go. Then all of it does.
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SimulatedMachine } from "@holdfast/drivers/hypervisor/simulated";
import { type SimulatedPool, simulatedStorage } from "@holdfast/drivers/volumes/simulated";
import { stampFolder } from "../../../apps/guard/stamps.ts";
import type { Mount } from "../../../apps/simulator/station.ts";

export const poolName = "shared";

export interface Pool {
  readonly name: string;
  readonly directory: string;
  readonly storage: SimulatedPool;
  /** This one was cut off from its root volume. */
  isCutOff(machine: SimulatedMachine): boolean;
  /** How one host has it. */
  mount(): Mount;
  close(): Promise<void>;
}

/** `canRevoke`: it is served by daemons that can cut a guest off, instead of being a directory. */
export async function newPool(canRevoke = false): Promise<Pool> {
  const directory = await mkdtemp(join(tmpdir(), "hf-pool-"));
  const pool: Pool = {
    name: poolName,
    directory,
    storage: {
      ...simulatedStorage(),
      abilities: { isShared: true, canRevoke, isLive: canRevoke },
    },
    isCutOff({ spec: { id, generation } }) {
      return pool.storage.cuts.some((cut) => cut.instance === id && cut.generation === generation);
    },
    mount,
    close: () => rm(directory, { recursive: true, force: true }),
  };
  return pool;
}

function mount(): Mount {
  let waiting: (() => void)[] | undefined;
  const answered = async () => {
    while (waiting) await new Promise<void>((resolve) => waiting?.push(resolve));
  };
  return {
    get isHung() {
      return waiting !== undefined;
    },
    hang(isHung) {
      const late = waiting ?? [];
      waiting = isHung ? (waiting ?? []) : undefined;
      if (!isHung) for (const go of late) go();
    },
    answered,
    stamps(asked) {
      const folder = stampFolder(asked);
      const once =
        <A extends unknown[], T>(act: (...given: A) => Promise<T>) =>
        async (...given: A) => {
          await answered();
          return act(...given);
        };
      return { write: once(folder.write), probe: once(folder.probe), read: once(folder.read) };
    },
  };
}
