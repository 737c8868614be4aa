/** Volumes: the disks of instances. What other capabilities and the console may use. */
export { type Activity, type ActivityRequest, judge } from "./core/activities.ts";
export { poolsOf, tiedTo } from "./core/attach.ts";
export { type VolumeEvent, type VolumeState, volumeLifecycle } from "./core/lifecycle.ts";
export {
  type Disk,
  type DiskLimits,
  ephemeralWarning,
  localPool,
  type UnderWay,
} from "./core/model.ts";
