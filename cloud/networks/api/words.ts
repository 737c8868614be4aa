/** The words that the rooms of this API have in common. */
import { z } from "zod";
import { canonical, cidrPattern } from "../core/cidr.ts";

/** Bits of the host are ignored, as most programs do that take networks. */
export const CidrText = z
  .string()
  .regex(cidrPattern, "must be a network such as 10.1.0.0/24")
  .transform(canonical);
export const PortNumber = z.number().int().min(1).max(65_535);
