/** What befalls a world: each fault of a plan, and how all of it is mended at the end. */
import { befall, type Misfortune } from "@holdfast/drivers/hypervisor/simulated";
import { unreachable } from "@holdfast/kernel/unreachable";
import { wallClock } from "./clock.ts";
import type { Deed, Item } from "./plan.ts";
import type { PowerMood } from "./power.ts";
import { after } from "./time.ts";
import type { Users } from "./users.ts";
import type { Site, World } from "./world.ts";

export interface Faults {
  strike(item: Item): void;
  /** Everything that is broken is whole again. What was begun to be undone later is undone now. */
  mend(): Promise<void>;
  readonly counts: Map<Deed, number>;
}

export function newFaults(world: World, users: Users): Faults {
  const { story, sites, managers, pool } = world;
  const counts = new Map<Deed, number>();
  /** What undoes each fault that is still there. */
  const undoing = new Set<() => void>();
  const capacity = pool.capacity;

  return {
    counts,
    strike(item) {
      counts.set(item.do, (counts.get(item.do) ?? 0) + 1);
      const site = sites[item.on % sites.length];
      if (site) perform(item, site);
    },
    async mend() {
      for (const undo of [...undoing]) undo();
      for (const { station, cable, power } of sites) {
        cable.mend();
        power.mood = "well";
        station.hang(false);
        station.thaw();
        if (!station.isOn()) await station.on();
      }
    },
  };

  /** For as long as the item says, or until all is mended. */
  function meanwhile(item: Item, who: string, what: string, undo: () => void): void {
    story.tell(who, `${what} for ${item.lasts} ms`);
    const once = () => {
      if (!undoing.delete(once)) return;
      story.tell(who, `${what}: over`);
      undo();
    };
    undoing.add(once);
    after(item.lasts, once);
  }

  function perform(item: Item, site: Site): unknown {
    const { station, cable, power } = site;
    const { name } = station;
    const { on, other, lasts, how } = item;
    const manager = managers[on % managers.length];
    switch (item.do) {
      case "manager-dies":
        story.tell(manager?.name ?? "", `is ${how}, back in ${lasts} ms`);
        return manager?.kill(lasts, how === "vanished");
      case "manager-freezes":
        manager?.freeze(true);
        return meanwhile(item, manager?.name ?? "", "stands still", () => manager?.freeze(false));
      case "manager-slow":
        manager?.pace(Number(how));
        return meanwhile(item, manager?.name ?? "", `is ${how} times as slow`, () =>
          manager?.pace(1),
        );
      case "connections-break":
        story.tell(manager?.name ?? "", "loses its connections to the database");
        return manager?.breakConnections();
      case "database-dies":
        return world.crashServer(lasts);
      case "database-slow":
        for (const each of managers) each.pace(Number(how));
        return meanwhile(item, "postgresql", `is ${how} times as slow`, () => {
          for (const each of managers) each.pace(1);
        });
      case "cable-cut":
        cut(site, how);
        return meanwhile(item, name, `is cut off (${how})`, () => cable.mend());
      case "cable-flaps":
        return flap(item, site);
      case "cable-loses":
        cable.loss = Number(how);
        return meanwhile(item, name, `loses ${how} of 1000 packets`, () => {
          cable.loss = 0;
        });
      case "cable-slow":
        cable.pace = Number(how);
        return meanwhile(item, name, `has a network ${how} times as slow`, () => {
          cable.pace = 1;
        });
      case "room-cut": {
        const room = sites.filter((_, index) => index % 2 === on % 2);
        for (const each of room) cut(each, "both");
        return meanwhile(item, "network", `cuts ${room.length} hosts off`, () => {
          for (const each of room) each.cable.mend();
        });
      }
      case "ways-cut": {
        const { ways } = world;
        const ends = [station.wayAddress, sites[other % sites.length]?.station.wayAddress];
        ways.isCut = (from, to) => ends.includes(from) && ends.includes(to);
        ways.settle();
        return meanwhile(item, name, `has no way to ${ends[1]}`, () => {
          ways.isCut = () => false;
          ways.settle();
        });
      }
      case "host-loses-power":
        void station.off();
        cable.drop();
        return meanwhile(item, name, "has no power", () => void station.on());
      case "host-reboots":
        story.tell(name, "reboots");
        return void station.reboot();
      case "host-freezes":
        station.freeze();
        world.still.add(name);
        return meanwhile(item, name, "stands still", () => {
          world.still.delete(name);
          station.thaw();
        });
      case "agent-dies":
        story.tell(name, "its agent is killed");
        return station.killAgent();
      case "agent-freezes":
        station.agent?.freeze();
        return meanwhile(item, name, "its agent stands still", () => station.agent?.thaw());
      case "guard-dies":
        story.tell(name, "its guard is killed");
        return station.killGuard();
      case "power-ill":
        power.mood = how as PowerMood; // As drawn.
        return meanwhile(item, name, `its power controller is ${how}`, () => {
          power.mood = "well";
        });
      case "storage-hangs":
        station.hang(true);
        return meanwhile(item, name, "its storage hangs", () => station.hang(false));
      case "pool-full":
        pool.capacity = 1;
        return meanwhile(item, "shared pool", "is full", () => {
          pool.capacity = capacity;
        });
      case "guest-suffers":
        return suffer(item);
      case "create":
      case "start":
      case "stop":
      case "reboot":
      case "destroy":
      case "recover":
      case "expunge":
      case "migrate":
      case "cancel":
      case "snapshot":
      case "make-volume":
      case "attach":
      case "detach":
      case "make-network":
      case "set":
        return void users.wish(item);
      case "maintain": {
        void users.wish(item);
        const path = `/v1/hosts/${sites[other % sites.length]?.station.name}/maintenance`;
        return meanwhile(
          item,
          "operator",
          "works on a host",
          () => void users.ask({ method: "DELETE", path }),
        );
      }
      default:
        return unreachable(item.do);
    }
  }

  function cut({ cable }: Site, how: string): void {
    if (how !== "down") cable.cut("up");
    if (how !== "up") cable.cut("down");
  }

  function flap(item: Item, site: Site): void {
    let isOver = false;
    const turn = (isCut: boolean) => {
      if (isOver) return;
      if (isCut) cut(site, "both");
      else site.cable.mend();
      after(isCut ? 1_500 : 700, () => turn(!isCut));
    };
    turn(true);
    meanwhile(item, site.station.name, "its network flaps", () => {
      isOver = true;
      site.cable.mend();
    });
  }

  function suffer({ on, how }: Item): void {
    const all = sites.flatMap(({ station }) =>
      station.isOn() ? station.running().map((machine) => ({ station, machine })) : [],
    );
    const victim = all[on % all.length];
    if (!victim) return;
    const { spec } = victim.machine;
    story.tell(victim.station.name, `${spec.name} g${spec.generation} suffers: ${how}`);
    befall(victim.station.world, spec, wallClock, how as Misfortune); // As drawn.
  }
}
