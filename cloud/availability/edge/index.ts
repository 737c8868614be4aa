/** What a process wires together to keep instances available. For apps/ only. */
export { admit } from "./admission.ts";
export type { Notary } from "./certificates.ts";
export { type Fencer, fencer } from "./fencer.ts";
export type { PowerController } from "./power-controllers.ts";
export { availabilityRoutes } from "./routes.ts";
export { storageCut } from "./storage-cut.ts";
export { fencingTroubles } from "./troubles.ts";
