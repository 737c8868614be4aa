/** The words that the rooms of this API have in common. */
import { ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { canonical, cidrPattern } from "../core/cidr.ts";

export const NameOrId = z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be a name or an id");
export const inProject = z.object({ project: ProjectParam });

/** Bits of the host are ignored, as most programs do that take networks. */
export const CidrText = z
  .string()
  .regex(cidrPattern, "must be a network such as 10.1.0.0/24")
  .transform(canonical);
export const PortNumber = z.number().int().min(1).max(65_535);
