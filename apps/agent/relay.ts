/**
 * The way between hosts for machines that move: what a hypervisor puts into a socket of one host comes out of a
 * socket of the other, through mutual TLS with the certificates that the hosts were given when they joined.
 *
 * One connection per machine is for the agents themselves (`control`), the others carry bytes and nothing else.
 * A host's certificate is not one of a server, so the caller checks by itself that it comes from the authority
 * of this cloud and belongs to the host that was meant: do not leave that to Node, which would refuse them all.
 */
import { randomBytes, X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync, rmSync } from "node:fs";
import {
  BlockList,
  connect as connectUnix,
  createServer as createUnixServer,
  isIP,
  type Server,
  type Socket,
} from "node:net";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { connect as connectTls, createServer as createTlsServer, type TLSSocket } from "node:tls";
import {
  arrivalEnded,
  type Crossing,
  destinationUnreachable,
  type Expected,
  type Membership,
  noMigrationAddress,
  type Passage,
  type Reception,
} from "@holdfast/cloud/agent/edge";
import type { Landing, MachineRef } from "@holdfast/drivers/hypervisor";
import { Problem, problem } from "@holdfast/kernel/problem";
import { z } from "zod";

export interface RelayOptions {
  readonly membership: Membership;
  /** Where it listens unless another network is asked for; null: this host is alone. */
  readonly address: string | null;
  /** Zero: any that is free. */
  readonly port: number;
  /** For the sockets that lead away from here. Guests' processes must get through to it. */
  readonly directory: string;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

const Form = z.object({
  board: z.string(),
  vmGenerationId: z.string().optional(),
  isUp: z.boolean(),
  slots: z.record(z.string(), z.number().int()).optional(),
  identityDisk: z.string().optional(),
});
const Hello = z.object({
  migration: z.string(),
  instance: z.string(),
  generation: z.number().int(),
  channel: z.enum(["control", "memory", "disks"]),
  form: Form.optional(),
});
type Hello = z.output<typeof Hello>;

const Answer = z.discriminatedUnion("say", [
  z.object({ say: z.literal("here") }),
  z.object({
    say: z.literal("ready"),
    mirrored: z.array(z.string()),
    postcopy: z.union([z.literal(true), z.string()]),
  }),
  z.object({ say: z.literal("runs") }),
  /** It does not run there and never will. */
  z.object({ say: z.literal("ended"), why: z.string() }),
  /** `code` and what belongs to it are a problem's. */
  z.object({ say: z.literal("refused"), code: z.string(), message: z.string() }),
]);
type Answer = z.output<typeof Answer>;

/** Each end says something this often, and is taken for gone after so long without a word. In milliseconds. */
const heartbeat = 1_000;
const silence = 6_000;
const dialTime = 5_000;
const longestLine = 65_536;

interface Gate {
  readonly expected: Expected;
  readonly reception: Reception;
  landing: Landing | undefined;
  readonly open: Set<Socket>;
  /** One that waits for an answer: it is told before it is shut, because a "no" lets the source go on at once. */
  asking: Socket | undefined;
}

export function relay(options: RelayOptions): Passage {
  const { membership, directory, log } = options;
  const { certificate: cert, key, authority: ca } = membership;
  const authority = new X509Certificate(ca);
  const gates = new Map<string, Gate>();
  const servers = new Map<string, Promise<Server>>();
  const crossings = new Set<Crossing>();
  mkdirSync(directory, { recursive: true, mode: 0o711 });
  for (const left of readdirSync(directory)) rmSync(join(directory, left), { force: true });

  return {
    async address(network) {
      const address = network ? ownAddressIn(network) : options.address;
      if (!address) throw noMigrationAddress(network);
      const listening = servers.get(address) ?? listen(address);
      servers.set(address, listening);
      const server = await listening.catch((error: unknown) => {
        servers.delete(address);
        throw error;
      });
      const bound = server.address();
      const port = typeof bound === "object" && bound ? bound.port : options.port;
      return `${address}:${port}`;
    },

    admit(expected, reception) {
      const name = nameOf(expected.machine);
      const known = gates.get(name);
      if (known?.expected.migration === expected.migration) return;
      if (known) shut(known);
      gates.set(name, {
        expected,
        reception,
        landing: undefined,
        open: new Set(),
        asking: undefined,
      });
    },
    dismiss(machine) {
      const gate = gates.get(nameOf(machine));
      if (!gate) return;
      gates.delete(nameOf(machine));
      shut(gate);
    },
    isOpen: (machine) => (gates.get(nameOf(machine))?.open.size ?? 0) > 0,

    async reach(to, form, onBroken) {
      const hello = { migration: to.migration, instance: to.machine.id, ...{ form } };
      const about = { ...hello, generation: to.machine.generation };
      const control = await dial(to.address, to.host, { ...about, channel: "control" });
      const crossing = await cross(control, onBroken, (channel) =>
        dial(to.address, to.host, { ...about, form: undefined, channel }),
      );
      crossings.add(crossing);
      return crossing;
    },

    async close() {
      for (const crossing of crossings) crossing.close();
      for (const gate of gates.values()) shut(gate);
      gates.clear();
      const open = await Promise.allSettled(servers.values());
      for (const each of open) if (each.status === "fulfilled") each.value.close();
    },
  };

  function listen(address: string): Promise<Server> {
    const trust = { requestCert: true, rejectUnauthorized: true, minVersion: "TLSv1.3" } as const;
    const server = createTlsServer({ cert, key, ca, ...trust }, (socket) => {
      socket.on("error", () => {});
      receive(socket).catch((error: unknown) => {
        log("refused what was to come here", { error });
        socket.destroy();
      });
    });
    server.on("tlsClientError", (error) => log("a stranger at the relay", { error }));
    return new Promise((resolve, reject) => {
      server.once("error", reject);
      server.listen(options.port, address, () => resolve(server));
    });
  }

  async function receive(socket: TLSSocket): Promise<void> {
    const lines = linesOf(socket);
    const hello = Hello.parse(JSON.parse(await lines.next(dialTime)));
    const { instance, generation, channel, migration } = hello;
    const gate = gates.get(`${instance}/${generation}`);
    const from = socket.getPeerCertificate().subject.CN;
    if (!gate || gate.expected.migration !== migration || gate.expected.from !== from) {
      socket.end(lineOf({ say: "refused", code: "arrival_not_wanted", message: notExpected }));
      return;
    }
    gate.open.add(socket);
    socket.once("close", () => gate.open.delete(socket));
    if (channel === "control") return attend(gate, hello, socket, lines);
    const to = channel === "memory" ? gate.landing?.memory : gate.landing?.disks;
    if (!to) throw new Error("nothing waits for it yet");
    carry(lines.rest(), connectUnix(to));
  }

  /** The destination's end of the agents' own connection. */
  async function attend(gate: Gate, { form }: Hello, socket: Socket, lines: Lines): Promise<void> {
    if (!form) throw new Error("nobody said what it is like");
    let isOver = false;
    keepUp(socket);
    socket.once("close", () => {
      if (!isOver) gate.reception.lost();
    });
    const say = (answer: Answer) => void (socket.writable && socket.write(lineOf(answer)));
    try {
      const { vmGenerationId, ...shape } = form;
      const landed = await gate.reception.open({ ...shape, vmGenerationId });
      gate.landing = landed.landing;
      say({ say: "ready", mirrored: [...landed.mirrored], postcopy: landed.landing.postcopy });
    } catch (error) {
      isOver = true;
      socket.end(lineOf(refusal(error)));
      return;
    }
    for (;;) {
      const said = await lines.next().catch(() => undefined);
      if (said === undefined) return;
      if (said !== "go") continue;
      isOver = true; // From here on its wish decides, should they lose each other.
      gate.asking = socket;
      await gate.reception.go().then(
        () => say({ say: "runs" }),
        (error: unknown) => {
          const isEnded = error instanceof Problem && error.code === "arrival_ended";
          say(isEnded ? { say: "ended", why: error.message } : refusal(error));
        },
      );
      gate.asking = undefined;
      if (gates.get(nameOf(gate.expected.machine)) !== gate) socket.end();
    }
  }

  async function dial(address: string, host: string | undefined, hello: Hello): Promise<TLSSocket> {
    const end = address.lastIndexOf(":");
    const to = { host: address.slice(0, end), port: Number(address.slice(end + 1)) };
    const socket = connectTls({
      ...to,
      cert,
      key,
      ca,
      minVersion: "TLSv1.3",
      rejectUnauthorized: false,
    });
    try {
      await new Promise<void>((resolve, reject) => {
        socket.once("secureConnect", resolve);
        socket.once("error", reject);
        socket.once("close", () => reject(new Error("it hung up")));
        socket.setTimeout(dialTime, () => reject(new Error("it did not answer")));
      });
      if (!isHost(socket, host)) throw new Error("it is not the host that was meant");
    } catch (error) {
      socket.destroy();
      throw destinationUnreachable(address, error);
    }
    socket.setTimeout(0);
    socket.on("error", () => {});
    socket.write(lineOf(hello));
    return socket;
  }

  function isHost(socket: TLSSocket, host: string | undefined): boolean {
    const peer = socket.getPeerX509Certificate();
    if (!peer?.checkIssued(authority) || !peer.verify(authority.publicKey)) return false;
    const now = new Date();
    if (new Date(peer.validFrom) > now || new Date(peer.validTo) < now) return false;
    const name = /^CN=(.+)$/m.exec(peer.subject)?.[1];
    return host === undefined ? z.uuid().safeParse(name).success : name === host;
  }

  /** The source's end of it. */
  async function cross(
    control: TLSSocket,
    onBroken: () => void,
    lane: (channel: "memory" | "disks") => Promise<TLSSocket>,
  ): Promise<Crossing> {
    const lines = linesOf(control);
    const open = new Set<Socket>([control]);
    const doors: Server[] = [];
    const name = randomBytes(6).toString("hex");
    let isClosed = false;
    keepUp(control);
    const close = () => {
      isClosed = true;
      for (const socket of open) socket.destroy();
      for (const door of doors) door.close();
      crossings.delete(crossing);
    };
    const hear = async (): Promise<Answer> => {
      for (;;) {
        const answer = Answer.parse(JSON.parse(await lines.next()));
        if (answer.say !== "here") return answer;
      }
    };
    const door = async (channel: "memory" | "disks") => {
      const path = join(directory, `${name}.${channel[0]}`);
      const server = createUnixServer((from) => {
        from.on("error", () => {});
        open.add(from);
        from.once("close", () => open.delete(from));
        lane(channel).then(
          (onward) => {
            open.add(onward);
            onward.once("close", () => open.delete(onward));
            carry(from, onward);
          },
          () => from.destroy(),
        );
      });
      doors.push(server);
      await new Promise<void>((resolve) => server.listen(path, resolve));
      return path;
    };
    let crossing: Crossing;
    try {
      const answer = await hear();
      if (answer.say === "refused") throw problem("conflict", answer.code, answer.message);
      if (answer.say !== "ready") throw new Error(`it said ${answer.say} first`);
      const { mirrored, postcopy } = answer;
      crossing = {
        memory: await door("memory"),
        disks: await door("disks"),
        ...{ mirrored, postcopy, close },
        async go() {
          control.write("go\n");
          const said = await hear();
          if (said.say === "ended") throw arrivalEnded(said.why);
          if (said.say !== "runs") throw new Error(`the destination said ${said.say}`);
        },
      };
    } catch (error) {
      for (const socket of open) socket.destroy();
      for (const each of doors) each.close();
      throw error instanceof Problem ? error : destinationUnreachable("its relay", error);
    }
    control.once("close", () => {
      if (!isClosed) onBroken();
    });
    if (control.destroyed) onBroken();
    return crossing;
  }
}

const notExpected = "The destination does not expect this machine, or not from this host.";
const nameOf = ({ id, generation }: MachineRef) => `${id}/${generation}`;
const lineOf = (message: unknown) => `${JSON.stringify(message)}\n`;

const refusal = (error: unknown): Answer =>
  error instanceof Problem
    ? { say: "refused", code: error.code, message: error.message }
    : { say: "refused", code: "bug", message: "The destination could not do it; see its log." };

function shut({ open, asking }: Gate): void {
  for (const socket of open) if (socket !== asking) socket.destroy();
}

/** Says that it is there, and hangs up when nothing is heard any more. */
function keepUp(socket: Socket): void {
  const beat = setInterval(() => socket.write(lineOf({ say: "here" })), heartbeat);
  socket.setTimeout(silence);
  socket.on("timeout", () => {
    // After a standstill of this process itself there may be something to read that nobody has read yet.
    const heard = socket.bytesRead;
    const late = setTimeout(() => {
      if (socket.bytesRead === heard) socket.destroy();
    }, heartbeat);
    socket.once("close", () => clearTimeout(late));
  });
  socket.once("close", () => clearInterval(beat));
}

/** What one says the other hears; what breaks for one breaks for both. */
function carry(one: Socket, other: Socket): void {
  for (const [from, to] of [
    [one, other],
    [other, one],
  ] as const) {
    from.on("error", () => to.destroy());
    // An end is passed on behind the last byte; anything else at once.
    from.once("close", (hadError) => {
      if (hadError || !from.readableEnded) to.destroy();
    });
    from.pipe(to);
  }
  one.setNoDelay?.(true);
  other.setNoDelay?.(true);
}

interface Lines {
  /** Rejects when it is closed, or after so many milliseconds. */
  next(within?: number): Promise<string>;
  /** No more lines: the socket as it goes on behind the last one. */
  rest(): Socket;
}

function linesOf(socket: Socket): Lines {
  let unread = Buffer.alloc(0);
  let wake = () => {};
  const read = (chunk: Buffer) => {
    unread = Buffer.concat([unread, chunk]);
    if (unread.length > longestLine && !unread.includes(10)) socket.destroy();
    wake();
  };
  socket.on("data", read);
  socket.once("close", () => wake());
  return {
    async next(within) {
      const late = within === undefined ? undefined : setTimeout(() => socket.destroy(), within);
      try {
        for (;;) {
          const end = unread.indexOf(10);
          if (end >= 0) {
            const line = unread.subarray(0, end).toString("utf8");
            unread = unread.subarray(end + 1);
            return line;
          }
          if (socket.destroyed || socket.readableEnded) throw new Error("it hung up");
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      } finally {
        clearTimeout(late);
      }
    },
    rest() {
      socket.off("data", read);
      socket.pause();
      if (unread.length > 0) socket.unshift(unread);
      return socket;
    },
  };
}

/** This host's own address inside of a network. */
function ownAddressIn(network: string): string | undefined {
  const [base = "", bits = ""] = network.split("/");
  const family = isIP(base);
  if (family === 0) return undefined;
  const inside = new BlockList();
  inside.addSubnet(base, Number(bits), family === 6 ? "ipv6" : "ipv4");
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((each) => each.family === (family === 6 ? "IPv6" : "IPv4"))
    .map(({ address }) => address)
    .find((address) => inside.check(address, family === 6 ? "ipv6" : "ipv4"));
}
