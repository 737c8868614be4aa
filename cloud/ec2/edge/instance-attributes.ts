/** Attributes of instances, one at a time, as EC2 asks for them. */
import { changeInstanceType, changeMetadata, protectInstance } from "@holdfast/cloud/instances/api";
import { setInstanceGroups } from "@holdfast/cloud/networks/api";
import { badValue, combination, missing, refuse, unsupported } from "../core/errors.ts";
import { idOf, readId } from "../core/ids.ts";
import { instanceView, monitoringOf } from "../core/instance.ts";
import { metadataOptionsOf } from "../core/metadata-options.ts";
import type {
  InstanceAttribute,
  InstanceMonitoring,
  ModifyInstanceAttributeRequest,
} from "../core/words.ts";
import type { Answers, Call } from "./call.ts";
import { digits, findInstanceRow, findInstances } from "./instance-rows.ts";
import { writeNotes } from "./notes.ts";
import { placeOf } from "./places.ts";
import { findType } from "./types.ts";

export const attributeAnswers: Answers = {
  async DescribeInstanceAttribute({ input, database, project, typeAliases }) {
    const { Attribute = "", InstanceId = "" } = input;
    const row = await findInstanceRow(database, project, InstanceId);
    const view = instanceView(row, await placeOf({ database, project, typeAliases }));
    const userData = async () => {
      const [{ text } = { text: null }] = await database.query<{ text: string | null }>(
        "select user_data as text from instance where id = $1",
        [row.id],
      );
      return text === null ? {} : { Value: Buffer.from(text).toString("base64") };
    };
    const known: Readonly<Record<string, () => InstanceAttribute | Promise<InstanceAttribute>>> = {
      instanceType: () => ({ InstanceType: { Value: view.InstanceType } }),
      kernel: () => ({ KernelId: {} }),
      ramdisk: () => ({ RamdiskId: {} }),
      userData: async () => ({ UserData: await userData() }),
      disableApiTermination: () => ({ DisableApiTermination: { Value: row.isProtected } }),
      disableApiStop: () => ({ DisableApiStop: { Value: false } }),
      instanceInitiatedShutdownBehavior: () => ({
        InstanceInitiatedShutdownBehavior: { Value: "stop" },
      }),
      rootDeviceName: () => ({ RootDeviceName: { Value: view.RootDeviceName } }),
      blockDeviceMapping: () => ({ BlockDeviceMappings: view.BlockDeviceMappings }),
      productCodes: () => ({ ProductCodes: [] }),
      sourceDestCheck: () => ({ SourceDestCheck: { Value: true } }),
      groupSet: () => ({ Groups: view.SecurityGroups }),
      ebsOptimized: () => ({ EbsOptimized: { Value: false } }),
      sriovNetSupport: () => ({ SriovNetSupport: {} }),
      enaSupport: () => ({ EnaSupport: { Value: true } }),
      enclaveOptions: () => ({ EnclaveOptions: { Enabled: false } }),
    };
    const read = Object.hasOwn(known, Attribute) ? known[Attribute] : undefined;
    if (!read) throw badValue("attribute", Attribute, "There is no such attribute.");
    return { InstanceId, ...(await read()) };
  },

  async ModifyInstanceAttribute(call) {
    const { input, database, project } = call;
    const { InstanceId = "" } = input;
    const { id } = await findInstanceRow(database, project, InstanceId);
    const { isProtected, groups, type } = wanted(input);
    if (type !== undefined) {
      const { name } = await findType(call, type);
      await call.native(changeInstanceType, { params: { instance: id }, body: { type: name } });
      await writeNotes(database, project, [{ subject: id, note: { type } }]); // As it was called.
    }
    if (groups !== undefined) {
      const uuids = await groupsById(call, groups);
      await call.native(setInstanceGroups, { params: { instance: id }, body: { groups: uuids } });
    }
    if (isProtected !== undefined)
      await call.native(protectInstance, { params: { instance: id }, body: { isProtected } });
    return {};
  },

  async ResetInstanceAttribute({ input, database, project }) {
    const { Attribute = "", InstanceId = "" } = input;
    await findInstanceRow(database, project, InstanceId);
    if (Attribute !== "sourceDestCheck") throw unsupported("An instance has no kernel of its own.");
    return {}; // It is never off.
  },

  MonitorInstances: async (call) => ({ InstanceMonitorings: await monitored(call, true) }),
  UnmonitorInstances: async (call) => ({ InstanceMonitorings: await monitored(call, false) }),

  async DescribeInstanceCreditSpecifications({ input, database, project }) {
    const rows = await findInstances(database, project, input.InstanceIds ?? []);
    if (rows.length > 0)
      throw refuse("InvalidInstanceID.NotSupported", "No type is burstable, so none has credits.");
    return { InstanceCreditSpecifications: [] };
  },

  async ModifyInstanceMetadataOptions(call) {
    const { input, database, project } = call;
    const { InstanceId = "" } = input;
    const { id } = await findInstanceRow(database, project, InstanceId);
    const body = metadataOptionsOf(input);
    if (Object.keys(body).length > 0)
      await call.native(changeMetadata, { params: { instance: id }, body });
    const row = await findInstanceRow(database, project, InstanceId);
    const view = instanceView(row, await placeOf(call));
    return { InstanceId, InstanceMetadataOptions: view.MetadataOptions };
  },
};

