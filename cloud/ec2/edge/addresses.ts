/** Elastic addresses: our static ones. Those that the platform hands out by itself are seen at their instances. */
import {
  allocateAddress,
  attachAddress,
  detachAddress,
  releaseAddress,
} from "@holdfast/cloud/networks/api";
import type { ProjectId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";
import { badValue, combination, missing, refuse, shortened, unsupported } from "../core/errors.ts";
import { filtering, type Tag } from "../core/filters.ts";
import { digitsOf, idOf, readId } from "../core/ids.ts";
import type { Address } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { digits, findInstanceRow } from "./instance-rows.ts";
import { pageOf } from "./pages.ts";
import { mixed } from "./places.ts";
import { tagsFor, tagsOf, writeTags } from "./tags.ts";

interface Row {
  readonly id: string;
  readonly address: string;
  readonly nic: string | null;
  readonly instance: string | null;
  readonly privateAddress: string | null;
  readonly tags: readonly Tag[];
}

const select = `select a.id, host(a.address) as address, a.nic_id as nic, c.instance_id as instance,
    host(c.address) as "privateAddress", ${tagsOf("a.id")} as tags
  from public_address a left join nic c on c.id = a.nic_id where a.project_id = $1 and a.kind = 'static' order by a.id`;

const rowsOf = (sql: Sql, project: ProjectId) => sql.query<Row>(select, [project]);

/** Another one for each that has it: a late word about the one before does not take it from the next. */
const associationOf = ({ id, nic }: Row) =>
  idOf("association", mixed("association", id, nic ?? ""));

function viewOf(row: Row, account: string, region: string): Address {
  const { instance, nic, privateAddress } = row;
  return {
    PublicIp: row.address,
    AllocationId: idOf("address", row.id),
    Domain: "vpc",
    Tags: row.tags,
    PublicIpv4Pool: "amazon",
    NetworkBorderGroup: region,
    ...(instance && nic
      ? {
          InstanceId: idOf("instance", instance),
          AssociationId: associationOf(row),
          NetworkInterfaceId: idOf("nic", nic),
          NetworkInterfaceOwnerId: account,
          PrivateIpAddress: privateAddress ?? "",
        }
      : {}),
  };
}

interface Asked {
  readonly AllocationId?: string | undefined;
  readonly PublicIp?: string | undefined;
}

/** By its id or by itself. Rejects with `InvalidAllocationID.NotFound` or `InvalidAddress.NotFound`. */
async function find(call: Call, { AllocationId, PublicIp }: Asked): Promise<Row> {
  if (AllocationId === undefined && PublicIp === undefined)
    throw missing("AllocationId or PublicIp");
  if (AllocationId !== undefined && PublicIp !== undefined)
    throw combination("You may specify public IP or allocation id, but not both in the same call");
  if (AllocationId !== undefined) readId("address", AllocationId);
  const rows = await rowsOf(call.database, call.project);
  const row = rows.find(({ id, address }) =>
    AllocationId === undefined ? address === PublicIp : idOf("address", id) === AllocationId,
  );
  if (row) return row;
  throw AllocationId === undefined
    ? refuse("InvalidAddress.NotFound", `Address '${shortened(PublicIp ?? "")}' not found.`)
    : refuse("InvalidAllocationID.NotFound", `The allocation ID '${AllocationId}' does not exist`);
}

export const addressAnswers: Answers = {
  async AllocateAddress(call) {
    const {
      Domain = "vpc",
      Address: wanted,
      PublicIpv4Pool,
      CustomerOwnedIpv4Pool,
      TagSpecifications,
    } = call.input;
    if (Domain !== "vpc" && Domain !== "standard")
      throw badValue("domain", Domain, "It must be vpc.");
    if (wanted !== undefined)
      throw unsupported("An address cannot be chosen: the lowest free one is given.");
    if ((PublicIpv4Pool ?? "amazon") !== "amazon" || CustomerOwnedIpv4Pool !== undefined)
      throw unsupported("There are no pools of addresses to choose from.");
    const tags = tagsFor("elastic-ip", TagSpecifications);
    const { database, project } = call;
    const { address } = await call.native(allocateAddress, { body: {} });
    const row = await find(call, { PublicIp: address });
    await writeTags(database, project, "elastic-ip", [row.id], tags);
    return {
      PublicIp: address,
      AllocationId: idOf("address", row.id),
      PublicIpv4Pool: "amazon",
      NetworkBorderGroup: call.region,
      Domain: "vpc",
    };
  },

  async AssociateAddress(call) {
    const { InstanceId, NetworkInterfaceId, AllowReassociation, PrivateIpAddress } = call.input;
    const row = await find(call, call.input);
    const to = await targetOf(call, InstanceId, NetworkInterfaceId);
    if (PrivateIpAddress !== undefined && PrivateIpAddress !== to.address)
      throw badValue("privateIpAddress", PrivateIpAddress, "It is not that of the instance.");
    const isElsewhere = row.instance !== null && row.instance !== to.instance;
    if (isElsewhere && AllowReassociation === false)
      throw refuse(
        "Resource.AlreadyAssociated",
        `resource ${idOf("address", row.id)} is already associated with associate-id ${associationOf(row)}`,
      );
    await call.native(attachAddress, {
      params: { address: row.address },
      body: { instance: to.instance, ...(to.network === undefined ? {} : { network: to.network }) },
    });
    return { AssociationId: associationOf(await find(call, { PublicIp: row.address })) };
  },

  async DisassociateAddress(call) {
    const { AssociationId, PublicIp } = call.input;
    const row =
      AssociationId === undefined
        ? await find(call, { PublicIp })
        : await associated(call, AssociationId);
    if (row.nic !== null)
      await call.native(detachAddress, { params: { address: row.address }, body: {} });
    return {};
  },

  async ReleaseAddress(call) {
    const row = await find(call, call.input);
    if (row.nic !== null)
      throw refuse("InvalidIPAddress.InUse", `Address ${row.address} is in use.`);
    await call.native(releaseAddress, { params: { address: row.address } });
    return {};
  },

  async DescribeAddresses(call) {
    const { AllocationIds, PublicIps, Filters } = call.input;
    const account = accountOf(call.project);
    const rows = await rowsOf(call.database, call.project);
    const all = rows.map((row) => viewOf(row, account, call.region));
    for (const id of AllocationIds ?? []) {
      readId("address", id);
      if (!all.some(({ AllocationId }) => AllocationId === id))
        throw refuse("InvalidAllocationID.NotFound", `The allocation ID '${id}' does not exist`);
    }
    for (const ip of PublicIps ?? [])
      if (!all.some(({ PublicIp }) => PublicIp === ip))
        throw refuse("InvalidAddress.NotFound", `Address '${shortened(ip)}' not found.`);
    const passes = filtering<Address>(
      Filters,
      {
        "allocation-id": ({ AllocationId }) => AllocationId,
        "association-id": ({ AssociationId }) => AssociationId,
        domain: ({ Domain }) => Domain,
        "instance-id": ({ InstanceId }) => InstanceId,
        "network-border-group": ({ NetworkBorderGroup }) => NetworkBorderGroup,
        "network-interface-id": ({ NetworkInterfaceId }) => NetworkInterfaceId,
        "network-interface-owner-id": ({ NetworkInterfaceOwnerId }) => NetworkInterfaceOwnerId,
        "private-ip-address": ({ PrivateIpAddress }) => PrivateIpAddress,
        "public-ip": ({ PublicIp }) => PublicIp,
      },
      ({ Tags = [] }) => Tags as readonly Tag[], // Keys and values are there.
    );
    const isNamed = ({ AllocationId = "", PublicIp = "" }: Address) =>
      (!AllocationIds && !PublicIps) ||
      AllocationIds?.includes(AllocationId) ||
      PublicIps?.includes(PublicIp);
    return { Addresses: all.filter((one) => isNamed(one) && passes(one)) };
  },

  async DescribeAddressesAttribute(call) {
    const { AllocationIds, Attribute = "domain-name" } = call.input;
    if (Attribute !== "domain-name")
      throw badValue("attribute", Attribute, "It must be domain-name.");
    const rows = await rowsOf(call.database, call.project);
    const all = rows.map(({ id, address }) => ({
      AllocationId: idOf("address", id),
      PublicIp: address,
    }));
    for (const id of AllocationIds ?? []) {
      readId("address", id);
      if (!all.some(({ AllocationId }) => AllocationId === id))
        throw refuse("InvalidAllocationID.NotFound", `The allocation ID '${id}' does not exist`);
    }
    const found = all.filter(
      ({ AllocationId }) => !AllocationIds || AllocationIds.includes(AllocationId),
    );
    const { page, next } = pageOf(
      found,
      ({ AllocationId }) => AllocationId,
      call.input,
      "address",
      AllocationIds,
    );
    return { Addresses: page, ...next };
  },
};

async function associated(call: Call, id: string): Promise<Row> {
  readId("association", id);
  const rows = await rowsOf(call.database, call.project);
  const row = rows.find((one) => one.nic !== null && associationOf(one) === id);
  if (row) return row;
  throw refuse("InvalidAssociationID.NotFound", `The association ID '${id}' does not exist`);
}

interface Target {
  readonly instance: string;
  readonly network: string | undefined;
  readonly address: string;
}

async function targetOf(
  call: Call,
  instance: string | undefined,
  card: string | undefined,
): Promise<Target> {
  if (card === undefined) {
    if (instance === undefined) throw missing("InstanceId or NetworkInterfaceId");
    const row = await findInstanceRow(call.database, call.project, instance);
    return { instance: row.id, network: undefined, address: row.nics[0]?.address ?? "" };
  }
  const [nic] = await call.database.query<Target>(
    `select i.id as instance, c.network_id as network, host(c.address) as address
     from nic c join instance i on i.id = c.instance_id
     where i.project_id = $1 and ${digits("c.id")} = $2 and not i.is_expunged and i.state not in ('destroyed', 'expunging')`,
    [call.project, readId("nic", card)],
  );
  if (!nic)
    throw refuse(
      "InvalidNetworkInterfaceID.NotFound",
      `The networkInterface ID '${card}' does not exist`,
    );
  if (instance !== undefined && readId("instance", instance) !== digitsOf(nic.instance))
    throw combination(`${card} is not of ${instance}`);
  return nic;
}
