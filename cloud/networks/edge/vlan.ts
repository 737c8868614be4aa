/**
 * Who may put a network on a VLAN, and whether it can be made.
 *
 * Guests of a network may run on any host, so each one that is up must have said that its kernel can. One that
 * joins later and cannot is told of by health: its networks are not made.
 */
import { mayDo } from "@holdfast/cloud/access";
import { problem } from "@holdfast/kernel/problem";
import type { Caller } from "@holdfast/kernel/route";
import type { Sql } from "@holdfast/store/database";

/** Rejects with `vlan_forbidden` or `vlan_unsupported`. */
export async function checkVlan(sql: Sql, caller: Caller): Promise<void> {
  // A VLAN is a piece of the network outside: not for anybody who may merely make networks.
  if (!mayDo(caller, "platform:operate"))
    throw problem(
      "forbidden",
      "vlan_forbidden",
      "Only an operator may put a network on a VLAN: it reaches whatever else is on it.",
      { fix: "Leave the VLAN out, or ask an operator" },
    );
  const hosts = await sql.query<{ name: string; says: string | null; hasSaid: boolean }>(
    `select name, facts->'networks'->>'vlan' as says, facts ? 'networks' as "hasSaid"
     from host where state = 'up' order by name`,
  );
  const unable = hosts.find(({ says, hasSaid }) => says !== null || !hasSaid);
  if (hosts.length > 0 && !unable) return;
  const why = unable
    ? `${unable.name} cannot have it: ${unable.says ?? "its agent has not said what its kernel can"}`
    : "no host is up that could have it";
  throw problem("conflict", "vlan_unsupported", `No network can be on a VLAN: ${why}.`, {
    fix: "Leave the VLAN out: VXLAN works everywhere",
  });
}
