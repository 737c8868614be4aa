/** What a process wires together to place instances. For apps/ and other edges only. */
export { type PicturePlacer, picturePlacer } from "./picture-placer.ts";
export type { Choice, Claim, PlacementSession, Placer, Want } from "./placer.ts";
export { placementRoutes } from "./routes.ts";
