/**
 * One manager, through its lives: the real one without its doors, on connections of the world.
 *
 * A process that was killed does nothing more. Here its promises go on, so whatever it has of the world is handed to
 * it behind a glass; behind that nothing it does has any effect, and nothing it waits for ever comes.
 */
import { createHash } from "node:crypto";
import { Readable } from "node:stream";
import type { Authority } from "@holdfast/cloud/hosts/edge";
import {
  type SimulatedStore,
  simulatedBlobs,
  simulatedDisks,
} from "@holdfast/drivers/images/simulated";
import type { HostId } from "@holdfast/kernel/ids";
import { kinds, Problem, viewOf } from "@holdfast/kernel/problem";
import type { Random } from "@holdfast/kernel/random";
import type { Handler } from "@holdfast/kernel/route";
import { databaseOn } from "@holdfast/store/database";
import type { Logger } from "pino";
import { type Assembly, type AssemblyOptions, assembleManager } from "../manager/assembly.ts";
import { serve } from "../manager/http.ts";
import type { Door } from "./cable.ts";
import { drawn, mintId } from "./chance.ts";
import { type Line, openLine, type Server } from "./connections.ts";
import type { Channel } from "./news.ts";
import { endsAtHearing, type Passing, passingOf, sayingOf } from "./points.ts";
import { after } from "./time.ts";

/** Of every world. */
export const platformKey = Buffer.alloc(32, "world");

export interface Keep {
  readonly name: string;
  readonly address: string;
  isUp(): boolean;
  /** Up, and not frozen. */
  isAtWork(): boolean;
  /** A word to the database takes a tenth of a second at most, on average. */
  isNear(): boolean;
  start(): void;
  /** Its process ends, and its supervisor starts another after `pause`. `silently`: with its machine. */
  kill(pause: number, silently: boolean): void;
  freeze(isFrozen: boolean): void;
  breakConnections(): void;
  /** Its way to the database takes so many times as long. */
  pace(factor: number): void;
  door(): Door | undefined;
  /** An API call that has come in. Never answered if the manager dies over it. */
  call(request: ApiCall): Promise<Answer>;
  /** The same for what comes in by another door than the API's. */
  visit<T>(work: (core: Assembly) => Promise<T>): Promise<T>;
  close(): void;
}

export interface ApiCall {
  readonly method: string;
  readonly path: string;
  readonly body?: unknown;
  readonly key?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: unknown;
}

export interface KeepOptions {
  readonly name: string;
  readonly server: Server;
  readonly channel: Channel;
  readonly store: SimulatedStore;
  readonly power: AssemblyOptions["power"];
  readonly token: string;
  /** Its steady clock against the world's: 1.0001 is fast by a hundred parts in a million. */
  readonly drift: number;
  readonly random: Random;
  readonly log: Logger;
  /** What no user should ever see. */
  readonly onBug: (error: unknown, what: string) => void;
}

/**
 * How long its statements take each way on average, in milliseconds: as near as it should be, or as far as it can be.
 * The longer, the more of other managers' statements come between two of its own.
 */
const paces = [1, 1, 4, 15] as const;
/** In milliseconds one way: with ten words for each transaction, what is further away takes seconds for everything. */
const near = 100;
/** A supervisor's pause before it tries again what did not start. */
const revival = 500;

interface Life {
  readonly line: Line;
  readonly sockets: Set<{ close(): void }>;
  core: Assembly | undefined;
  isOver: boolean;
}

