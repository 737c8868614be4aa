/**
 * Networks, as EC2 has them: each of ours is a VPC, with a subnet in each zone. One network of ours spans all zones, so
 * its subnets have the same addresses: which of them a guest gets does not depend on its zone.
 */
import { listNetworks, type NetworkView } from "@holdfast/cloud/networks/api";
import { everyPage } from "@holdfast/kernel/pages";
import { badValue, refuse, shortened } from "../core/errors.ts";
import { filtering } from "../core/filters.ts";
import { idOf, readId } from "../core/ids.ts";
import { nicView } from "../core/instance.ts";
import type { NetworkInterface, RouteTable, Subnet, Vpc } from "../core/words.ts";
import { type Answers, accountOf, type Call } from "./call.ts";
import { tryDefaults } from "./defaults.ts";
import { zoneOf } from "./instance-rows.ts";
import { nicsOf } from "./nic-rows.ts";
import { pageOf } from "./pages.ts";
import { mixed, placeOf, subnetOf, zonesOf } from "./places.ts";

async function networksOf(call: Call): Promise<readonly NetworkView[]> {
  await tryDefaults(call);
  return everyPage(
    (after) => call.native(listNetworks, { query: { after } }),
    ({ networks }) => networks,
  );
}

const isDefault = ({ name }: NetworkView) => name === "default";

function vpcOf(network: NetworkView, account: string): Vpc {
  const id = idOf("network", network.id);
  return {
    CidrBlock: network.cidr,
    DhcpOptionsId: idOf("options", mixed("dhcp", network.id)),
    State: "available",
    VpcId: id,
    OwnerId: account,
    InstanceTenancy: "default",
    Ipv6CidrBlockAssociationSet: [],
    CidrBlockAssociationSet: [
      {
        AssociationId: `vpc-cidr-assoc-${mixed("cidr", network.id)}`,
        CidrBlock: network.cidr,
        CidrBlockState: { State: "associated" },
      },
    ],
    IsDefault: isDefault(network),
    Tags: [{ Key: "Name", Value: network.name }],
  };
}

function subnetView(network: NetworkView, zone: string, account: string, region: string): Subnet {
  const id = subnetOf(network.id, zone);
  return {
    AvailabilityZone: zone,
    AvailabilityZoneId: zone,
    AvailableIpAddressCount: Math.max(0, network.capacity - network.guests),
    CidrBlock: network.cidr,
    DefaultForAz: isDefault(network),
    MapPublicIpOnLaunch: false,
    MapCustomerOwnedIpOnLaunch: false,
    State: "available",
    SubnetId: id,
    VpcId: idOf("network", network.id),
    OwnerId: account,
    AssignIpv6AddressOnCreation: false,
    Ipv6CidrBlockAssociationSet: [],
    Tags: [],
    SubnetArn: `arn:aws:ec2:${region}:${account}:subnet/${id}`,
    EnableDns64: false,
    Ipv6Native: false,
  };
}

/** Refuses an id that nothing of these has. */
function checkIds(
  noun: "network" | "subnet" | "routeTable" | "nic",
  wanted: readonly string[] | undefined,
  known: readonly (string | undefined)[],
  [code, what]: readonly [string, string],
): void {
  for (const id of wanted ?? []) {
    readId(noun, id);
    if (!known.includes(id)) throw refuse(code, `The ${what} ID '${shortened(id)}' does not exist`);
  }
}

/** Tags of networks are made up here. */
const named = ({
  Tags = [],
}: {
  readonly Tags?: readonly { Key?: string | undefined; Value?: string | undefined }[] | undefined;
}) => Tags.map(({ Key = "", Value = "" }) => ({ Key, Value }));

interface CardRow {
  readonly name: string;
  readonly instance: string;
  readonly zone: string | null;
  readonly createdAt: NonNullable<Parameters<typeof nicView>[2]["createdAt"]>;
}

async function cardsOf(call: Call): Promise<readonly NetworkInterface[]> {
  const place = await placeOf(call);
  const rows = await call.database.query<CardRow>(
    `select i.name, i.id as instance, ${zoneOf("i")} as zone, i.created_at as "createdAt"
     from instance i where i.project_id = $1 and not i.is_expunged and i.state not in ('destroyed', 'expunging')
       and exists (select from nic c where c.instance_id = i.id) order by i.id`,
    [call.project],
  );
  const nics = await nicsOf(
    call.database,
    rows.map(({ instance }) => instance),
  );
  return rows.flatMap((row) =>
    (nics.get(row.instance) ?? []).map((nic, index): NetworkInterface => {
      const { Attachment, ...view } = nicView(nic, index, row, place);
      return {
        ...view,
        Attachment: {
          ...Attachment,
          InstanceId: idOf("instance", row.instance),
          InstanceOwnerId: place.account,
        },
        AvailabilityZone: row.zone ?? place.zone,
        RequesterManaged: false,
        TagSet: [],
      };
    }),
  );
}

