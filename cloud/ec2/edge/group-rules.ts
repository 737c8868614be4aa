/**
 * Rules of security groups: shown, authorised, revoked and described. Every action says them anew, in full or by id; which
 * of ours is meant is found by comparing.
 */
import { addRules, removeRules } from "@holdfast/cloud/networks/api";
import { notFound, refuse, unsupported } from "../core/errors.ts";
import { filtering } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { type Flat, isSix, ruleOf, type WantedRule, wantedRules } from "../core/rules.ts";
import type { SecurityGroupRule } from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { ensureDefaults } from "./defaults.ts";
import { find, type Group, type Rule, ruleView, type World, worldOf } from "./group-views.ts";
import { writeNotes } from "./notes.ts";
import { pageOf } from "./pages.ts";
import type { tagsFor } from "./tags.ts";

export const groupRuleAnswers: Answers = {
  async DescribeSecurityGroupRules(call) {
    const { Filters, SecurityGroupRuleIds } = call.input;
    const world = await worldOf(call, undefined);
    const all = world.groups.flatMap((group) =>
      group.view.rules.map((rule) => ruleView(rule, group, world)),
    );
    for (const id of SecurityGroupRuleIds ?? []) {
      readId("rule", id);
      if (!all.some(({ SecurityGroupRuleId }) => SecurityGroupRuleId === id))
        throw notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule", [id]);
    }
    const passes = filtering<SecurityGroupRule>(
      Filters,
      {
        "group-id": ({ GroupId }) => GroupId,
        "security-group-rule-id": ({ SecurityGroupRuleId }) => SecurityGroupRuleId,
      },
      () => [],
    );
    const found = all.filter(
      (one) =>
        (!SecurityGroupRuleIds || SecurityGroupRuleIds.includes(one.SecurityGroupRuleId ?? "")) &&
        passes(one),
    );
    const keyOf = ({ SecurityGroupRuleId = "" }: SecurityGroupRule) => SecurityGroupRuleId;
    const { page, next } = pageOf(found, keyOf, call.input, "rule", SecurityGroupRuleIds);
    return { SecurityGroupRules: page, ...next };
  },

  AuthorizeSecurityGroupIngress: (call) => authorize(call, call.input, "ingress"),
  AuthorizeSecurityGroupEgress: (call) => authorize(call, call.input, "egress"),
  RevokeSecurityGroupIngress: (call) => revoke(call, call.input, "ingress"),
  RevokeSecurityGroupEgress: (call) => revoke(call, call.input, "egress"),
  UpdateSecurityGroupRuleDescriptionsIngress: (call) => describeRules(call, call.input, "ingress"),
  UpdateSecurityGroupRuleDescriptionsEgress: (call) => describeRules(call, call.input, "egress"),

  async ModifySecurityGroupRules(call) {
    const { GroupId, SecurityGroupRules = [] } = call.input;
    const world = await worldOf(call, undefined);
    const group = find(world, { GroupId });
    const notes = SecurityGroupRules.map(
      ({ SecurityGroupRuleId: id = "", SecurityGroupRule: asked }) => {
        readId("rule", id);
        const rule = group.view.rules.find((one) => idOf("rule", one.id) === id);
        if (!rule)
          throw notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule", [id]);
        const wanted = ruleOf(asked ?? {});
        if (isSix(wanted)) throw unsupported("Networks here carry IPv4 alone.");
        const peer = peerOf(wanted, world);
        if (!isSame(rule, wanted, peer, rule.direction))
          throw unsupported(
            "Of a rule its description can be changed. Authorize another one, and revoke this one.",
          );
        return { subject: rule.id, note: { description: wanted.description ?? "" } };
      },
    );
    await writeNotes(call.database, call.project, notes);
    return { Return: true };
  },
};

/** Our name of the group that a rule names. */
function peerOf(wanted: WantedRule, world: World): string | undefined {
  if (wanted.group === undefined) return undefined;
  const named = /^sg-/.test(wanted.group) ? { GroupId: wanted.group } : { GroupName: wanted.group };
  return find(world, named).view.name;
}

const isSame = (rule: Rule, wanted: WantedRule, peer: string | undefined, direction: string) =>
  rule.direction === direction &&
  rule.protocol === wanted.protocol &&
  (rule.fromPort ?? undefined) === wanted.fromPort &&
  (rule.toPort ?? undefined) === wanted.toPort &&
  (rule.cidr ?? undefined) === wanted.cidr &&
  (rule.group ?? undefined) === peer;

interface Change extends Flat {
  readonly GroupId?: string | undefined;
  readonly GroupName?: string | undefined;
  readonly TagSpecifications?: Parameters<typeof tagsFor>[1];
  readonly SecurityGroupRuleIds?: readonly string[] | undefined;
}

