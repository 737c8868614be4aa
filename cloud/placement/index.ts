/** Placement: which host an instance goes to, and why not the others. What other capabilities may use. */
export { type Room, roomOf } from "./core/capacity.ts";
export { choose, type Placement } from "./core/choose.ts";
export { explain, explainBriefly, explainIn } from "./core/explain.ts";
export type {
  HostCapacity,
  PlacementOptions,
  PlacementRequest,
  Planner,
  Rule,
  Verdict,
} from "./core/model.ts";
export { Picture, type Reservation, type Size } from "./core/picture.ts";
export { refusal, unexplained } from "./core/refusal.ts";
