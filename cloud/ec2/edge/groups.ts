/**
 * Security groups: made, shown and deleted. Ours belong to a project and not to a network, so all of EC2's are in the
 * default one unless a client said otherwise. Their rules are in group-rules.ts.
 */
import { createGroup, deleteGroup, setInstanceGroups } from "@holdfast/cloud/networks/api";
import { Problem } from "@holdfast/kernel/problem";
import { refuse, shortened } from "../core/errors.ts";
import { filtering, type Tag } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { nativeName } from "../core/names.ts";
import type { SecurityGroup } from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { ensureDefaults, tryDefaults } from "./defaults.ts";
import { groupRuleAnswers } from "./group-rules.ts";
import { find, type Group, groupView, worldOf } from "./group-views.ts";
import { writeNotes } from "./notes.ts";
import { pageOf } from "./pages.ts";
import { mixed } from "./places.ts";
import { tagsFor, writeTags } from "./tags.ts";

export const groupAnswers: Answers = {
  ...groupRuleAnswers,

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
};

/** Instances that have ended are in their groups for as long as they can be taken back; then in the default one instead. */
async function leaveEnded(call: Call, { view }: Group): Promise<void> {
  const ended = await call.database.query<{ id: string; groups: readonly string[] }>(
    `select i.id, array(select distinct o.group_id::text from nic_group o join nic d on d.id = o.nic_id
         where d.instance_id = i.id and o.group_id <> $2) as groups
     from instance i where i.project_id = $1 and not i.is_expunged and i.state in ('destroyed', 'expunging')
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
