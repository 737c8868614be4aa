/** What a process wires together to place instances. For apps/ and other edges only. */
export type { Choice, Claim, PlacementSession, Placer, Want } from "./placer.ts";
