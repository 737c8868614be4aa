/**
 * What may be done to the hosts of a simulated machine room, and how to ask for it: the door of this app,
 * for set-up, drills and tests.
 *
 * Asked over a Unix socket that only root may open: whoever may write to it may pull every plug. An order
 * is answered when it is done, and may be repeated.
 */
import { request } from "node:http";
import { join } from "node:path";
import { type Kind, kinds, type Problem, problem } from "@holdfast/kernel/problem";
import { z } from "zod";

/** Where the room listens, below the state directory of the installation. */
export const doorOf = (state: string) => join(state, "chassis", "door.sock");

/** Addresses and user ids are set apart for so many: with more the ids would no longer fit into 31 bits. */
export const mostHosts = 12;

export const bmcMoods = ["ok", "slow", "dead"] as const;

export const Order = z.discriminatedUnion("do", [
  /** `post`: how long the firmware takes before anything starts, in milliseconds. */
  z.strictObject({ do: z.literal("power-on"), post: z.number().int().min(0).optional() }),
  /** The plug is pulled: nothing is told, everything of the host is gone when this is answered. */
  z.strictObject({ do: z.literal("power-off") }),
  /** Off, and on again with a new boot id after the firmware's seconds. */
  z.strictObject({ do: z.literal("reset") }),
  /** Packets are lost without a word. As the host sees it: `in`, it hears nothing; `out`, nobody hears it. */
  z.strictObject({ do: z.literal("cut"), direction: z.enum(["both", "in", "out"]) }),
  /** So many of a hundred packets are lost, in each direction. */
  z.strictObject({ do: z.literal("lossy"), percent: z.number().int().min(0).max(100) }),
  /** The network of the host is as it should be. */
  z.strictObject({ do: z.literal("heal") }),
  /** Everything of the host stands still (SIGSTOP) while the world goes on. */
  z.strictObject({ do: z.literal("freeze") }),
  z.strictObject({ do: z.literal("thaw") }),
  z.strictObject({ do: z.literal("bmc"), is: z.enum(bmcMoods) }),
  z.strictObject({ do: z.literal("pause-agent") }),
  z.strictObject({ do: z.literal("resume-agent") }),
  z.strictObject({ do: z.literal("kill-agent") }),
  z.strictObject({ do: z.literal("kill-guard") }),
]);
export type Order = z.output<typeof Order>;

export const HostView = z.object({
  name: z.string(),
  /** `starting`: its firmware is at work. */
  power: z.enum(["off", "starting", "on"]),
  bootId: z.string().nullable(),
  /** How often it was switched on. */
  boots: z.number().int(),
  isFrozen: z.boolean(),
  cut: z.object({ in: z.boolean(), out: z.boolean() }),
  lossPercent: z.number().int(),
  bmc: z.object({
    mood: z.enum(bmcMoods),
    /** Of the host's Redfish system. */
    url: z.string(),
    user: z.string(),
    password: z.string(),
  }),
  watchdog: z.object({ socket: z.string(), isArmed: z.boolean(), fired: z.number().int() }),
  address: z.string(),
  namespace: z.string(),
  /** State directory of the host. */
  state: z.string(),
  bootIdFile: z.string(),
  /** User ids for its guests begin here. */
  uidsFirst: z.number().int(),
  /** Parent of its guests' cgroups. */
  cgroup: z.string(),
  /** In the names of its routers' namespaces. */
  networkTag: z.string(),
  /** Everything that runs on it now. */
  processes: z.array(z.number().int()),
});
export type HostView = z.output<typeof HostView>;

export const RoomView = z.object({
  /** Address of the machine itself in the hosts' network: the managers are there. */
  gateway: z.string(),
  bridge: z.string(),
  isAtRest: z.boolean(),
  hosts: z.array(HostView),
});
export type RoomView = z.output<typeof RoomView>;

export interface Room {
  view(): Promise<RoomView>;
  /** Rejects with `host_not_found`, `host_is_off`, `host_does_not_end`. */
  perform(host: string, order: Order): Promise<HostView>;
  /** The hosts' own programs end, guests run on, watchdogs and BMCs are out of service: the platform goes down. */
  rest(): Promise<void>;
  /** The opposite of `rest`. */
  rise(): Promise<void>;
  /** Everything is switched off and taken away: processes, namespaces, links, filters, cgroups. */
  dismantle(): Promise<void>;
}

/** Rejects with `room_unavailable` where nobody listens. */
export function roomOf(state: string): Room {
  const nothing = z.object({});
  const ask = <T>(method: string, path: string, shape: z.ZodType<T>, body?: unknown) =>
    asked(doorOf(state), method, path, body).then((answer) => shape.parse(answer));
  return {
    view: () => ask("GET", "/room", RoomView),
    perform: (host, order) =>
      ask("POST", `/hosts/${encodeURIComponent(host)}`, HostView, Order.parse(order)),
    rest: async () => void (await ask("POST", "/rest", nothing)),
    rise: async () => void (await ask("POST", "/rise", nothing)),
    dismantle: async () => void (await ask("POST", "/dismantle", nothing)),
  };
}

const Fault = z.object({ kind: z.string(), code: z.string(), message: z.string() });

function asked(socketPath: string, method: string, path: string, body: unknown): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const text = body === undefined ? "" : JSON.stringify(body);
    const headers = {
      "content-type": "application/json",
      "content-length": Buffer.byteLength(text),
    };
    const ask = request({ socketPath, method, path, headers, agent: false }, (response) => {
      let said = "";
      response.setEncoding("utf8");
      response.on("data", (data: string) => {
        said += data;
      });
      response.on("error", (error) => reject(unavailable(socketPath, error)));
      response.on("end", () => {
        try {
          const answer: unknown = JSON.parse(said);
          if (response.statusCode === 200) resolve(answer);
          else reject(problemOf(answer));
        } catch (error) {
          reject(unavailable(socketPath, error));
        }
      });
    });
    ask.on("error", (error) => reject(unavailable(socketPath, error)));
    ask.end(text);
  });
}

function problemOf(answer: unknown): Problem {
  const { kind, code, message } = Fault.parse(answer);
  const known = Object.keys(kinds).find((each): each is Kind => each === kind);
  return problem(known ?? "bug", code, message);
}

const unavailable = (path: string, cause: unknown) =>
  problem(
    "unavailable",
    "room_unavailable",
    "The simulated machine room does not answer.",
    { fix: `Start it: holdfast up --hosts N. It should listen at ${path}` },
    cause,
  );
