/**
 * Which volumes this host has opened for which incarnation, written down before it does so.
 *
 * It is for giving back: what a wish said of an incarnation that has ended is forgotten by then, and an agent
 * may be killed between opening a volume and using it. Not synced to the disk, like the wishes: after a power
 * loss the claims in a pool are overtaken by the next generation's.
 */
import type { WishedDisk } from "@holdfast/cloud/hosts";
import type { MachineRef } from "@holdfast/drivers/hypervisor";
import type { InstanceId, VolumeId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { keptLines } from "./kept-lines.ts";

export interface Loan {
  readonly volume: VolumeId;
  readonly pool: string;
  readonly kind: WishedDisk["kind"];
}

/** Of one incarnation. */
export interface Loans extends MachineRef {
  readonly volumes: readonly Loan[];
}

export interface LoanBook {
  load(): Promise<readonly Loans[]>;
  /** Without volumes there is nothing to keep. */
  save(loans: Loans): Promise<void>;
  close(): Promise<void>;
}

const id = <Kind extends string>() => z.uuid().transform((text) => text as Kind); // Checked just before.
const LoansLine = z.object({
  id: id<InstanceId>(),
  generation: z.number().int(),
  volumes: z.array(
    z.object({
      volume: id<VolumeId>(),
      pool: z.string(),
      kind: z.enum(["root", "data", "ephemeral"]),
    }),
  ),
});

export async function fileLoans(file: string): Promise<LoanBook> {
  const book = await keptLines<Loans>(file, LoansLine);
  return {
    // One that cannot be read was cut short before anything was lent, or by a power loss, which nobody it was lent to outlives.
    load: async () => book.found,
    save: (loans) =>
      loans.volumes.length === 0 ? book.remove(keyOf(loans)) : book.write(keyOf(loans), loans),
    close: book.close,
  };
}

/** For simulated hosts: outlives the agent as a disk does, if whoever made it keeps it. */
export function memoryLoans(): LoanBook {
  const kept = new Map<string, Loans>();
  return {
    load: async () => [...kept.values()],
    async save(loans) {
      if (loans.volumes.length === 0) kept.delete(keyOf(loans));
      else kept.set(keyOf(loans), loans);
    },
    close: async () => {},
  };
}

export const keyOf = ({ id, generation }: MachineRef) => `${id}.g${generation}`;
