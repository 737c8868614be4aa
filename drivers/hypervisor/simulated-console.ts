/**
 * The serial consoles of simulated machines: who sits at which, and a shell that knows what the contract types, and what drills
 * type.
 */
import { type Clock, seconds } from "@holdfast/kernel/time";
import type { Console } from "./driver.ts";
import { befall } from "./simulated-deaths.ts";
import type { SimulatedMachine } from "./simulated-machine.ts";
import { type SimulatedWorld, say } from "./simulated-world.ts";

/** Somebody at a console. */
interface Seat {
  closed(): void;
  leave(): void;
}

/** `leave`: everybody goes, as when the machine has ended. */
export function simulatedConsoles(world: SimulatedWorld, clock: Clock) {
  const seats = new Map<SimulatedMachine, Set<Seat>>();
  return {
    sitDown(machine: SimulatedMachine): Console {
      let read: ((text: string) => void) | undefined;
      const seat = { closed: () => {}, leave: () => void (read && machine.readers.delete(read)) };
      seats.set(machine, (seats.get(machine) ?? new Set<Seat>()).add(seat));
      return {
        write: (bytes) => type(machine, new TextDecoder().decode(bytes)),
        onData(listener) {
          read = (text) => listener(new TextEncoder().encode(`${text}\r\n`));
          machine.readers.add(read);
        },
        onClose(listener) {
          seat.closed = listener;
        },
        close() {
          seat.leave();
          seats.get(machine)?.delete(seat);
        },
      };
    },
    leave,
    close() {
      for (const machine of [...seats.keys()]) leave(machine);
    },
  };

  function leave(machine: SimulatedMachine): void {
    for (const { closed, leave: goes } of seats.get(machine) ?? []) {
      goes();
      closed();
    }
    seats.delete(machine);
  }

  function type(machine: SimulatedMachine, text: string): void {
    for (const line of text.split("\n").filter(Boolean)) {
      if (machine.exit || machine.isHung || machine.phase !== "running") return;
      obey(machine, line);
    }
  }

  function obey(machine: SimulatedMachine, line: string): void {
    say(machine, clock, `# ${line}`);
    const [command, argument = ""] = line.split(/ (.*)/);
    if (command === "echo") say(machine, clock, argument.replaceAll("''", "")); // A shell's empty quotes.
    if (command === "yes") for (let i = 0; i < 100_000; i++) say(machine, clock, argument);
    if (command === "poweroff") befall(world, machine.spec, clock, "power-off");
    if (command === "reboot") befall(world, machine.spec, clock, "reset");
    if (command !== "holdfast-hurt") return;
    const [called = "", wait] = argument.split(" ");
    say(machine, clock, `holdfast: hurt ${called}`);
    const way = called === "power" ? "power-off" : called;
    if (!isHurt(way)) return;
    if (!wait) befall(world, machine.spec, clock, way);
    else
      void clock.sleep(seconds(Number(wait))).then(() => befall(world, machine.spec, clock, way));
  }
}

/** What the guest's own command can do to it. */
const hurts = ["panic", "hang", "memory", "memory-panic", "reset", "power-off"] as const;
const isHurt = (way: string): way is (typeof hurts)[number] => hurts.some((each) => each === way);
