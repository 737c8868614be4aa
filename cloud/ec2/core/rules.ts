/**
 * Rules of security groups: EC2's permissions, each of which may say several things, and ours, which say one each.
 *
 * What a newcomer would get wrong: a permission that cannot be said in our words must be refused. To say a part of it
 * would let more pass than was meant, or less.
 */
import { canonical } from "@holdfast/cloud/networks";
import { badValue, missing, refuse, shortened, unsupported } from "./errors.ts";
import type { IpPermission, SecurityGroupRuleRequest } from "./words.ts";

export interface WantedRule {
  readonly protocol: "tcp" | "udp" | "icmp" | "any";
  readonly fromPort: number | undefined;
  readonly toPort: number | undefined;
  readonly cidr: string | undefined;
  /** An id or a name of EC2's. */
  readonly group: string | undefined;
  readonly description: string | undefined;
}

/** The older form of the same request, without a list. */
export interface Flat {
  readonly IpProtocol?: string | undefined;
  readonly FromPort?: number | undefined;
  readonly ToPort?: number | undefined;
  readonly CidrIp?: string | undefined;
  readonly SourceSecurityGroupName?: string | undefined;
  readonly IpPermissions?: readonly IpPermission[] | undefined;
}

export function wantedRules(input: Flat): readonly WantedRule[] {
  const { IpProtocol, FromPort, ToPort, CidrIp, SourceSecurityGroupName: source } = input;
  const flat: IpPermission | undefined =
    IpProtocol === undefined && CidrIp === undefined && source === undefined
      ? undefined
      : {
          ...{
            IpProtocol: IpProtocol ?? (source === undefined ? undefined : "-1"),
            FromPort,
            ToPort,
          },
          IpRanges: CidrIp === undefined ? [] : [{ CidrIp }],
          UserIdGroupPairs: source === undefined ? [] : [{ GroupName: source }],
        };
  const all = [...(input.IpPermissions ?? []), ...(flat ? [flat] : [])].flatMap(rulesOf);
  if (all.length === 0) throw missing("ipPermissions");
  return all;
}

function rulesOf(permission: IpPermission): readonly WantedRule[] {
  const ports = portsOf(permission);
  if (permission.PrefixListIds?.length) throw unsupported("There are no prefix lists.");
  const ranges = (permission.IpRanges ?? []).map(({ CidrIp, Description }) => ({
    ...ports,
    cidr: cidrOf(CidrIp),
    group: undefined,
    description: Description,
  }));
  const groups = (permission.UserIdGroupPairs ?? []).map((pair) => ({
    ...ports,
    cidr: undefined,
    group: pair.GroupId ?? pair.GroupName ?? nobody(),
    description: pair.Description,
  }));
  const sixes = (permission.Ipv6Ranges ?? []).map(({ CidrIpv6 }) => ({
    ...ports,
    cidr: CidrIpv6,
    group: undefined,
    description: undefined,
  }));
  if (ranges.length + groups.length + sixes.length === 0)
    throw missing("ipRanges, userIdGroupPairs or cidrIp");
  return [...ranges, ...groups, ...sixes];
}

export function ruleOf(asked: SecurityGroupRuleRequest): WantedRule {
  if (asked.PrefixListId !== undefined) throw unsupported("There are no prefix lists.");
  const cidr = asked.CidrIpv4 === undefined ? asked.CidrIpv6 : cidrOf(asked.CidrIpv4);
  if ((cidr === undefined) === (asked.ReferencedGroupId === undefined))
    throw badValue("securityGroupRule", "", "It must name one other side.");
  return {
    ...portsOf(asked),
    cidr,
    group: asked.ReferencedGroupId,
    description: asked.Description,
  };
}

const nobody = (): never => {
  throw missing("groupId");
};

function cidrOf(text: string | undefined): string {
  if (text !== undefined && /^\d+\.\d+\.\d+\.\d+\/\d+$/.test(text)) return canonical(text);
  throw refuse("InvalidParameterValue", `CIDR block ${shortened(text ?? "")} is malformed`);
}

/** Networks here carry IPv4 alone; a rule about IPv6 can be looked for, and is not there. */
export const isSix = ({ cidr }: WantedRule) => cidr?.includes(":") === true;

const numbers: Readonly<Record<string, WantedRule["protocol"]>> = {
  "-1": "any",
  all: "any",
  "6": "tcp",
  tcp: "tcp",
  "17": "udp",
  udp: "udp",
  "1": "icmp",
  icmp: "icmp",
};

function portsOf({
  IpProtocol,
  FromPort,
  ToPort,
}: Pick<IpPermission, "IpProtocol" | "FromPort" | "ToPort">): Pick<
  WantedRule,
  "protocol" | "fromPort" | "toPort"
> {
  if (IpProtocol === undefined) throw missing("ipProtocol");
  const name = IpProtocol.toLowerCase();
  const protocol = Object.hasOwn(numbers, name) ? numbers[name] : undefined;
  if (!protocol) throw unsupported(`The protocol ${shortened(IpProtocol)} is not supported.`);
  const every = { protocol, fromPort: undefined, toPort: undefined };
  if (protocol === "any") return every;
  if (protocol === "icmp") {
    if ((FromPort ?? -1) === -1 && (ToPort ?? -1) === -1) return every;
    throw unsupported("ICMP is allowed as a whole: its types and codes must be -1.");
  }
  if (FromPort === undefined || ToPort === undefined) {
    if (FromPort === undefined && ToPort === undefined) return every;
    throw missing(FromPort === undefined ? "fromPort" : "toPort");
  }
  if (FromPort === -1 && ToPort === -1) return every;
  if (FromPort < 0 || ToPort > 65_535 || FromPort > ToPort)
    throw refuse("InvalidParameterValue", `Invalid value for portRange: ${FromPort} to ${ToPort}`);
  if (ToPort === 0)
    throw unsupported("Nothing can be reached at port 0, so no rule is about it alone.");
  if (FromPort <= 1 && ToPort === 65_535) return every;
  return { protocol, fromPort: Math.max(1, FromPort), toPort: Math.max(1, ToPort) };
}

/** The ports of a rule of ours in EC2's numbers. */
export function portsView(rule: {
  readonly protocol: WantedRule["protocol"];
  readonly fromPort: number | null;
  readonly toPort: number | null;
}) {
  const { protocol, fromPort, toPort } = rule;
  if (protocol === "any") return { IpProtocol: "-1" };
  if (protocol === "icmp") return { IpProtocol: "icmp", FromPort: -1, ToPort: -1 };
  return { IpProtocol: protocol, FromPort: fromPort ?? 0, ToPort: toPort ?? fromPort ?? 65_535 };
}
