/**
 * The network between one host and the managers: every message takes its time, each direction can be cut by itself,
 * and what is lost is sent again.
 *
 * What is sent over a cut cable is not gone: TCP sends it again, and it arrives when the cable is mended, unless the
 * connection was given up by then. Within a connection everything arrives once and in its order; between two, as
 * between an old one and its successor, anything may overtake anything and be said twice.
 */
import type { Dial } from "@holdfast/cloud/agent/edge";
import type { Socket } from "@holdfast/cloud/hosts/edge";
import type { HostId } from "@holdfast/kernel/ids";
import type { Random } from "@holdfast/kernel/random";
import type { Granted, GuardRenewal } from "../guard/guard.ts";
import { after, sleepFor, worldTime } from "./time.ts";

export type Direction = "up" | "down";

/** What a host finds at an address, if there is a manager. */
export interface Door {
  /** The host whose certificate this is, or nobody. */
  welcome(fingerprint: string): Promise<HostId | undefined>;
  connected(host: HostId, socket: Socket): { said(text: string): void; closed(): void };
  renew(host: HostId, renewal: GuardRenewal): Promise<Granted>;
  /** Its process is still the one that was found. */
  isThere(): boolean;
}

export interface Cable {
  cut(...directions: readonly Direction[]): void;
  mend(): void;
  /** The host is without power: its connections say no goodbye. */
  drop(): void;
  /** What one way takes on average; milliseconds. */
  pace: number;
  /** This share of what is sent has to be sent again, and again if need be; in thousandths. */
  loss: number;
  dial(fingerprint: string): Dial;
  ask(fingerprint: string, address: string, renewal: GuardRenewal): Promise<Granted>;
}

/** TCP waits so long before it sends again, and twice as long each time after. */
const resendAfter = 200;
/** The patience of an agent with a connection that does not open, and of a guard with an answer. */
const handshake = 5_000;
const answerTime = 1_500;

/** `find`: who is at an address now. `addresses` are tried in turn. */
export function newCable(
  random: Random,
  addresses: readonly string[],
  find: (address: string) => Door | undefined,
): Cable {
  const cuts = new Set<Direction>();
  const held: Record<Direction, (() => void)[]> = { up: [], down: [] };
  const open = new Set<{ isDropped: boolean }>();
  let tried = random.below(addresses.length);

  const cable: Cable = {
    pace: 1,
    loss: 0,
    cut(...directions) {
      for (const direction of directions) cuts.add(direction);
    },
    mend() {
      cuts.clear();
      for (const direction of ["up", "down"] as const)
        for (const go of held[direction].splice(0)) go();
    },
    drop() {
      for (const connection of open) connection.isDropped = true;
      open.clear();
    },
    dial: (fingerprint) => (onText, onClose) =>
      within(handshake, async (isLate) => {
        const address = addresses[tried++ % addresses.length] ?? "";
        const up = lane("up");
        const down = lane("down");
        await up.pass();
        const door = find(address);
        const host = await door?.welcome(fingerprint).catch(() => undefined);
        await down.pass();
        if (isLate() || !door?.isThere() || !host) throw new Error(`${address} refuses`);
        const mine = { isDropped: false };
        open.add(mine);
        let isClosed = false;
        const end = door.connected(host, {
          send: (text) => down.send(() => !mine.isDropped && !isClosed && onText(text)),
          close() {
            down.send(() => !mine.isDropped && closed("closed"));
            heardOfEnd();
          },
        });
        function heardOfEnd(): void {
          after(1, () => end.closed());
        }
        function closed(reason: string): void {
          if (isClosed) return;
          isClosed = true;
          open.delete(mine);
          onClose(reason);
        }
        return {
          send: (text) => up.send(() => !mine.isDropped && end.said(text)),
          close() {
            isClosed = true;
            up.send(() => {
              if (mine.isDropped) return;
              open.delete(mine);
              end.closed();
            });
          },
        };
      }),
    ask: (fingerprint, address, renewal) =>
      within(answerTime, async () => {
        const up = lane("up");
        const down = lane("down");
        await up.pass();
        const door = find(address);
        await down.pass(); // A connection comes first, and that takes both.
        if (!door) throw new Error(`${address} refuses`);
        await up.pass();
        const host = await door.welcome(fingerprint);
        if (!host) throw new Error("not welcome");
        const granted = await door.renew(host, renewal);
        await down.pass();
        return granted;
      }),
  };
  return cable;

  function lane(direction: Direction) {
    let last = 0;
    const send = (act: () => unknown) => {
      last = Math.max(last, worldTime() + delay());
      after(last - worldTime(), () => arrive(direction, act));
    };
    return { send, pass: () => new Promise<void>((resolve) => send(resolve)) };
  }

  function arrive(direction: Direction, act: () => unknown): void {
    if (cuts.has(direction)) held[direction].push(() => void act());
    else act();
  }

  function delay(): number {
    let delay = (cable.pace * (20 + random.below(180))) / 100;
    for (let wait = resendAfter; random.below(1_000) < cable.loss; wait *= 2) delay += wait;
    return delay;
  }
}

/** Whoever has given up has closed the connection: then `isLate`. */
async function within<T>(
  patience: number,
  work: (isLate: () => boolean) => Promise<T>,
): Promise<T> {
  let isOver = false;
  const done = work(() => isOver);
  const late = sleepFor(patience).then(() => {
    if (isOver) return new Promise<never>(() => {});
    throw new Error("timed out");
  });
  late.catch(() => {});
  try {
    return await Promise.race([done, late]);
  } finally {
    isOver = true;
    done.catch(() => {});
  }
}
