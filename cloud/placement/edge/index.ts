/** What a process wires together to place instances. For apps/ and other edges only. */
export { type PicturePlacer, picturePlacer } from "./picture-placer.ts";
export {
  type Asking,
  type Choice,
  type Claim,
  isContended,
  type PlacementSession,
  type Placer,
  type Want,
} from "./placer.ts";
export { placementRoutes } from "./routes.ts";
