/** Worlds for table tests: a quiet one, and what differs in each row. Not for anything that runs. */
import type {
  HostId,
  ImageId,
  InstanceId,
  JobId,
  MigrationId,
  ProjectId,
  VolumeId,
} from "@holdfast/kernel/ids";
import { after, type Instant, minutes, seconds } from "@holdfast/kernel/time";
import type {
  Ending,
  Incarnation,
  Instance,
  Migration,
  Op,
  OpKind,
  Patience,
  World,
} from "./model.ts";

export const now = 1_000_000 as Instant;
export const home = "h1" as HostId;

export const patience: Patience = {
  provisioning: minutes(15),
  starting: minutes(2),
  stopGrace: minutes(1),
  stoppingGracefully: seconds(70),
  stoppingForced: seconds(15),
  rebootGrace: seconds(30),
  rebooting: minutes(1),
  lost: minutes(1),
  preparingMigration: minutes(5),
  abortingMigration: minutes(1),
  expunging: seconds(30),
  undoWindow: minutes(1_440),
  dependencyWait: minutes(2),
  restartsPerWindow: 3,
  restartWindow: minutes(60),
  bootTimeout: minutes(3),
};

export const op = (kind: OpKind, more: Partial<Op> = {}): Op => ({
  kind,
  step: "waiting",
  since: now,
  deadline: after(now, minutes(1)),
  attempt: 0,
  ...more,
});

export const job = (kind: NonNullable<Instance["job"]>["kind"]) => ({ id: "j1" as JobId, kind });

const newborn: Instance = {
  id: "i1" as InstanceId,
  project: "p" as ProjectId,
  name: "web",
  type: "tiny",
  cpus: 1,
  memoryMiB: 128,
  image: "m" as ImageId,
  volume: "v" as VolumeId,
  zone: undefined,
  hostTags: [],
  antiAffinityGroup: undefined,
  userData: undefined,
  startPaused: false,
  isProtected: false,
  metadata: "on",
  metadataTokens: "optional",
  metadataHops: 1,
  recovery: "automatic",
  priority: 0,
  dependsOn: [],
  createdAt: now,
  desired: "running",
  state: "provisioning",
  op: undefined,
  job: undefined,
  isForced: false,
  generation: 0,
  lastGeneration: 0,
  home: undefined,
  lastHost: undefined,
  reboots: 0,
  cause: undefined,
  restarts: [],
  notBefore: undefined,
  avoidHosts: [],
  destroyedAt: undefined,
  requestId: "r",
  version: 1,
};

export const running: Incarnation = {
  generation: 1,
  host: home,
  phase: "running",
  guest: "up",
  reboots: 0,
  ending: undefined,
};

export const exited = (how: Ending["how"], cause: Ending["cause"]): Incarnation => ({
  ...running,
  phase: "exited",
  ending: { how, cause },
});

/** A world that has just been looked at and in which nothing is due. */
export function world(instance: Partial<Instance> = {}, more: Partial<World> = {}): World {
  const { generation = 0 } = instance;
  return {
    instance: { ...newborn, lastGeneration: generation, ...instance },
    incarnation: undefined,
    lease: instance.home ? "valid" : "none",
    fence: undefined,
    migration: undefined,
    waitsFor: [],
    image: "ready",
    volume: "placed",
    underWay: [],
    patience,
    now,
    ...more,
  };
}

/** The process that waits on the destination, in the generation after the one at home. */
export const incoming: Incarnation = {
  ...running,
  generation: 2,
  host: "h2" as HostId,
  phase: "incoming",
  guest: "booting",
};

/** A move from `home` to `h2` that is copying. */
export const moving = (more: Partial<Migration> = {}): Migration => ({
  id: "g1" as MigrationId,
  state: "copying",
  from: home,
  arrival: incoming,
  lease: "valid",
  fence: undefined,
  relay: "192.0.2.2:7071",
  abort: undefined,
  hasGivenUp: false,
  hasSent: false,
  says: undefined,
  problem: undefined,
  terms: {
    bytesPerSecond: undefined,
    mayPostcopy: false,
    network: undefined,
    precopy: minutes(3),
    converge: minutes(2),
    switching: seconds(30),
  },
  ...more,
});

/** On its way in its first generation, with room for its second taken on the destination. */
export const migrating = (instance: Partial<Instance> = {}): Partial<Instance> =>
  athome({ state: "migrating", op: op("migrate"), lastGeneration: 2, ...instance });

/** An instance at home, in its first generation. */
export const athome = (instance: Partial<Instance> = {}): Partial<Instance> => ({
  state: "running",
  home,
  generation: 1,
  ...instance,
});
