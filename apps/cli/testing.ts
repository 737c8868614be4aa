/** A small terminal in front of a small cloud, for the tests of the command line. */
import { randomUUID } from "node:crypto";
import { PassThrough, Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { type FakeManager, type FakeOptions, serveFake } from "@holdfast/client/testing";
import type { Instant } from "@holdfast/kernel/time";
import { cli } from "./cli.ts";
import { type Cloud, fakeCloud } from "./fake-cloud.ts";
import { anInstance, moment } from "./samples.ts";
import type { Environment, Keyboard, World } from "./world.ts";

/** What a command has printed, and how it ended. */
export interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Desk {
  readonly cloud: Cloud;
  readonly manager: FakeManager;
  /** Runs a command line as if it had been typed. */
  type(line: string, how?: How): Promise<Ran>;
  stop(): Promise<void>;
}

export interface How {
  readonly environment?: Environment;
  readonly stdin?: Keyboard;
  readonly isTTY?: boolean;
  readonly interrupted?: AbortSignal;
  /** Called with everything that is printed to the error stream, as it comes. */
  readonly onErr?: (text: string) => void;
  readonly onOut?: (text: string) => void;
  readonly now?: Instant;
  readonly buildImage?: World["buildImage"];
}

/** A cloud, a manager for it, and a terminal in front. */
export async function desk(cloud = fakeCloud(anInstance()), options?: FakeOptions): Promise<Desk> {
  const manager = await serveFake(cloud.handlers, options);
  const type = (line: string, how: How = {}) =>
    run(line, { environment: { HOLDFAST_URL: manager.url, HOLDFAST_TOKEN: "secret" }, ...how });
  return { cloud, manager, type, stop: () => manager.stop() };
}

/** Runs a command line in an environment of its own. A text is split at spaces. */
export async function run(line: string | readonly string[], how: How): Promise<Ran> {
  const { environment = {}, stdin = new PassThrough().end(), isTTY = false, onErr, onOut } = how;
  const out = sink(isTTY, onOut);
  const err = sink(isTTY, onErr);
  const begun = performance.now();
  const base = how.now ?? moment;
  const world: World = {
    environment,
    stdin: stdin as Keyboard, // A stream is a keyboard without raw mode.
    stdout: out.stream,
    stderr: err.stream,
    clock: {
      now: () => (base + Math.floor(performance.now() - begun)) as Instant,
      sleep: async (duration) => {
        await sleep(Math.min(duration, 50)); // Fake managers have no reason to be slow.
      },
    },
    buildImage: how.buildImage ?? (() => Promise.reject(new Error("nothing is built here"))),
    mintId: () => randomUUID(),
    interrupted: how.interrupted ?? new AbortController().signal,
  };
  const code = await cli(typeof line === "string" ? line.split(" ").filter(Boolean) : line, world);
  return { code, out: out.text(), err: err.text() };
}

function sink(isTTY: boolean, onText?: (text: string) => void) {
  const pieces: string[] = [];
  const stream = new Writable({
    write(piece, _, done) {
      pieces.push(String(piece));
      onText?.(String(piece));
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 120 }), text: () => pieces.join("") };
}
