/**
 * What security groups let pass.
 *
 * A rule that is there already is not added again: two that say the same would have to be taken away twice
 * before anything is cut.
 */
import type { MintId, ProjectId, SecurityGroupId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { type Instant, iso } from "@holdfast/kernel/time";
import type { Sql } from "@holdfast/store/database";
import type { NewRule } from "../api.ts";
import { ruleFault } from "../core/rule.ts";
import { type HeldGroup, holdGroups } from "./lookup.ts";

export interface RuleDeps {
  readonly mintId: MintId;
  readonly now: Instant;
  /** The most that one group may have. */
  readonly most: number;
}

interface RuleRow {
  readonly direction: string;
  readonly protocol: string;
  readonly from: number | null;
  readonly to: number | null;
  readonly cidr: string | null;
  readonly peer: SecurityGroupId | null;
}

const keyOf = ({ direction, protocol, from, to, cidr, peer }: RuleRow) =>
  [direction, protocol, from, to, cidr, peer].join(" ");

/**
 * To a group that is held. Returns how many are new. Rejects with `group_not_found` for a group that a rule
 * names, with `rule_unusable` and with `too_many_rules`.
 */
export async function addRules(
  sql: Sql,
  project: ProjectId,
  group: HeldGroup,
  rules: readonly NewRule[],
  { mintId, now, most }: RuleDeps,
): Promise<number> {
  for (const [index, rule] of rules.entries()) checkRule(rule, index);
  const named = [...new Set(rules.flatMap((rule) => rule.group ?? []))];
  const peers = await holdGroups(sql, project, named);
  const present = await sql.query<RuleRow>(
    `select direction, protocol, from_port as "from", to_port as "to", peer_cidr as cidr,
       peer_group as peer from security_rule where group_id = $1`,
    [group.id],
  );
  const known = new Set(present.map(keyOf));
  const fresh = new Map<string, RuleRow>();
  for (const rule of rules) {
    const row = rowOf(rule, peers);
    if (!known.has(keyOf(row))) fresh.set(keyOf(row), row);
  }
  const all = known.size + fresh.size;
  if (fresh.size > 0 && all > most) throw tooMany(group.name, all, most);
  const added = [...fresh.values()];
  if (added.length === 0) return 0;
  await sql.query(
    `insert into security_rule (group_id, created_at, id, direction, protocol, from_port, to_port,
       peer_cidr, peer_group)
     select $1, $2::timestamptz, * from unnest($3::uuid[], $4::text[], $5::text[], $6::int[], $7::int[],
       $8::text[], $9::uuid[])`,
    [
      group.id,
      iso(now),
      added.map(() => mintId<"SecurityRule">()),
      added.map(({ direction }) => direction),
      added.map(({ protocol }) => protocol),
      added.map(({ from }) => from),
      added.map(({ to }) => to),
      added.map(({ cidr }) => cidr),
      added.map(({ peer }) => peer),
    ],
  );
  return added.length;
}

function checkRule(rule: NewRule, index: number): void {
  const fault = ruleFault(rule);
  if (!fault) return;
  const { field, reason } = fault;
  throw problem("invalid", "rule_unusable", `Rule ${index + 1} cannot be: ${reason}.`, {
    fix: "A rule is like tcp 22 from 10.0.0.0/8: a protocol, ports if it has any, and one other side",
    faults: [{ field: `body.rules.${index}.${field}`, reason }],
  });
}

function rowOf(rule: NewRule, peers: ReadonlyMap<string, HeldGroup>): RuleRow {
  const { direction, protocol, fromPort, toPort, cidr, group } = rule;
  return {
    direction,
    protocol,
    from: fromPort ?? null,
    to: toPort ?? fromPort ?? null,
    cidr: cidr ?? null,
    peer: (group === undefined ? undefined : peers.get(group)?.id) ?? null,
  };
}

/** All of them or none. Rejects with `rule_not_found`. */
export async function removeRules(
  sql: Sql,
  group: HeldGroup,
  ids: readonly string[],
): Promise<void> {
  const wanted = new Set(ids);
  const gone = await sql.query<{ id: string }>(
    "delete from security_rule where group_id = $1 and id = any($2) returning id",
    [group.id, [...wanted]],
  );
  for (const { id } of gone) wanted.delete(id);
  const [missing] = wanted;
  if (missing !== undefined)
    throw problem("not_found", "rule_not_found", `${group.name} has no rule ${missing}.`, {
      fix: `See them with their ids: holdfast groups show ${group.name}`,
      facts: { missing: [...wanted].slice(0, 32) },
    });
}

const tooMany = (group: string, all: number, most: number) =>
  problem(
    "exhausted",
    "too_many_rules",
    `${group} would have ${all} rules; ${most} is the most that a security group can have.`,
    {
      fix: "Name larger networks or a group instead of single addresses, or spread the rules over several groups: an instance can be in 16",
      facts: { rules: all, most },
    },
  );
