/**
 * Everything outside of the command line, as something that is handed to it: by main.ts, or by a test.
 */
import type { Clock } from "@holdfast/kernel/time";
import type { BuildImage } from "./building.ts";

export interface World {
  readonly environment: Environment;
  readonly stdin: Keyboard;
  readonly stdout: Screen;
  readonly stderr: Screen;
  readonly clock: Clock;
  /** Builds an image on this machine. */
  readonly buildImage: BuildImage;
  /** A fresh id: of the request, and for idempotency. */
  readonly mintId: () => string;
  /** Fires with an `Interrupted` when somebody presses Ctrl-C. */
  readonly interrupted: AbortSignal;
}

/** What the environment variables say; an empty one says nothing. */
export interface Environment {
  readonly HOLDFAST_STATE?: string | undefined;
  readonly HOLDFAST_URL?: string | undefined;
  readonly HOLDFAST_TOKEN?: string | undefined;
  readonly HOLDFAST_CA?: string | undefined;
  /** Where people keep what is theirs: the login. */
  readonly HOME?: string | undefined;
  readonly XDG_CONFIG_HOME?: string | undefined;
  readonly NO_COLOR?: string | undefined;
}

/** Where text goes. A file or a pipe is no terminal: no colours there, and no line that moves. */
export type Screen = NodeJS.WritableStream & {
  readonly isTTY?: boolean;
  readonly columns?: number;
};

export type Keyboard = NodeJS.ReadableStream & {
  readonly isTTY?: boolean;
  setRawMode?(on: boolean): unknown;
};

/** Somebody wants their prompt back. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";
}
