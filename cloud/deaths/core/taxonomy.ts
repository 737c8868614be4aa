/**
 * Every way in which an instance can come to its end, or not come to life: what it means, whose matter it
 * is, and what is done about it.
 *
 * The names are an interface: they are in the journal, in metrics and in people's alarms. A row may be added;
 * a name is never changed, and never given another meaning.
 */

/** Whose matter a death is: who can do something so that it does not happen again. */
export type Layer = "infrastructure" | "base-image" | "application" | "operator" | "maintenance";

/** Where an instance is started again if its owner has not said otherwise. */
export type Recovery = "in-place" | "elsewhere" | "none";

export interface Meaning {
  readonly means: string;
  /** Of a guest's panic this is only the first guess; its console says better. */
  readonly layer: Layer;
  /** What a person should do next. `INSTANCE` and `HOST` stand for the names. */
  readonly next: string;
  readonly recovery: Recovery;
  /** The instance did nothing wrong: to start it again costs nothing of its budget of restarts. */
  readonly isBlameless: boolean;
  /** `end`: a process ended. `obstacle`: none runs, for another reason than an end. */
  readonly is: "end" | "obstacle";
}

export const taxonomy = {
  "user-stop": {
    means: "It was stopped because somebody asked for that.",
    layer: "operator",
    next: "Start it again when it is wanted: holdfast start INSTANCE",
    recovery: "none",
    isBlameless: true,
    is: "end",
  },
  "user-destroy": {
    means: "It was destroyed because somebody asked for that.",
    layer: "operator",
    next: "Within the undo window it can be taken back: holdfast recover INSTANCE",
    recovery: "none",
    isBlameless: true,
    is: "end",
  },
  maintenance: {
    means: "Its host was being emptied for planned work.",
    layer: "maintenance",
    next: "Nothing: it is started on another host.",
    recovery: "elsewhere",
    isBlameless: true,
    is: "end",
  },
  "guest-shutdown": {
    means: "The guest switched itself off, as `poweroff` does inside of it.",
    layer: "application",
    next: "Start it when it is wanted: holdfast start INSTANCE. If nobody meant to switch it off, look in its own logs for who did.",
    recovery: "none",
    isBlameless: false,
    is: "end",
  },
  "guest-reset": {
    means: "The guest rebooted, and its process ended with that instead of beginning anew.",
    layer: "application",
    next: "Nothing, if the reboot was meant.",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "guest-reset-loop": {
    means: "The guest rebooted again and again without ever getting up.",
    layer: "base-image",
    next: "See how far it gets: holdfast log INSTANCE. A kernel that reboots on panic, or a boot loader without a kernel, does this.",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "guest-panic": {
    means: "The guest's kernel met an error that it could not survive, and said so.",
    layer: "base-image",
    next: "Read the trace: holdfast log INSTANCE. The function and the module it names are what to update or to report.",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "guest-hang": {
    means: "The guest stopped feeding its watchdog: nothing ran in it any more.",
    layer: "base-image",
    next: "Look for a lockup or a full memory in what it said last: holdfast log INSTANCE",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "boot-timeout": {
    means: "It did not say that it was ready in the time that it had for that.",
    layer: "base-image",
    next: "See how far it got: holdfast log INSTANCE. If it is only slow, allow more: holdfast settings set instances.boot_timeout SECONDS",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "host-oom-kill": {
    means:
      "The kernel of its host killed it because its control group, or the host, had no memory left.",
    layer: "infrastructure",
    next: "Look at the memory of the host and at its overprovisioning: holdfast settings. A guest cannot cause this from inside.",
    recovery: "elsewhere",
    isBlameless: false,
    is: "end",
  },
  "qemu-crash": {
    means: "The hypervisor process crashed, or ended with an error of its own.",
    layer: "infrastructure",
    next: "Keep its log for a report: holdfast trace INSTANCE. If several die so on one version of QEMU, change that.",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "qemu-killed": {
    means: "Somebody or something on its host ended the hypervisor process, past the platform.",
    layer: "operator",
    next: "Find out who it was on HOST: a person, a script, or the host going down. Machines are stopped with holdfast stop.",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "storage-io": {
    means: "Its disk reported errors, and it could not go on without it.",
    layer: "infrastructure",
    next: "Look at the disk and the free space of HOST before it is started there again.",
    recovery: "elsewhere",
    isBlameless: false,
    is: "end",
  },
  "host-failure": {
    means: "Its host died, which is proven: a certificate says how.",
    layer: "infrastructure",
    next: "Look at HOST: its power, its console, its hardware's own log. Nothing is to be done for the instance.",
    recovery: "elsewhere",
    isBlameless: true,
    is: "end",
  },
  "host-partition": {
    means:
      "Its host was cut off from the managers; it ran on there, and was ended when the host was back.",
    layer: "infrastructure",
    next: "Look at the network of HOST. What the guest did while it was cut off is on the volume it had there.",
    recovery: "elsewhere",
    isBlameless: true,
    is: "end",
  },
  "self-fenced": {
    means:
      "Its host could not renew its lease, and its guard ended it so that it could be started elsewhere safely.",
    layer: "infrastructure",
    next: "Look at the network between HOST and the managers.",
    recovery: "elsewhere",
    isBlameless: true,
    is: "end",
  },
  attested: {
    means: "An operator has put their name to it that its host is off.",
    layer: "operator",
    next: "Nothing for the instance. Repair HOST before it is let in again.",
    recovery: "elsewhere",
    isBlameless: true,
    is: "end",
  },
  "migration-failed": {
    means: "It was lost while it was moved from one host to another.",
    layer: "infrastructure",
    next: "See what both hosts said: holdfast trace INSTANCE",
    recovery: "in-place",
    isBlameless: true,
    is: "end",
  },
  "launch-failed": {
    means: "It never ran: its host could not launch it.",
    layer: "infrastructure",
    next: "What the host said is in the evidence; the platform tries another host first.",
    recovery: "elsewhere",
    isBlameless: false,
    is: "end",
  },
  unknown: {
    means: "It is gone, and what was found does not say why.",
    layer: "infrastructure",
    next: "Look at what was sought and not found: whatever could have left it is where to look on HOST.",
    recovery: "in-place",
    isBlameless: false,
    is: "end",
  },
  "insufficient-capacity": {
    means: "No host has room for it.",
    layer: "infrastructure",
    next: "See what would admit it: holdfast placement explain",
    recovery: "none",
    isBlameless: true,
    is: "obstacle",
  },
  "image-unavailable": {
    means: "Its image is not there, or did not become ready in time.",
    layer: "base-image",
    next: "See the image: holdfast images",
    recovery: "none",
    isBlameless: false,
    is: "obstacle",
  },
  "host-silent": {
    means: "Its host has fallen silent, and nothing proves whether it still runs.",
    layer: "infrastructure",
    next: "Wait for the host or for a proof; holdfast hosts says which is being waited for.",
    recovery: "none",
    isBlameless: true,
    is: "obstacle",
  },
} as const satisfies Record<string, Meaning>;

/** A class of the published taxonomy. */
export type CauseClass = keyof typeof taxonomy;

export const causeClasses = Object.keys(taxonomy) as readonly CauseClass[]; // The table's own keys.

export const meaningOf = (cause: CauseClass): Meaning => taxonomy[cause];

/** Ends that somebody asked for: they are answered with who it was, not with a certificate. */
export const askedFor: ReadonlySet<CauseClass> = new Set(["user-stop", "user-destroy"]);
