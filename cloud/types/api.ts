/** What the world may ask about instance types: the sizes that instances come in. */
import { changes, none, reads } from "@holdfast/kernel/declare";
import { z } from "zod";

export const TypeView = z.object({
  name: z
    .string()
    .regex(
      /^[a-z0-9][a-z0-9.-]{0,62}$/,
      "must be 1 to 63 lower-case letters, digits, dots and dashes",
    ),
  cpus: z.number().int().min(1).max(1_024),
  memoryMiB: z.number().int().min(16).max(16_777_216),
  diskGiB: z.number().int().min(1).max(65_536),
  diskIops: z
    .number()
    .int()
    .min(10)
    .max(10_000_000)
    .nullable()
    .default(null)
    .describe("Requests per second of the root volume, reads and writes together; null: no limit."),
  diskBytesPerSecond: z
    .number()
    .int()
    .min(65_536)
    .max(1_000_000_000_000)
    .nullable()
    .default(null)
    .describe("The same in bytes."),
});
export type TypeView = z.output<typeof TypeView>;

export const listTypes = reads({
  path: "/v1/types",
  summary: "The sizes that instances come in.",
  needs: "project:read",
  params: none,
  reply: z.object({ types: z.array(TypeView) }),
});

export const putType = changes("PUT", {
  path: "/v1/types/:type",
  summary:
    "Add a type, or change what new instances of it get. Existing instances keep what they have, but for the limits of their root volumes, which hold at once.",
  needs: "platform:operate",
  params: z.object({ type: TypeView.shape.name }),
  body: TypeView.omit({ name: true }).strict(),
  reply: [200, TypeView],
});
