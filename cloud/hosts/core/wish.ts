/**
 * What managers want of a host for one of its instances, as it is said to the agent.
 *
 * A wish is said again until it is so. Which of two counts is said by `version`, never by the order in which they came.
 */
import { Manifest } from "@holdfast/cloud/images";
import { metadataTokens } from "@holdfast/cloud/metadata";
import type { HostId, ImageId, InstanceId, NicId, ProjectId } from "@holdfast/kernel/ids";
import { z } from "zod";
import { generation, id, milliseconds } from "./fields.ts";
import { WishedDisk } from "./storage-words.ts";

/** What one instance should be on this host. Orders of an older `version` are ignored. */
export const Wish = z.object({
  instance: id<InstanceId>(),
  version: z.number().int(),
  /** The epoch of the host in which it was given this: what another host could start is not started in any other. */
  epoch: z.number().int().default(0),
  generation,
  /**
   * `nothing`: it has no business here. Whatever runs of it is ended, and its traces are removed.
   * `incoming`: have it wait for the memory of a generation that runs on another host; it runs once it is there.
   */
  want: z.enum(["running", "stopped", "nothing", "incoming"]),
  /** A manager has seen this generation run. If the host knows nothing of it, it is gone, not new. */
  wasRunning: z.boolean(),
  reboots: z.number().int().nonnegative(),
  /** How patient to be when it should stop; milliseconds per step, zero skips the step. */
  ladder: z.object({ acpi: milliseconds, terminate: milliseconds, kill: milliseconds }),
  /** How long the guest may take to shut down for a reboot; milliseconds, zero presses its reset button. */
  rebootGrace: milliseconds,
  /** With `want: running`: what to run. */
  spec: z
    .object({
      name: z.string(),
      /** For the guest itself: whose it is, what type it has, and what it was made from. */
      project: id<ProjectId>(),
      type: z.string(),
      imageId: id<ImageId>(),
      cpus: z.number().int().positive(),
      memoryMiB: z.number().int().positive(),
      /** In the order in which the guest sees them; the first is the root volume. */
      disks: z.array(WishedDisk).min(1),
      /** Its connections, in the order in which the guest sees them. The rest is in the host's picture. */
      nics: z.array(z.object({ id: id<NicId>(), mac: z.string() })),
      image: Manifest,
      userData: z.string().nullable(),
      /** For the guest itself: JSON of how it died last; null if it never has. */
      lastDeath: z.string().nullable(),
      /** What it asks the metadata without a token is answered, or not: from its first request on, so it is said here. */
      metadataTokens: z.enum(metadataTokens).default("optional"),
      metadata: z.enum(["on", "off"]).default("on"),
      startPaused: z.boolean(),
      /** A guest whose image says ready, and which has not by then, is ended. Milliseconds. */
      bootTimeout: milliseconds,
    })
    .nullable(),
  /**
   * With `want: incoming`: what brings it, and from which host. `network` is one that this host has an address
   * in, such as 10.8.0.0/24, to be reached there; null: the one between the guests of hosts.
   */
  arrives: z
    .object({
      migration: z.uuid(),
      from: id<HostId>(),
      network: z.string().nullable().default(null),
    })
    .nullish(),
  /**
   * Send it to another host, where `generation` waits for it at `address`. Once it has been said it is taken
   * back only when that generation is known to have ended: without it, the host lets its own run on.
   */
  migrateTo: z
    .object({
      migration: z.uuid(),
      generation,
      address: z.string(),
      /** Whom it must find there. */
      host: id<HostId>().nullish(),
      bytesPerSecond: z.number().positive().nullable(),
      mayPostcopy: z.boolean(),
      isAborted: z.boolean(),
      /** See MigrationPatience. */
      patience: z.object({
        precopy: milliseconds,
        converge: milliseconds,
        switching: milliseconds,
      }),
    })
    .nullish(),
  requestId: z.string(),
});
export type Wish = z.output<typeof Wish>;

/**
 * The wish of the version before this one, with nothing new but that a manager has seen its generation run (`wasRunning`).
 * Who does not have that version, of that generation, takes no notice: whole wishes follow the next hello.
 */
export const Seen = z.object({
  instance: id<InstanceId>(),
  generation,
  version: z.number().int(),
});
export type Seen = z.output<typeof Seen>;
