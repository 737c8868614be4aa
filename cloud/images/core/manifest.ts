/**
 * What an image consists of. Its parts are blobs, named by the SHA-256 of their content, so a manifest
 * that is `ready` can never change under a guest, and two images that share a part share the file.
 */
import { z } from "zod";

export const Digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, "must be sha256: and 64 hexadecimal digits")
  .transform((text) => text as `sha256:${string}`); // The pattern is the type.

export const Manifest = z.object({
  disk: z.object({
    digest: Digest,
    format: z.enum(["qcow2", "raw"]),
    virtualBytes: z.number().int().positive().describe("How big the disk looks to a guest."),
  }),
  /** Boot this kernel directly. Absent: the firmware boots from the disk. */
  direct: z.object({ kernel: Digest, initrd: Digest, commandLine: z.string() }).optional(),
  saysReady: z
    .boolean()
    .describe("The guest prints `holdfast: ready` on its serial console once it is up."),
  bootSeconds: z
    .number()
    .int()
    .min(1)
    .max(86_400)
    .optional()
    .describe("For how long its guests may boot. As instances.boot_timeout says if absent."),
  wantsSeed: z
    .boolean()
    .optional()
    .describe(
      "Give it a disk labelled `cidata` that says who it is: cloud-init's NoCloud source, for images that know no other.",
    ),
  warm: z
    .boolean()
    .optional()
    .describe(
      "Its guests may be started from the memory of one that has booted before. Only for guests that know how to wait for their names (docs/warm-start.md).",
    ),
  smallestMemoryMiB: z.number().int().positive(),
});
export type Manifest = z.output<typeof Manifest>;

/** Every blob that a host needs before it can start an instance of this image. */
export const blobsOf = ({ disk, direct }: Manifest) =>
  direct ? [disk.digest, direct.kernel, direct.initrd] : [disk.digest];
