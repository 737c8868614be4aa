/**
 * Security groups. Ours belong to a project and not to a network, so all of EC2's are in the default one unless a
 * client said otherwise.
 */
import {
  addRules,
  createGroup,
  deleteGroup,
  type GroupView,
  listGroups,
  removeRules,
  setInstanceGroups,
} from "@holdfast/cloud/networks/api";
import { everyPage } from "@holdfast/kernel/pages";
import { Problem } from "@holdfast/kernel/problem";
import { combination, missing, notFound, refuse, shortened, unsupported } from "../core/errors.ts";
import { filtering, type Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { nativeName } from "../core/names.ts";
import {
  type Flat,
  isSix,
  portsView,
  ruleOf,
  type WantedRule,
  wantedRules,
} from "../core/rules.ts";
import type { IpPermission, SecurityGroup, SecurityGroupRule } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { ensureDefaults, tryDefaults } from "./defaults.ts";
import { type Note, writeNotes } from "./notes.ts";
import { pageOf } from "./pages.ts";
import { mixed } from "./places.ts";
import { tagsFor, writeTags } from "./tags.ts";

type Rule = GroupView["rules"][number];

/** A group with what EC2's clients have said of it. */
interface Group {
  readonly view: GroupView;
  readonly name: string;
  readonly network: string | undefined;
  readonly tags: readonly Tag[];
  readonly description: string;
  /** What is said of its rules. */
  readonly says: ReadonlyMap<string, string>;
}

interface World {
  readonly account: string;
  readonly groups: readonly Group[];
  /** Ids of EC2's, by our names. */
  readonly ids: ReadonlyMap<string, string>;
}

async function worldOf(call: Call, usual: string | undefined): Promise<World> {
  const { database, project } = call;
  const groups = await everyPage(
    (after) => call.native(listGroups, { query: { after } }),
    (page) => page.groups,
  );
  const notes = await database.query<{ subject: string; detail: Note }>(
    `select subject, detail from ec2_note where project_id = $1 and subject = any($2::uuid[])`,
    [project, groups.flatMap(({ id, rules }) => [id, ...rules.map((rule) => rule.id)])],
  );
  const tags = await database.query<{ resource: string; key: string; value: string }>(
    "select resource, key, value from tag where project_id = $1 and kind = 'security-group' order by key",
    [project],
  );
  const noteOf = new Map(notes.map(({ subject, detail }) => [subject, detail]));
  return {
    account: accountOf(project),
    ids: new Map(groups.map(({ id, name }) => [name, idOf("group", id)])),
    groups: groups.map((view) => ({
      view,
      name: noteOf.get(view.id)?.display ?? view.name,
      network: noteOf.get(view.id)?.network ?? usual,
      description: noteOf.get(view.id)?.description ?? view.description,
      tags: tags.flatMap((tag) =>
        tag.resource === view.id ? [{ Key: tag.key, Value: tag.value }] : [],
      ),
      says: new Map(
        view.rules.flatMap(({ id }) => {
          const text = noteOf.get(id)?.description;
          return text === undefined ? [] : [[id, text]];
        }),
      ),
    })),
  };
}

/** By id, or by name; exactly one of them. Rejects with `InvalidGroup.NotFound`. */
function find(
  { groups }: World,
  {
    GroupId,
    GroupName,
  }: { readonly GroupId?: string | undefined; readonly GroupName?: string | undefined },
): Group {
  if (GroupId === undefined && GroupName === undefined) throw missing("groupName or groupId");
  if (GroupId !== undefined && GroupName !== undefined)
    throw combination("The parameters GroupId and GroupName cannot be used together");
  if (GroupId !== undefined) readId("group", GroupId);
  const group = groups.find(({ view, name }) =>
    GroupId === undefined ? name === GroupName : idOf("group", view.id) === GroupId,
  );
  if (group) return group;
  throw refuse(
    "InvalidGroup.NotFound",
    `The security group '${shortened(GroupId ?? GroupName ?? "")}' does not exist`,
  );
}

function permissionsOf(
  group: Group,
  world: World,
  direction: Rule["direction"],
): readonly IpPermission[] {
  const rules = group.view.rules.filter((rule) => rule.direction === direction);
  const byPorts = new Map<string, { ports: ReturnType<typeof portsView>; rules: Rule[] }>();
  for (const rule of rules) {
    const ports = portsView(rule);
    const key = JSON.stringify(ports);
    const known = byPorts.get(key);
    if (known) known.rules.push(rule);
    else byPorts.set(key, { ports, rules: [rule] });
  }
  const says = (id: string) => {
    const Description = group.says.get(id);
    return Description === undefined ? {} : { Description };
  };
  return [...byPorts.values()].map(({ ports, rules: alike }) => ({
    ...ports,
    IpRanges: alike.flatMap(({ id, cidr }) =>
      cidr === null ? [] : [{ CidrIp: cidr, ...says(id) }],
    ),
    Ipv6Ranges: [],
    PrefixListIds: [],
    UserIdGroupPairs: alike.flatMap(({ id, group: peer }) =>
      peer === null
        ? []
        : [{ GroupId: world.ids.get(peer) ?? "", UserId: world.account, ...says(id) }],
    ),
  }));
}

function groupView(group: Group, world: World): SecurityGroup {
  return {
    Description: group.description,
    GroupName: group.name,
    IpPermissions: permissionsOf(group, world, "ingress"),
    OwnerId: world.account,
    GroupId: idOf("group", group.view.id),
    IpPermissionsEgress: permissionsOf(group, world, "egress"),
    Tags: group.tags,
    ...(group.network === undefined ? {} : { VpcId: idOf("network", group.network) }),
  };
}

function ruleView(rule: Rule, group: Group, world: World): SecurityGroupRule {
  const { FromPort = -1, ToPort = -1, IpProtocol } = portsView(rule) as IpPermission;
  const Description = group.says.get(rule.id);
  return {
    SecurityGroupRuleId: idOf("rule", rule.id),
    GroupId: idOf("group", group.view.id),
    GroupOwnerId: world.account,
    IsEgress: rule.direction === "egress",
    IpProtocol,
    FromPort,
    ToPort,
    ...(rule.cidr === null ? {} : { CidrIpv4: rule.cidr }),
    ...(rule.group === null
      ? {}
      : {
          ReferencedGroupInfo: { GroupId: world.ids.get(rule.group) ?? "", UserId: world.account },
        }),
    ...(Description === undefined ? {} : { Description }),
    Tags: [],
  };
}

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
  const byId = input.SecurityGroupRuleIds?.map((id) => {
    readId("rule", id);
    const rule = group.view.rules.find(
      (one) => idOf("rule", one.id) === id && one.direction === direction,
    );
    if (!rule) throw notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule", [id]);
    return rule.id;
  });
  const ids =
    byId ??
    wantedRules(input).map((wanted) => {
      const rule = group.view.rules.find((one) =>
        isSame(one, wanted, peerOf(wanted, world), direction),
      );
      if (!rule)
        throw refuse(
          "InvalidPermission.NotFound",
          "The specified rule does not exist in this security group.",
        );
      return rule.id;
    });
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
      readId("rule", id);
      const rule = group.view.rules.find((one) => idOf("rule", one.id) === id);
      if (!rule) throw notFound("InvalidSecurityGroupRuleId.NotFound", "security group rule", [id]);
      return { subject: rule.id, note: { description: Description } };
    },
  );
  const isById = byId.length > 0 && !input.IpPermissions;
  const byRule = (isById ? [] : wantedRules(input)).map((wanted) => {
    const rule = group.view.rules.find((one) =>
      isSame(one, wanted, peerOf(wanted, world), direction),
    );
    if (!rule)
      throw refuse(
        "InvalidPermission.NotFound",
        "The specified rule does not exist in this security group.",
      );
    return { subject: rule.id, note: { description: wanted.description ?? "" } };
  });
  await writeNotes(call.database, call.project, [...byId, ...byRule]);
  return { Return: true };
}