const says = (wanted: WantedRule) =>
  `${wanted.protocol} ${wanted.fromPort ?? "all"}-${wanted.toPort ?? "all"} ${wanted.cidr ?? wanted.group}`;

async function authorize(call: Call, input: Change, direction: Rule["direction"]) {
  if ((input.TagSpecifications ?? []).length > 0) throw unsupported("Rules cannot carry tags.");
  const world = await worldOf(call, (await ensureDefaults(call)).network);
  const group = find(world, input);
  const wanted = wantedRules(input);
  if (wanted.some(isSix)) throw unsupported("Networks here carry IPv4 alone.");
  for (const rule of wanted)
    if (group.view.rules.some((known) => isSame(known, rule, peerOf(rule, world), direction)))
      throw refuse(
        "InvalidPermission.Duplicate",
        `the specified rule "${says(rule)}" already exists`,
      );
  const after = await call.native(addRules, {
    params: { group: group.view.id },
    body: { rules: wanted.map((rule) => nativeRule(rule, peerOf(rule, world), direction)) },
  });
  const before = new Set(group.view.rules.map(({ id }) => id));
  const made = after.rules.filter(({ id }) => !before.has(id));
  await describe(call, made, wanted, world, direction);
  const now = await worldOf(call, group.network);
  const shown = find(now, { GroupId: idOf("group", group.view.id) });
  const ids = new Set(made.map(({ id }) => id));
  return {
    Return: true,
    SecurityGroupRules: shown.view.rules
      .filter(({ id }) => ids.has(id))
      .map((rule) => ruleView(rule, shown, now)),
  };
}

const nativeRule = (
  wanted: WantedRule,
  peer: string | undefined,
  direction: Rule["direction"],
) => ({
  ...{ direction, protocol: wanted.protocol },
  ...(wanted.fromPort === undefined ? {} : { fromPort: wanted.fromPort }),
  ...(wanted.toPort === undefined ? {} : { toPort: wanted.toPort }),
  ...(wanted.cidr === undefined ? {} : { cidr: wanted.cidr }),
  ...(peer === undefined ? {} : { group: peer }),
});

async function describe(
  call: Call,
  rules: readonly Rule[],
  wanted: readonly WantedRule[],
  world: World,
  direction: Rule["direction"],
): Promise<void> {
  const notes = wanted.flatMap((one) => {
    const rule = rules.find((known) => isSame(known, one, peerOf(one, world), direction));
    return rule && one.description !== undefined
      ? [{ subject: rule.id, note: { description: one.description } }]
      : [];
  });
  await writeNotes(call.database, call.project, notes);
}

async function revoke(call: Call, input: Change, direction: Rule["direction"]) {
  const world = await worldOf(call, undefined);
  const group = find(world, input);
  const rules =
    input.SecurityGroupRuleIds?.map((id) => ruleById(group, id, direction)) ??
    wantedRules(input).map((wanted) => ruleLike(world, group, wanted, direction));
  const ids = rules.map(({ id }) => id);
  await call.native(removeRules, {
    params: { group: group.view.id },
    body: { rules: [...new Set(ids)] },
  });
  return { Return: true };
}

async function describeRules(
  call: Call,
  input: Change & {
    readonly SecurityGroupRuleDescriptions?:
      | readonly {
          readonly SecurityGroupRuleId?: string | undefined;
          readonly Description?: string | undefined;
        }[]
      | undefined;
  },
  direction: Rule["direction"],
) {
  const world = await worldOf(call, undefined);
  const group = find(world, input);
  const byId = (input.SecurityGroupRuleDescriptions ?? []).map(
    ({ SecurityGroupRuleId: id = "", Description = "" }) => {
      const rule = ruleById(group, id, direction);
      return { subject: rule.id, note: { description: Description } };
    },
  );
  const isById = byId.length > 0 && !input.IpPermissions;
  const byRule = (isById ? [] : wantedRules(input)).map((wanted) => {
    const rule = ruleLike(world, group, wanted, direction);
    return { subject: rule.id, note: { description: wanted.description ?? "" } };
  });
  await writeNotes(call.database, call.project, [...byId, ...byRule]);
  return { Return: true };
}

function ruleById({ view }: Group, id: string, direction: Rule["direction"]): Rule {
  readId("rule", id);
  const rule = view.rules.find((one) => idOf("rule", one.id) === id && one.direction === direction);
  if (!rule) throw notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule", [id]);
  return rule;
}

/** The one that says the same. */
function ruleLike(
  world: World,
  { view }: Group,
  wanted: WantedRule,
  direction: Rule["direction"],
): Rule {
  const peer = peerOf(wanted, world);
  const rule = view.rules.find((one) => isSame(one, wanted, peer, direction));
  if (!rule)
    throw refuse(
      "InvalidPermission.NotFound",
      "The specified rule does not exist in this security group.",
    );
  return rule;
}