/** What differs between the two is what is said of it, so a client that asked for it finds it so. */
async function monitored(
  { input, database, project }: Call<"MonitorInstances" | "UnmonitorInstances">,
  isMonitored: boolean,
): Promise<readonly InstanceMonitoring[]> {
  const rows = await findInstances(database, project, input.InstanceIds ?? []);
  const notes = rows.map(({ id }) => ({ subject: id, note: { isMonitored } }));
  await writeNotes(database, project, notes);
  return rows.map(({ id }) => ({
    InstanceId: idOf("instance", id),
    Monitoring: monitoringOf(isMonitored),
  }));
}

interface Wanted {
  readonly isProtected?: boolean | undefined;
  readonly type?: string | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** One attribute in a request, in one of the two ways to say it. What is so already may be asked for. */
function wanted(input: ModifyInstanceAttributeRequest): Wanted {
  const { InstanceId: _, DryRun: __, Attribute, Value, ...named } = input;
  const given = Object.keys(named) as (keyof typeof named)[]; // Its own keys.
  if (given.length + (Attribute === undefined ? 0 : 1) !== 1)
    throw given.length === 0
      ? missing("Attribute")
      : combination("Fields for multiple attribute types specified");
  const same = (is: boolean) => {
    if (!is) throw unsupported(`The attribute ${given[0] ?? Attribute} cannot be changed.`);
    return {};
  };
  const flag = (text: string | undefined) => {
    if (text !== "true" && text !== "false")
      throw badValue("value", text ?? "", "It must be true or false.");
    return text === "true";
  };
  switch (given[0] ?? Attribute) {
    case "DisableApiTermination":
      return { isProtected: named.DisableApiTermination?.Value ?? false };
    case "disableApiTermination":
      return { isProtected: flag(Value) };
    case "InstanceType":
      return { type: named.InstanceType?.Value ?? "" };
    case "instanceType":
      return { type: Value ?? "" };
    case "Groups":
      return { groups: named.Groups };
    case "InstanceInitiatedShutdownBehavior":
      return same(named.InstanceInitiatedShutdownBehavior?.Value === "stop");
    case "instanceInitiatedShutdownBehavior":
      return same(Value === "stop");
    case "SourceDestCheck":
      return same(named.SourceDestCheck?.Value === true);
    case "sourceDestCheck":
      return same(Value === "true");
    case "EbsOptimized":
      return same(named.EbsOptimized?.Value === false);
    case "ebsOptimized":
      return same(Value === "false");
    case "EnaSupport":
      return same(named.EnaSupport?.Value === true);
    case "DisableApiStop":
      return same(named.DisableApiStop?.Value === false);
    case "disableApiStop":
      return same(Value === "false");
    default:
      return same(false);
  }
}

/** Rejects with `InvalidGroup.NotFound`. */
async function groupsById(
  {
    database,
    project,
  }: Pick<Parameters<NonNullable<Answers["ModifyInstanceAttribute"]>>[0], "database" | "project">,
  ids: readonly string[],
): Promise<string[]> {
  const rows = await database.query<{ id: string }>(
    `select id from security_group where project_id = $1 and ${digits("id")} = any($2)`,
    [project, ids.map((id) => readId("group", id))],
  );
  return ids.map((id) => {
    const row = rows.find((one) => idOf("group", one.id) === id);
    if (!row) throw refuse("InvalidGroup.NotFound", `The security group '${id}' does not exist`);
    return row.id;
  });
}
