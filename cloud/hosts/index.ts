/** Hosts: the machines that instances run on. What other capabilities, the agents and the console may use. */

export type { Checkup, MachineLook, NetworksLook, StorageLook } from "./core/checkup-words.ts";
export {
  type HostEvent,
  type HostMode,
  type HostModeEvent,
  type HostState,
  hostLifecycle,
  hostModes,
} from "./core/lifecycle.ts";
export {
  type FromAgent,
  type FromManager,
  fromAgent,
  fromManager,
  GuardReport,
  type HostFacts,
  protocolVersion,
  type Unwanted,
  type VolumeReport,
} from "./core/link.ts";
export {
  Begun,
  type ExitReport,
  type MachineReport,
  type MigrationReport,
} from "./core/machine-words.ts";
export {
  DiskReport,
  PoolFacts,
  type StorageFacts,
  StorageResult,
  StorageTask,
  sealedMark,
  type Trouble,
  type WishedDisk,
} from "./core/storage-words.ts";
export { type Seen, Wish } from "./core/wish.ts";
