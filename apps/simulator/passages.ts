/**
 * The ways between simulated hosts, in one process: what is asked on one side is called on the other. A host that
 * is killed takes all its ways with it, and a cut between two is noticed by both.
 */
import {
  arrivalEnded,
  type Crossing,
  destinationUnreachable,
  type Expected,
  noMigrationAddress,
  type Passage,
  type Reception,
} from "@holdfast/cloud/agent/edge";
import type { Landing, MachineRef } from "@holdfast/drivers/hypervisor";
import { cutWire } from "@holdfast/drivers/hypervisor/simulated";
import { Problem } from "@holdfast/kernel/problem";

export interface Ways {
  /** By address. */
  readonly ends: Map<string, End>;
  /** All that are open. */
  readonly strands: Set<Strand>;
  /** Whether nothing gets from one address to another; replace it at will. */
  isCut: (from: string, to: string) => boolean;
  /** Snaps what is open and cut: call it after every change of `isCut`. */
  settle(): void;
}

interface End {
  readonly host: () => string | undefined;
  readonly gates: Map<string, Gate>;
  isClosed: boolean;
}

interface Gate {
  readonly expected: Expected;
  readonly reception: Reception;
  readonly crossings: Set<Strand>;
}

/** One crossing, as both ends see it. */
interface Strand {
  readonly from: string;
  readonly to: string;
  landing: Landing | undefined;
  isLetGo: boolean;
  /** It waits for an answer: as with the real one, it is told before it is shut. */
  isAsking: boolean;
  snap(): void;
}

export function simulatedWays(): Ways {
  const strands = new Set<Strand>();
  const ways: Ways = {
    ends: new Map(),
    strands,
    isCut: () => false,
    settle() {
      for (const strand of [...strands])
        if (ways.isCut(strand.from, strand.to) || ways.isCut(strand.to, strand.from)) strand.snap();
    },
  };
  return ways;
}

const nameOf = ({ id, generation }: MachineRef) => `${id}/${generation}`;

/** `host`: its id, once it is known. */
export function simulatedPassage(
  ways: Ways,
  address: string,
  host: () => string | undefined,
): Passage {
  const mine: End = { host, gates: new Map(), isClosed: false };
  ways.ends.set(address, mine);

  return {
    async address(network) {
      if (network) throw noMigrationAddress(network);
      return address;
    },
    admit(expected, reception) {
      const name = nameOf(expected.machine);
      const known = mine.gates.get(name);
      if (known?.expected.migration === expected.migration) return;
      snapAll(known);
      mine.gates.set(name, { expected, reception, crossings: new Set() });
    },
    dismiss(machine) {
      const gate = mine.gates.get(nameOf(machine));
      mine.gates.delete(nameOf(machine));
      snapAll(gate);
    },
    isOpen: (machine) => (mine.gates.get(nameOf(machine))?.crossings.size ?? 0) > 0,

    async reach(to, form, onBroken): Promise<Crossing> {
      const end = ways.ends.get(to.address);
      const gate = end?.gates.get(nameOf(to.machine));
      if (!end || end.isClosed || ways.isCut(address, to.address))
        throw destinationUnreachable(to.address);
      const { migration, from } = gate?.expected ?? {};
      if (!gate || migration !== to.migration || from !== host())
        throw arrivalEnded("it is not expected there");
      let broken: () => void = () => {};
      const cut = new Promise<never>((_, reject) => {
        broken = () => reject(destinationUnreachable(to.address));
      });
      cut.catch(() => {});
      const strand: Strand = {
        ...{ from: address, to: to.address, landing: undefined, isLetGo: false, isAsking: false },
        snap() {
          if (!ways.strands.delete(strand)) return;
          gate.crossings.delete(strand);
          if (strand.landing) cutWire(strand.landing.memory);
          if (!strand.isLetGo && !end.isClosed) gate.reception.lost();
          broken();
          if (!mine.isClosed) onBroken();
        },
      };
      ways.strands.add(strand);
      gate.crossings.add(strand);
      try {
        const { landing, mirrored } = await Promise.race([gate.reception.open(form), cut]);
        strand.landing = landing;
        return {
          ...landing,
          mirrored,
          async go() {
            if (!ways.strands.has(strand)) throw destinationUnreachable(to.address);
            strand.isLetGo = true;
            strand.isAsking = true;
            try {
              await Promise.race([gate.reception.go(), cut]);
            } finally {
              strand.isAsking = false;
              if (end.gates.get(nameOf(to.machine)) !== gate) strand.snap();
            }
          },
          close() {
            if (strand.isLetGo) {
              // What has been let run needs no way any more.
              ways.strands.delete(strand);
              gate.crossings.delete(strand);
            } else strand.snap();
          },
        };
      } catch (error) {
        ways.strands.delete(strand);
        gate.crossings.delete(strand);
        throw error instanceof Problem ? error : destinationUnreachable(to.address, error);
      }
    },

    async close() {
      mine.isClosed = true;
      if (ways.ends.get(address) === mine) ways.ends.delete(address);
      for (const strand of [...ways.strands])
        if (strand.from === address || strand.to === address) strand.snap();
    },
  };
}

function snapAll(gate: Gate | undefined): void {
  for (const strand of gate?.crossings ?? []) if (!strand.isAsking) strand.snap();
}
