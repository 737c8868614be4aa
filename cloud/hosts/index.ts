/** Hosts: the machines that instances run on. What other capabilities, the agents and the console may use. */
export {
  type HostEvent,
  type HostMode,
  type HostModeEvent,
  type HostState,
  hostLifecycle,
  hostModes,
} from "./core/lifecycle.ts";
export {
  Begun,
  type Checkup,
  type ExitReport,
  type FromAgent,
  type FromManager,
  fromAgent,
  fromManager,
  GuardReport,
  type HostFacts,
  type MachineLook,
  type MachineReport,
  type MigrationReport,
  type NetworksLook,
  protocolVersion,
  type Seen,
  type StorageLook,
  type Unwanted,
  type VolumeReport,
  Wish,
} from "./core/link.ts";
export {
  DiskReport,
  PoolFacts,
  type StorageFacts,
  StorageResult,
  StorageTask,
  type Trouble,
  type WishedDisk,
} from "./core/storage-words.ts";
