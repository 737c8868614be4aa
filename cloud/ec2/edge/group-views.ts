/** Security groups and their rules as EC2's clients see them: ours, with what those clients have said of them. */
import { type GroupView, listGroups } from "@holdfast/cloud/networks/api";
import { everyPage } from "@holdfast/kernel/pages";
import { combination, missing, refuse, shortened } from "../core/errors.ts";
import type { Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { portsView } from "../core/rules.ts";
import type { IpPermission, SecurityGroup, SecurityGroupRule } from "../core/words.ts";
import { accountOf, type Call } from "./call.ts";
import type { Note } from "./notes.ts";

export type Rule = GroupView["rules"][number];

/** A group with what EC2's clients have said of it. */
export interface Group {
  readonly view: GroupView;
  readonly name: string;
  readonly network: string | undefined;
  readonly tags: readonly Tag[];
  readonly description: string;
  /** What is said of its rules. */
  readonly says: ReadonlyMap<string, string>;
}

export interface World {
  readonly account: string;
  readonly groups: readonly Group[];
  /** Ids of EC2's, by our names. */
  readonly ids: ReadonlyMap<string, string>;
}

/** `usual`: the network of those of which nobody has said another. */
export async function worldOf(call: Call, usual: string | undefined): Promise<World> {
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
export function find(
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

export function groupView(group: Group, world: World): SecurityGroup {
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

export function ruleView(rule: Rule, group: Group, world: World): SecurityGroupRule {
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
