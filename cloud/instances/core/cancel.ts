/** What takes a job back, and whether it can be taken back at all. */
import type { Order } from "./command.ts";
import type { JobKind } from "./model.ts";

/** A reset that was pressed stays pressed, what is expunged is gone, and a recovery is over at once. */
const opposites: Readonly<Record<JobKind, Order["verb"] | undefined>> = {
  run: "destroy",
  start: "stop",
  stop: "start",
  reboot: undefined,
  relaunch: undefined,
  migrate: "abort",
  abort: undefined,
  destroy: "recover",
  recover: undefined,
  expunge: undefined,
};

export const oppositeOf = (kind: JobKind): Order["verb"] | undefined => opposites[kind];