export const networkAnswers: Answers = {
  async DescribeVpcs(call) {
    const { VpcIds, Filters } = call.input;
    const account = accountOf(call.project);
    const all = (await networksOf(call)).map((network) => vpcOf(network, account));
    checkIds(
      "network",
      VpcIds,
      all.map(({ VpcId }) => VpcId),
      ["InvalidVpcID.NotFound", "vpc"],
    );
    const passes = filtering<Vpc>(
      Filters,
      {
        cidr: ({ CidrBlock }) => CidrBlock,
        "cidr-block": ({ CidrBlock }) => CidrBlock,
        "cidr-block-association.cidr-block": ({ CidrBlock }) => CidrBlock,
        "dhcp-options-id": ({ DhcpOptionsId }) => DhcpOptionsId,
        "is-default": ({ IsDefault }) => IsDefault,
        isDefault: ({ IsDefault }) => IsDefault,
        "owner-id": ({ OwnerId }) => OwnerId,
        state: ({ State }) => State,
        "vpc-id": ({ VpcId }) => VpcId,
      },
      named,
    );
    const found = all.filter((one) => (!VpcIds || VpcIds.includes(one.VpcId ?? "")) && passes(one));
    const { page, next } = pageOf(found, ({ VpcId = "" }) => VpcId, call.input, "vpc", VpcIds);
    return { Vpcs: page, ...next };
  },

  async DescribeSubnets(call) {
    const { SubnetIds, Filters } = call.input;
    const account = accountOf(call.project);
    const zones = await zonesOf(call.database);
    const all = (await networksOf(call)).flatMap((network) =>
      zones.map((zone) => subnetView(network, zone, account, call.region)),
    );
    checkIds(
      "subnet",
      SubnetIds,
      all.map(({ SubnetId }) => SubnetId),
      ["InvalidSubnetID.NotFound", "subnet"],
    );
    const passes = filtering<Subnet>(
      Filters,
      {
        "availability-zone": ({ AvailabilityZone }) => AvailabilityZone,
        availabilityZone: ({ AvailabilityZone }) => AvailabilityZone,
        "availability-zone-id": ({ AvailabilityZoneId }) => AvailabilityZoneId,
        "available-ip-address-count": ({ AvailableIpAddressCount }) => AvailableIpAddressCount,
        "cidr-block": ({ CidrBlock }) => CidrBlock,
        cidr: ({ CidrBlock }) => CidrBlock,
        "default-for-az": ({ DefaultForAz }) => DefaultForAz,
        defaultForAz: ({ DefaultForAz }) => DefaultForAz,
        "map-public-ip-on-launch": ({ MapPublicIpOnLaunch }) => MapPublicIpOnLaunch,
        "owner-id": ({ OwnerId }) => OwnerId,
        state: ({ State }) => State,
        "subnet-arn": ({ SubnetArn }) => SubnetArn,
        "subnet-id": ({ SubnetId }) => SubnetId,
        "vpc-id": ({ VpcId }) => VpcId,
      },
      named,
    );
    const found = all.filter(
      (one) => (!SubnetIds || SubnetIds.includes(one.SubnetId ?? "")) && passes(one),
    );
    const { page, next } = pageOf(
      found,
      ({ SubnetId = "" }) => SubnetId,
      call.input,
      "subnet",
      SubnetIds,
    );
    return { Subnets: page, ...next };
  },

  async DescribeVpcAttribute(call) {
    const { Attribute = "", VpcId = "" } = call.input;
    const known = (await networksOf(call)).map(({ id }) => idOf("network", id));
    checkIds("network", [VpcId], known, ["InvalidVpcID.NotFound", "vpc"]);
    if (Attribute === "enableDnsSupport") return { VpcId, EnableDnsSupport: { Value: true } };
    if (Attribute === "enableDnsHostnames") return { VpcId, EnableDnsHostnames: { Value: true } };
    if (Attribute === "enableNetworkAddressUsageMetrics")
      return { VpcId, EnableNetworkAddressUsageMetrics: { Value: false } };
    throw badValue("attribute", Attribute, "There is no such attribute.");
  },

  async DescribeRouteTables(call) {
    const { RouteTableIds, Filters } = call.input;
    const account = accountOf(call.project);
    const all = (await networksOf(call)).map(({ id, cidr }): RouteTable => {
      const table = idOf("routeTable", mixed("routes", id));
      return {
        Associations: [
          {
            Main: true,
            RouteTableAssociationId: `rtbassoc-${mixed("main", id)}`,
            RouteTableId: table,
            AssociationState: { State: "associated" },
          },
        ],
        PropagatingVgws: [],
        RouteTableId: table,
        Routes: [
          {
            DestinationCidrBlock: cidr,
            GatewayId: "local",
            Origin: "CreateRouteTable",
            State: "active",
          },
          {
            DestinationCidrBlock: "0.0.0.0/0",
            GatewayId: `igw-${mixed("router", id)}`,
            Origin: "CreateRoute",
            State: "active",
          },
        ],
        Tags: [],
        VpcId: idOf("network", id),
        OwnerId: account,
      };
    });
    const ids = all.map(({ RouteTableId }) => RouteTableId);
    checkIds("routeTable", RouteTableIds, ids, ["InvalidRouteTableID.NotFound", "routeTable"]);
    const passes = filtering<RouteTable>(
      Filters,
      {
        "association.gateway-id": () => undefined,
        "association.main": () => true,
        "association.route-table-association-id": ({ Associations = [] }) =>
          Associations.map(({ RouteTableAssociationId }) => RouteTableAssociationId),
        "association.route-table-id": ({ RouteTableId }) => RouteTableId,
        "association.subnet-id": () => undefined,
        "owner-id": ({ OwnerId }) => OwnerId,
        "route-table-id": ({ RouteTableId }) => RouteTableId,
        "route.destination-cidr-block": ({ Routes = [] }) =>
          Routes.map(({ DestinationCidrBlock }) => DestinationCidrBlock),
        "route.gateway-id": ({ Routes = [] }) => Routes.map(({ GatewayId }) => GatewayId),
        "vpc-id": ({ VpcId }) => VpcId,
      },
      () => [],
    );
    const found = all.filter(
      (one) => (!RouteTableIds || RouteTableIds.includes(one.RouteTableId ?? "")) && passes(one),
    );
    const keyOf = ({ RouteTableId = "" }: RouteTable) => RouteTableId;
    const { page, next } = pageOf(found, keyOf, call.input, "routeTable", RouteTableIds);
    return { RouteTables: page, ...next };
  },

  async DescribeNetworkInterfaces(call) {
    const { NetworkInterfaceIds, Filters } = call.input;
    const all = await cardsOf(call);
    const ids = all.map(({ NetworkInterfaceId }) => NetworkInterfaceId);
    checkIds("nic", NetworkInterfaceIds, ids, [
      "InvalidNetworkInterfaceID.NotFound",
      "networkInterface",
    ]);
    const passes = filtering<NetworkInterface>(
      Filters,
      {
        "addresses.private-ip-address": ({ PrivateIpAddress }) => PrivateIpAddress,
        "association.public-ip": ({ Association }) => Association?.PublicIp,
        "attachment.attachment-id": ({ Attachment }) => Attachment?.AttachmentId,
        "attachment.device-index": ({ Attachment }) => Attachment?.DeviceIndex,
        "attachment.instance-id": ({ Attachment }) => Attachment?.InstanceId,
        "attachment.status": ({ Attachment }) => Attachment?.Status,
        "availability-zone": ({ AvailabilityZone }) => AvailabilityZone,
        description: ({ Description }) => Description,
        "group-id": ({ Groups = [] }) => Groups.map(({ GroupId }) => GroupId),
        "group-name": ({ Groups = [] }) => Groups.map(({ GroupName }) => GroupName),
        "interface-type": ({ InterfaceType }) => InterfaceType,
        "mac-address": ({ MacAddress }) => MacAddress,
        "network-interface-id": ({ NetworkInterfaceId }) => NetworkInterfaceId,
        "owner-id": ({ OwnerId }) => OwnerId,
        "private-dns-name": ({ PrivateDnsName }) => PrivateDnsName,
        "private-ip-address": ({ PrivateIpAddress }) => PrivateIpAddress,
        "requester-id": () => undefined,
        "requester-managed": ({ RequesterManaged }) => RequesterManaged,
        status: ({ Status }) => Status,
        "subnet-id": ({ SubnetId }) => SubnetId,
        "vpc-id": ({ VpcId }) => VpcId,
      },
      () => [],
    );
    const found = all.filter(
      (one) =>
        (!NetworkInterfaceIds || NetworkInterfaceIds.includes(one.NetworkInterfaceId ?? "")) &&
        passes(one),
    );
    const keyOf = ({ NetworkInterfaceId = "" }: NetworkInterface) => NetworkInterfaceId;
    const { page, next } = pageOf(
      found,
      keyOf,
      call.input,
      "networkInterface",
      NetworkInterfaceIds,
    );
    return { NetworkInterfaces: page, ...next };
  },

  async DescribeNetworkInterfaceAttribute(call) {
    const { Attribute = "", NetworkInterfaceId = "" } = call.input;
    readId("nic", NetworkInterfaceId);
    const card = (await cardsOf(call)).find((one) => one.NetworkInterfaceId === NetworkInterfaceId);
    if (!card)
      throw refuse(
        "InvalidNetworkInterfaceID.NotFound",
        `The networkInterface ID '${NetworkInterfaceId}' does not exist`,
      );
    if (Attribute === "description") return { NetworkInterfaceId, Description: { Value: "" } };
    if (Attribute === "groupSet") return { NetworkInterfaceId, Groups: card.Groups };
    if (Attribute === "sourceDestCheck")
      return { NetworkInterfaceId, SourceDestCheck: { Value: true } };
    if (Attribute === "attachment") return { NetworkInterfaceId, Attachment: card.Attachment };
    throw badValue("attribute", Attribute, "There is no such attribute.");
  },
};
