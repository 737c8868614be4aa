/** Between a guard and the agents of its host: lines, in order, and a connection that ends with either side. */
import { guardClientOver } from "../agent/guard-client.ts";
import type { Agents } from "../guard/agents.ts";
import type { GuardDoor } from "./station.ts";
import { after } from "./time.ts";

interface Guest {
  closed(): void;
}

export function newGuardDoor(steady: () => number): GuardDoor {
  let inside:
    | { readonly agents: Pick<Agents, "connected">; readonly guests: Set<Guest> }
    | undefined;
  return {
    connect: () =>
      guardClientOver((events) => {
        const mine = inside;
        let isOpen = true;
        const shut = () => {
          if (!isOpen) return;
          isOpen = false;
          after(0, () => events.closed());
        };
        if (!mine) {
          shut();
          return { write: () => {}, destroy: () => {} };
        }
        const later = (act: () => void) => void after(0, () => isOpen && act());
        later(() => events.opened());
        const guest = { closed: shut };
        mine.guests.add(guest);
        const agent = mine.agents.connected((line) => later(() => events.line(line)));
        return {
          write: (line) => later(() => agent.said(line)),
          destroy() {
            mine.guests.delete(guest);
            shut();
            agent.closed();
          },
        };
      }, steady),
    async open(agents) {
      const mine = { agents, guests: new Set<Guest>() };
      inside = mine;
      return {
        async close() {
          if (inside === mine) inside = undefined;
          for (const guest of mine.guests) guest.closed();
        },
      };
    },
    close: async () => {},
  };
}
