/**
 * The life of a volume.
 *
 * Activities such as snapshots are locks, not states. `allocated` means that the volume has a name and
 * a size but no bytes yet: it is made on the host where its instance first starts.
 */
import { type EventOf, machine, type StateOf } from "@holdfast/kernel/fsm";

export const volumeLifecycle = machine(
  {
    allocated: { create: "creating", expunge: "expunging" },
    creating: {
      created: "ready",
      opFailed: "failed",
      deadlinePassed: "failed",
      expunge: "expunging",
    },
    ready: { destroy: "destroyed", expunge: "expunging", damaged: "failed" },
    failed: { create: "creating", destroy: "destroyed", expunge: "expunging" },
    destroyed: { recover: "ready", expunge: "expunging", undoWindowElapsed: "expunging" },
    expunging: { released: "expunged", deadlinePassed: "expunging", opFailed: "expunging" },
    expunged: {},
  },
  {
    creating: ["create"],
    ready: ["created", "create"],
    destroyed: ["destroy"],
    expunging: ["expunge", "destroy"],
    expunged: ["expunge", "released"],
  },
);

export type VolumeState = StateOf<typeof volumeLifecycle>;
export type VolumeEvent = EventOf<typeof volumeLifecycle>;
