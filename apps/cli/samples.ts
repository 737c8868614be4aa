/** One of each thing that the command line shows, for its tests: they say what is different about theirs. */
import type * as hosts from "@holdfast/cloud/hosts/api";
import type * as images from "@holdfast/cloud/images/api";
import type * as instances from "@holdfast/cloud/instances/api";
import type * as jobs from "@holdfast/cloud/jobs/api";
import type * as placement from "@holdfast/cloud/placement/api";
import type { Instant } from "@holdfast/kernel/time";

/** A moment in the past, so that ages are the same in every golden text. */
export const moment = Date.parse("2026-11-21T10:00:00Z") as Instant;

/** An instance that runs; `change` it into whatever a test is about. */
export const anInstance = (
  change: Partial<instances.InstanceView> = {},
): instances.InstanceView => ({
  id: "0197a000-0000-7000-8000-0000000000a1",
  project: "default",
  name: "web",
  type: "tiny",
  cpus: 1,
  memoryMiB: 128,
  image: "tiny",
  volume: "0197a000-0000-7000-8000-0000000000b1",
  desired: "running",
  state: "running",
  op: null,
  job: null,
  generation: 1,
  host: "h1",
  guest: "up",
  begun: null,
  upAt: moment - 176_800,
  cause: null,
  isProtected: false,
  metadata: "on",
  metadataTokens: "optional",
  metadataHops: 1,
  pool: "local",
  recovery: "automatic",
  priority: 0,
  dependsOn: [],
  zone: null,
  hostTags: [],
  antiAffinityGroup: null,
  restarts: 0,
  nextLook: null,
  createdAt: moment - 180_000,
  destroyedAt: null,
  nics: [],
  tags: {},
  disks: [
    {
      volume: "0197a000-0000-7000-8000-0000000000b1",
      name: "web.root",
      kind: "root",
      sizeBytes: 2 ** 30,
      pool: "local",
      encrypted: false,
    },
  ],
  ...change,
});

export const aJob = (change: Partial<jobs.JobView> = {}): jobs.JobView => ({
  id: "0197a000-0000-7000-8000-0000000000c1",
  kind: "run",
  state: "running",
  instances: [anInstance().id],
  total: 1,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  problem: null,
  actor: "operator",
  requestId: "req-1",
  createdAt: moment - 12_000,
  finishedAt: null,
  ...change,
});

export const aHost = (change: Partial<hosts.HostView> = {}): hosts.HostView => ({
  id: "0197a000-0000-7000-8000-0000000000d1",
  name: "h1",
  zone: "default",
  pod: "default",
  cluster: "default",
  state: "up",
  mode: "enabled",
  epoch: 3,
  tags: ["ssd"],
  concerns: [],
  cpus: 8,
  memoryMiB: 16_384,
  reservedCpus: 2,
  reservedMemoryMiB: 1_536,
  instances: 2,
  acceleration: { kind: "tcg", reason: "/dev/kvm is there, but a probe guest did not boot in 5 s" },
  hypervisor: "QEMU 7.2",
  hasGuard: true,
  watchdog: "none",
  pools: [],
  power: null,
  heardAt: moment - 1_000,
  isConnected: true,
  ...change,
});

/** What the fake cloud holds. Tests look into it and change it. */
export const anEvent = {
  seq: 7,
  at: moment,
  event: "bootConfirmed",
  from: "starting",
  to: "running",
  generation: 1,
  actor: "holdfast",
  requestId: "req-1",
  job: null,
  detail: null,
};
export const tiny = {
  ...{ name: "tiny", cpus: 1, memoryMiB: 128, diskGiB: 1 },
  ...{ diskIops: null, diskBytesPerSecond: null },
};
export const aSetting = {
  name: "instances.stop_grace",
  value: 30,
  default: 60,
  unit: "s",
  meaning:
    "How long a guest may take to shut down after it was asked to, before its process is ended.",
  isDefault: false,
};
export const anImage: images.ImageView = {
  id: "0197a000-0000-7000-8000-0000000000e1",
  name: "tiny",
  project: null,
  state: "ready",
  source: "built",
  manifest: null,
  warm: false,
  encrypted: false,
  bytes: 1 << 30,
  problem: null,
  createdAt: moment - 3_600_000,
  tags: {},
  sharedWith: [],
};
export const anExplanation: placement.ExplanationView = {
  planner: "spread",
  chosen: null,
  hosts: [
    {
      host: "0197a000-0000-7000-8000-0000000000d1",
      name: "h1",
      verdict: "rejected",
      concerns: [],
      rejections: [
        { rule: "cpu", have: 2, need: 4, unit: "cpus", shortBy: 2 },
        { rule: "memory", have: 512, need: 4096, unit: "MiB", shortBy: 3584 },
      ],
    },
    {
      host: "0197a000-0000-7000-8000-0000000000d2",
      name: "h2",
      verdict: "rejected",
      concerns: ["disk sda reports 12 bad sectors"],
      rejections: [{ rule: "host-state", have: "suspect", need: "up" }],
    },
  ],
  summary: [{ rule: "cpu", hosts: 1 }],
  nearestFixes: [{ kind: "bring-host-up", change: "bring h2 up", wouldAdmit: [] }],
};
