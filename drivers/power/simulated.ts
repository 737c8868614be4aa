/**
 * The twin of a BMC: a real HTTP server that speaks Redfish about machines that are handed to it.
 *
 * It can misbehave in the ways that real ones do. One twin answers for several machines, as the controller
 * of a blade chassis does.
 */
import { timingSafeEqual } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";

/** What a BMC can do with one machine. */
export interface SwitchedMachine {
  isOn(): boolean;
  on(): Promise<void>;
  off(): Promise<void>;
}

/**
 * `dead`: nobody takes the connection. `silent`: takes it and never answers. `slow`: every answer takes
 * that long. `refuses`: 400 to every order. `deaf`: says yes and does nothing. `strict`: 409 to
 * switching off what is off, and to switching on what is on. `vague`: tells no power state.
 */
export type BmcConduct =
  | "well"
  | "dead"
  | "silent"
  | { readonly slow: number }
  | "refuses"
  | "deaf"
  | "strict"
  | "vague";

export interface RedfishTwin {
  readonly url: string;
  /** From now on. Without a name: all machines. */
  behave(conduct: BmcConduct, name?: string): void;
  /** Every order that was given: `name ResetType`. */
  readonly orders: readonly string[];
  close(): Promise<void>;
}

export interface RedfishTwinOptions {
  readonly machines: ReadonlyMap<string, SwitchedMachine>;
  readonly user: string;
  readonly password: string;
  readonly address?: string;
  /** Any free one if not given. */
  readonly port?: number;
  readonly tls?: { readonly key: string; readonly cert: string };
}

const systems = "/redfish/v1/Systems";
const offWords = ["ForceOff"];
const onWords = ["On", "ForceOn"];

export async function redfishTwin(options: RedfishTwinOptions): Promise<RedfishTwin> {
  const { machines, tls, address = "127.0.0.1" } = options;
  const expected = Buffer.from(
    `Basic ${Buffer.from(`${options.user}:${options.password}`).toString("base64")}`,
  );
  const conducts = new Map<string, BmcConduct>();
  const changing = new Map<string, "PoweringOn" | "PoweringOff">();
  const orders: string[] = [];
  const timers = new Set<NodeJS.Timeout>();
  let general: BmcConduct = "well";
  const listener = (request: IncomingMessage, response: ServerResponse) => {
    request.on("error", () => {});
    response.on("error", () => {});
    void hear(request, response).catch(() => response.destroy());
  };
  const server = tls ? createSecureServer(tls, listener) : createServer(listener);
  server.on("connection", (socket) => {
    if (general === "dead") socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port ?? 0, address, resolve);
  });
  const { port } = server.address() as AddressInfo; // It listens on TCP.

  return {
    url: `${tls ? "https" : "http"}://${address}:${port}`,
    orders,
    behave(conduct, name) {
      if (name === undefined) {
        general = conduct;
        conducts.clear();
      } else conducts.set(name, conduct);
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function hear(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const text = await textOf(request);
    const [, name = ""] = new RegExp(`^${systems}/([^/]+)`).exec(request.url ?? "") ?? [];
    const system = decodeURIComponent(name);
    const conduct = conducts.get(system) ?? general;
    if (conduct === "dead") request.socket.destroy();
    if (conduct === "dead" || conduct === "silent") return;
    const reply = () => {
      const { status, body } = answer(request, text, system, conduct);
      if (status === 204) response.writeHead(204).end();
      else
        response
          .writeHead(status, { "content-type": "application/json" })
          .end(JSON.stringify(body ?? error(`HTTP ${status}`)));
    };
    if (typeof conduct !== "object") return reply();
    const timer = setTimeout(() => {
      timers.delete(timer);
      reply();
    }, conduct.slow);
    timers.add(timer);
  }

  function answer(
    { method, url, headers }: IncomingMessage,
    text: string,
    system: string,
    conduct: BmcConduct,
  ): { readonly status: number; readonly body?: unknown } {
    if (method === "GET" && url === "/redfish/v1/")
      return { status: 200, body: { Systems: link(systems) } };
    const shown = Buffer.from(headers.authorization ?? "");
    if (shown.length !== expected.length || !timingSafeEqual(shown, expected))
      return { status: 401 };
    if (method === "GET" && url === systems)
      return { status: 200, body: { Members: [...machines.keys()].map((n) => link(pathOf(n))) } };
    const machine = machines.get(system);
    if (!machine) return { status: 404 };
    if (method === "GET" && url === pathOf(system)) {
      const power = changing.get(system) ?? (machine.isOn() ? "On" : "Off");
      return { status: 200, body: view(system, conduct === "vague" ? null : power) };
    }
    if (method !== "POST" || url !== resetOf(system)) return { status: 405 };
    return order(system, machine, wordOf(text), conduct);
  }

  function order(system: string, machine: SwitchedMachine, word: string, conduct: BmcConduct) {
    if (![...offWords, ...onWords].includes(word))
      return { status: 400, body: error("unknown ResetType") };
    orders.push(`${system} ${word}`);
    const wantOn = onWords.includes(word);
    if (conduct === "refuses")
      return { status: 400, body: error("The request failed due to an internal error") };
    if (conduct === "strict" && machine.isOn() === wantOn)
      return { status: 409, body: error(`The system is already ${wantOn ? "on" : "off"}`) };
    if (conduct !== "deaf" && machine.isOn() !== wantOn) void turn(system, machine, wantOn);
    return { status: 204 }; // As real ones do: before it has happened.
  }

  async function turn(name: string, machine: SwitchedMachine, wantOn: boolean): Promise<void> {
    if (changing.has(name)) return;
    changing.set(name, wantOn ? "PoweringOn" : "PoweringOff");
    try {
      await (wantOn ? machine.on() : machine.off());
    } catch {
      // It stays as it is, and that is what is read back.
    } finally {
      changing.delete(name);
    }
  }
}

const link = (path: string) => ({ "@odata.id": path });
const pathOf = (name: string) => `${systems}/${encodeURIComponent(name)}`;
const resetOf = (name: string) => `${pathOf(name)}/Actions/ComputerSystem.Reset`;
const error = (message: string) => ({ error: { code: "Base.1.0.GeneralError", message } });

const view = (name: string, power: string | null) => ({
  ...link(pathOf(name)),
  "@odata.type": "#ComputerSystem.v1_5_0.ComputerSystem",
  Id: name,
  Name: name,
  PowerState: power,
  Actions: {
    "#ComputerSystem.Reset": {
      target: resetOf(name),
      "ResetType@Redfish.AllowableValues": [...onWords, ...offWords],
    },
  },
});

function wordOf(text: string): string {
  try {
    return String((JSON.parse(text) as { ResetType?: unknown } | null)?.ResetType); // Anything may come.
  } catch {
    return "";
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer); // No encoding is set.
  return Buffer.concat(chunks).toString("utf8");
}
