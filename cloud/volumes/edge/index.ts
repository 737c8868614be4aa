/** The volumes capability's edge, for other edges and for whoever wires a process. */
export { insertDisks, type NewDisk, releaseDisks, renewWishes } from "./attachments.ts";
export {
  type DiskColumns,
  diskColumns,
  disksOf,
  diskViews,
  type RootColumns,
  rootColumns,
  underWayOf,
} from "./disks.ts";
export {
  encryptsAll,
  insertKeys,
  keyOf,
  type NewKey,
  sealedText,
  type VolumeKeys,
  volumeKeys,
} from "./keys.ts";
export { mayUse as mayUseSnapshot } from "./lookup.ts";
export { type GivenTask, givenTasksOf, localSnapshotsOf } from "./moving.ts";
export { planDisks } from "./planning.ts";
export { volumeRoutes } from "./routes.ts";
export { moveVolumes } from "./states.ts";
export { cancelActivities } from "./tasks.ts";
export { volumeTroubles } from "./troubles.ts";
export { mustEncrypt } from "./volumes.ts";
export { type VolumeWatch, volumeWatch } from "./watch.ts";
