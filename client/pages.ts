/** Whole lists that several programs need. */
import { type HostView, listHosts } from "@holdfast/cloud/hosts/api";
import { everyPage } from "@holdfast/kernel/pages";
import type { Client } from "./client.ts";

export { everyPage };

/** The fleet, by name. */
export const allHosts = (call: Client["call"]): Promise<readonly HostView[]> =>
  everyPage(
    (after) => call(listHosts, { query: { after } }),
    ({ hosts }) => hosts,
  );
