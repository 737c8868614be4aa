/** The words that the rooms of this API have in common. */
import { inProject, NameOrId, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";

/** `web.root` is the root volume of web, and so is `web` if no volume is called so. */
export const VolumeName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]{0,62}(\.(root|ephemeral))?$/,
    "must be the name or id of a volume, or INSTANCE.root",
  );
export const ofVolume = inProject.extend({ volume: VolumeName.describe("Its name or id.") });
export const ofSnapshot = inProject.extend({ snapshot: NameOrId.describe("Its name or id.") });
export const ofBackup = inProject.extend({ backup: z.uuid() });

export const Projects = z.array(ProjectParam).max(100).default([]);
export const SizeGiB = z.number().int().min(1).max(65_536);
export const Encrypted = z
  .boolean()
  .default(false)
  .describe(
    "Whatever is made of something encrypted is, and in a project that wants it everything.",
  );
/** Of a view. */
export const IsEncrypted = z
  .boolean()
  .describe("What is written to it is on no disk in the clear.");
export const Limits = z.strictObject({
  iops: z
    .number()
    .int()
    .min(10)
    .max(10_000_000)
    .nullable()
    .default(null)
    .describe("Requests per second, reads and writes together; null: no limit of its own."),
  bytesPerSecond: z
    .number()
    .int()
    .min(65_536)
    .max(1_000_000_000_000)
    .nullable()
    .default(null)
    .describe("The same in bytes."),
});

export const Schedule = z.object({
  everyMinutes: z.number().int(),
  keep: z.object({ hourly: z.number().int(), daily: z.number().int(), weekly: z.number().int() }),
  nextAt: z.number(),
  lastAt: z.number().nullable().describe("The moment of its latest backup that is ready."),
});

export const volumeFails = { volume_not_found: "not_found" } as const;
export const busyFails = { ...volumeFails, volume_busy: "conflict" } as const;
/** Of what reads or writes what is in an encrypted volume. */
export const lockedFails = { ...busyFails, volume_key_missing: "conflict" } as const;