export function newKeep(options: KeepOptions): Keep {
  const { name, server, channel, store, random } = options;
  const log = options.log.child({ manager: name });
  let life: Life | undefined;
  let routes: readonly { readonly pattern: RegExp; readonly handler: Handler }[] = [];
  let isClosed = false;
  const usualPace = random.pick(paces);
  let pace = usualPace;
  let waiting: (() => void)[] | undefined;
  const keep: Keep = {
    name,
    address: `${name}:7071`,
    isUp: () => life?.core !== undefined,
    isAtWork: () => life?.core !== undefined && waiting === undefined,
    isNear: () => pace <= near,
    start,
    kill(pause, silently) {
      const dying = life;
      life = undefined;
      waiting = undefined;
      if (dying) {
        dying.isOver = true;
        void dying.core?.quiet();
        dying.line.die(silently);
        if (!silently) for (const socket of dying.sockets) socket.close();
      }
      after(pause, start);
    },
    freeze(isFrozen) {
      life?.line.cut(isFrozen);
      const late = waiting ?? [];
      waiting = isFrozen ? late : undefined;
      if (!isFrozen) for (const go of late) go();
    },
    breakConnections: () => life?.line.breakAll(),
    pace(factor) {
      pace = usualPace * factor;
      if (life) life.line.pace = pace;
    },
    door,
    call: (request) => visit((core) => answerTo(core, request)),
    visit,
    close() {
      isClosed = true;
      if (life) life.isOver = true;
      void life?.core?.quiet();
      life = undefined;
    },
  };
  return keep;

  async function visit<T>(work: (core: Assembly) => Promise<T>): Promise<T> {
    const mine = life;
    const core = mine?.core;
    if (!core) throw new Error(`${name} is not there`);
    await thawed();
    try {
      const answer = await work(core);
      await thawed();
      return mine.isOver ? never : answer;
    } catch (error) {
      if (mine.isOver) return never;
      throw error;
    }
  }

  function start(): void {
    if (life || isClosed) return;
    const mine: Life = {
      line: openLine(server, random, name),
      sockets: new Set(),
      core: undefined,
      isOver: false,
    };
    mine.line.pace = pace;
    life = mine;
    assemble(mine).then(
      (core) => {
        if (mine.isOver) return;
        mine.core = core;
        routes = core.handlers.map((handler) => ({
          pattern: patternOf(handler.route.path),
          handler,
        }));
        core.begin();
      },
      (error) => {
        if (mine.isOver) return;
        if (!(error instanceof Problem)) options.onBug(error, `${name} does not start`);
        keep.kill(revival, false);
      },
    );
  }

  function assemble(mine: Life): Promise<Assembly> {
    const ticks = () => performance.now() * options.drift;
    const passing = passingOf(server.points, name);
    const glass = <T extends object>(target: T, called = "") =>
      behindGlass(target, mine, (method, act) => passing(`${called}.${method}`, act));
    return assembleManager(
      {
        name,
        agents: { address: "", port: 7071, names: [name] },
        blobs: glass(simulatedBlobs(store), "images"),
        disks: glass(simulatedDisks(store)),
        power: (bmc) => glass(options.power(bmc), "power"),
        webhooks: glass({ post: async () => {} }, "webhooks"),
        download: async (url) => Readable.from([diskOf(url)]),
        logDirectory: undefined,
        ticks,
        mintId,
        platformKey,
        mintSecret: () => drawn(24).toString("base64url"),
        mintName: () => `vm-${drawn(4).toString("hex")}`,
        log,
      },
      {
        database: databaseOn(mine.line.connections),
        openAuthority: async () => authority,
        listen: (onNews, onReconnect) =>
          channel.listen(name, () => server.isUp, onNews, onReconnect),
      },
    );
  }

  function door(): Door | undefined {
    const mine = life;
    const core = mine?.core;
    if (!core) return undefined;
    const passing = passingOf(server.points, name);
    return {
      isThere: () => !mine.isOver,
      async welcome(fingerprint) {
        await thawed();
        return core.enrolment.isWelcome(fingerprint);
      },
      connected(host: HostId, socket) {
        mine.sockets.add(socket);
        const link = core.hub.connected(host, {
          send: (text) => {
            if (mine.isOver) return;
            const say = sayingOf(text);
            if (say === undefined) socket.send(text);
            else passing(`says ${say}`, () => socket.send(text));
          },
          close: () => !mine.isOver && socket.close(),
        });
        return {
          said: (text) =>
            sooner(mine, () => {
              const say = sayingOf(text);
              if (say !== undefined && endsAtHearing(server.points, name, `hears ${say}`)) return;
              link.said(text);
            }),
          closed() {
            mine.sockets.delete(socket);
            sooner(mine, () => link.closed());
          },
        };
      },
      async renew(host, renewal) {
        await thawed();
        const granted = await core.renewForGuard(host, renewal);
        await thawed();
        return mine.isOver ? never : granted;
      },
    };
  }

  function sooner(mine: Life, act: () => void): void {
    if (mine.isOver) return;
    if (waiting) waiting.push(act);
    else act();
  }

  async function thawed(): Promise<void> {
    while (waiting) await new Promise<void>((resolve) => waiting?.push(resolve));
  }

  async function answerTo(core: Assembly, call: ApiCall): Promise<Answer> {
    const { method, path, body, key } = call;
    for (const { pattern, handler } of routes) {
      const params = handler.route.method === method ? pattern.exec(path) : undefined;
      if (!params) continue;
      const headers = {
        authorization: `Bearer ${options.token}`,
        ...(key ? { "idempotency-key": key } : {}),
      };
      try {
        const result = await serve(core.access, handler, {
          ...{ id: mintId(), headers, params: { ...params.groups }, query: {}, body },
        });
        return { status: handler.route.reply[0], body: result };
      } catch (error) {
        if (error instanceof Problem)
          return { status: kinds[error.kind].status, body: viewOf(error) };
        options.onBug(error, `${method} ${path}`);
        return { status: 500, body: { code: "bug", message: String(error) } };
      }
    }
    throw new Error(`there is no ${method} ${path}`);
  }
}

const patternOf = (path: string) => new RegExp(`^${path.replaceAll(/:(\w+)/g, "(?<$1>[^/]+)")}$`);

/** What these do to the world; the others look. */
const changing = new Set(["put", "remove", "powerOff", "powerOn", "post"]);

/** Its answers, and nothing when it has died in between. */
function behindGlass<T extends object>(target: T, life: Life, passing: Passing): T {
  return new Proxy(target, {
    get(object, name) {
      const value: unknown = Reflect.get(object, name);
      if (typeof value !== "function") return value;
      return (...given: unknown[]) => {
        if (life.isOver) return never;
        const act = (): unknown => Reflect.apply(value, object, given);
        const result = changing.has(String(name)) ? passing(String(name), act) : act();
        if (!(result instanceof Promise)) return result;
        return result.then(
          (answer) => (life.isOver ? never : answer),
          (error) => (life.isOver ? never : Promise.reject(error)),
        );
      };
    },
  });
}

/** Signatures are somebody else's test; here they are the same each time. */
const authority: Authority = {
  certificate: "simulated",
  fingerprint: "0".repeat(64),
  issueServer: async () => ({ certificate: "simulated", key: "simulated" }),
  signHost: async (host) => ({
    certificate: "simulated",
    fingerprint: fingerprintOf(host),
    expiresAt: Date.now() + 365 * 86_400_000,
  }),
  sign: async (text) => createHash("sha256").update(text).digest("base64"),
};

/** The bytes of a small disk that begins as one that boots does. */
export function diskOf(name: string): Buffer {
  const bytes = Buffer.alloc(4_096, name);
  bytes.writeUInt16BE(0x55aa, 510);
  return bytes;
}

/** Of the certificate of a host, by its id. */
export const fingerprintOf = (host: string) => createHash("sha256").update(host).digest("hex");

const never = new Promise<never>(() => {});
