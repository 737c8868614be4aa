/**
 * EC2's ids as views of ours: a prefix, and the last 17 digits of the UUID.
 *
 * Not the first 17: those are the time and 14 bits of chance, and a thousand instances that are made in one
 * millisecond would share them. The last 17 hold 66 bits of chance, and a unique index sees to the rest.
 */
import { refuse, shortened } from "./errors.ts";

const prefixes = {
  instance: ["i", "InvalidInstanceID.Malformed"],
  image: ["ami", "InvalidAMIID.Malformed"],
  volume: ["vol", "InvalidVolumeID.Malformed"],
  snapshot: ["snap", "InvalidSnapshotID.Malformed"],
  group: ["sg", "InvalidGroupId.Malformed"],
  rule: ["sgr", "InvalidSecurityGroupRuleId.Malformed"],
  key: ["key", "InvalidKeyPair.NotFound"],
  network: ["vpc", "InvalidVpcID.Malformed"],
  subnet: ["subnet", "InvalidSubnetID.Malformed"],
  nic: ["eni", "InvalidNetworkInterfaceID.Malformed"],
  address: ["eipalloc", "InvalidAllocationID.Malformed"],
  association: ["eipassoc", "InvalidAssociationID.Malformed"],
  reservation: ["r", "InvalidReservationID.Malformed"],
  routeTable: ["rtb", "InvalidRouteTableID.Malformed"],
  event: ["instance-event", "InvalidInstanceEventIDNotFound"],
  options: ["dopt", "InvalidDhcpOptionID.Malformed"],
  acl: ["acl", "InvalidNetworkAclID.Malformed"],
} as const satisfies Record<string, readonly [prefix: string, malformed: string]>;

export type Noun = keyof typeof prefixes;

/** The digits of an id of ours: those of a UUID, cut out where they stand, as a page has five thousand of them. */
export const digitsOf = (uuid: string) => uuid.charAt(17) + uuid.slice(19, 23) + uuid.slice(24);

/** `digits`: 17 of them, or a UUID. */
export const idOf = (noun: Noun, digits: string) =>
  `${prefixes[noun][0]}-${digits.length === 17 ? digits : digitsOf(digits)}`;

/** The digits of an id of EC2's. One of the old short ones is well-formed, and belongs to nothing. */
export function readId(noun: Noun, id: string): string {
  const [prefix, malformed] = prefixes[noun];
  const digits = id.startsWith(`${prefix}-`) ? id.slice(prefix.length + 1) : "";
  if (/^([0-9a-f]{17}|[0-9a-f]{8})$/.test(digits)) return digits;
  throw refuse(malformed, `Invalid id: "${shortened(id)}" (expecting "${prefix}-...")`);
}
