/** Whole lists, for programs that need all of one: a page after the other, as the list itself says. */
import { type HostView, listHosts } from "@holdfast/cloud/hosts/api";
import type { Client } from "./client.ts";

/** The fleet, by name. Each host that is there all the while is in it once. */
export async function allHosts(call: Client["call"]): Promise<readonly HostView[]> {
  const hosts: HostView[] = [];
  for (let after: string | undefined; ; ) {
    const page = await call(listHosts, { query: after === undefined ? {} : { after } });
    hosts.push(...page.hosts);
    if (page.next === null) return hosts;
    after = page.next;
  }
}