export const groupAnswers: Answers = {
  async CreateSecurityGroup(call) {
    const { GroupName = "", Description = "", VpcId, TagSpecifications } = call.input;
    if (!/^[\w\s.\-:/()#,@[\]+=&;{}!$*]{1,255}$/.test(GroupName) || /^sg-/i.test(GroupName))
      throw refuse(
        "InvalidParameterValue",
        `Value (${shortened(GroupName)}) for parameter GroupName is invalid.`,
      );
    const tags = tagsFor("security-group", TagSpecifications);
    const { database, project } = call;
    const { network } = await ensureDefaults(call);
    const vpc = VpcId === undefined ? network : await findVpc(call, VpcId);
    const made = await call
      .native(createGroup, {
        body: {
          name: nativeName(GroupName, "group", mixed),
          description: Description.slice(0, 255),
          rules: [{ direction: "egress", protocol: "any", cidr: "0.0.0.0/0" }],
        },
      })
      .catch((error: unknown) => {
        if (!(error instanceof Problem) || error.code !== "name_taken") throw error;
        throw refuse("InvalidGroup.Duplicate", `The security group '${GroupName}' already exists`);
      });
    await database.transaction(async (sql) => {
      const note = { display: GroupName, ...(vpc === undefined ? {} : { network: vpc }) };
      await writeNotes(sql, project, [{ subject: made.id, note }]);
      await writeTags(sql, project, "security-group", [made.id], tags);
    });
    return { GroupId: idOf("group", made.id), Tags: tags };
  },

  async DescribeSecurityGroups(call) {
    const { GroupIds, GroupNames, Filters } = call.input;
    const world = await worldOf(call, (await tryDefaults(call)).network);
    const wanted = new Set([
      ...(GroupIds ?? []).map((GroupId) => find(world, { GroupId }).view.id),
      ...(GroupNames ?? []).map((GroupName) => find(world, { GroupName }).view.id),
    ]);
    const isAll = !GroupIds && !GroupNames;
    const peers = (of: "IpPermissions" | "IpPermissionsEgress") => (one: SecurityGroup) =>
      one[of] ?? [];
    const [ingress, egress] = [peers("IpPermissions"), peers("IpPermissionsEgress")];
    const passes = filtering<SecurityGroup>(
      Filters,
      {
        description: ({ Description }) => Description,
        "egress.ip-permission.cidr": (one) =>
          egress(one).flatMap(({ IpRanges = [] }) => IpRanges.map(({ CidrIp }) => CidrIp)),
        "egress.ip-permission.from-port": (one) => egress(one).map(({ FromPort }) => `${FromPort}`),
        "egress.ip-permission.protocol": (one) => egress(one).map(({ IpProtocol }) => IpProtocol),
        "egress.ip-permission.to-port": (one) => egress(one).map(({ ToPort }) => `${ToPort}`),
        "group-id": ({ GroupId }) => GroupId,
        "group-name": ({ GroupName }) => GroupName,
        "ip-permission.cidr": (one) =>
          ingress(one).flatMap(({ IpRanges = [] }) => IpRanges.map(({ CidrIp }) => CidrIp)),
        "ip-permission.from-port": (one) => ingress(one).map(({ FromPort }) => `${FromPort}`),
        "ip-permission.group-id": (one) =>
          ingress(one).flatMap(({ UserIdGroupPairs = [] }) =>
            UserIdGroupPairs.map(({ GroupId }) => GroupId),
          ),
        "ip-permission.protocol": (one) => ingress(one).map(({ IpProtocol }) => IpProtocol),
        "ip-permission.to-port": (one) => ingress(one).map(({ ToPort }) => `${ToPort}`),
        "owner-id": ({ OwnerId }) => OwnerId,
        "vpc-id": ({ VpcId }) => VpcId,
      },
      ({ Tags = [] }) => Tags as readonly Tag[], // Keys and values are there.
    );
    const found = world.groups
      .filter(({ view }) => isAll || wanted.has(view.id))
      .map((group) => groupView(group, world))
      .filter(passes);
    const { page, next } = pageOf(
      found,
      ({ GroupId = "" }) => GroupId,
      call.input,
      "group",
      GroupIds,
    );
    return { SecurityGroups: page, ...next };
  },

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

  async DeleteSecurityGroup(call) {
    const world = await worldOf(call, undefined);
    const group = find(world, call.input);
    const { id, name } = group.view;
    if (name === "default")
      throw refuse(
        "CannotDelete",
        `the specified group: "${idOf("group", id)}" name: "default" cannot be deleted by a user`,
      );
    await leaveEnded(call, group);
    await call.native(deleteGroup, { params: { group: id } });
    return {};
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

/** Instances that have ended are in their groups for as long as they can be taken back; then in the default one instead. */
async function leaveEnded(call: Call, { view }: Group): Promise<void> {
  const ended = await call.database.query<{ id: string; groups: readonly string[] }>(
    `select i.id, array(select distinct o.group_id::text from nic_group o join nic d on d.id = o.nic_id
         where d.instance_id = i.id and o.group_id <> $2) as groups
     from instance i where i.project_id = $1 and i.state in ('destroyed', 'expunging')
       and exists (select from nic c join nic_group m on m.nic_id = c.id where c.instance_id = i.id and m.group_id = $2)`,
    [call.project, view.id],
  );
  for (const { id, groups } of ended)
    await call.native(setInstanceGroups, {
      params: { instance: id },
      body: { groups: groups.length > 0 ? [...groups] : ["default"] },
    });
}

async function findVpc({ database, project }: Call, id: string): Promise<string> {
  readId("network", id);
  const rows = await database.query<{ id: string }>(
    "select id from network where project_id = $1 and deleted_at is null",
    [project],
  );
  const row = rows.find((one) => idOf("network", one.id) === id);
  if (row) return row.id;
  throw refuse("InvalidVpcID.NotFound", `The vpc ID '${shortened(id)}' does not exist`);
}
