/** Volumes: the disks of instances. What other capabilities and the console may use. */
export { type VolumeEvent, type VolumeState, volumeLifecycle } from "./core/lifecycle.ts";
