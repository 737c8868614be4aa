/** The states of a move to another host, and what leads from one to the next. */
import { type EventOf, machine, type StateOf } from "@holdfast/kernel/fsm";

export const migrationLifecycle = machine(
  {
    preparing: { copy: "copying", switched: "switched", aborted: "aborted", failed: "failed" },
    copying: { switched: "switched", aborted: "aborted", failed: "failed" },
    /** It runs on the destination; the source has not yet said that its process is gone. */
    switched: { departed: "done" },
    done: {},
    aborted: {},
    failed: {},
  },
  { copying: ["copy"], switched: ["switched"], done: ["departed"] },
);

export type MigrationState = StateOf<typeof migrationLifecycle>;
export type MigrationEvent = EventOf<typeof migrationLifecycle>;

/** While it is in one of these there are two incarnations, and both have to be accounted for. */
export const openStates: ReadonlySet<MigrationState> = new Set<MigrationState>([
  "preparing",
  "copying",
]);
