/** Everything that the matrix tries, in the order of its page. */
import type { Operation } from "../operation.ts";
import { accessOperations } from "./access.ts";
import { hostOperations } from "./hosts.ts";
import { instanceOperations } from "./instances.ts";
import { networkOperations } from "./networks.ts";
import { restOperations } from "./rest.ts";
import { volumeOperations } from "./volumes.ts";

export const operations: readonly Operation[] = [
  ...instanceOperations,
  ...volumeOperations,
  ...networkOperations,
  ...hostOperations,
  ...restOperations,
  ...accessOperations,
];
