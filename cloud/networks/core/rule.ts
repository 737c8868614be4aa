/** What a rule of a security group may say. Each field is right by itself; this is about how they fit. */
import type { Protocol } from "./model.ts";

export interface RuleRequest {
  readonly protocol: Protocol;
  readonly fromPort?: number | undefined;
  readonly toPort?: number | undefined;
  readonly cidr?: string | undefined;
  readonly group?: string | undefined;
}

/** The first thing that is wrong with it, and where; undefined if it is right. */
export function ruleFault({
  protocol,
  fromPort,
  toPort,
  cidr,
  group,
}: RuleRequest): { readonly field: keyof RuleRequest; readonly reason: string } | undefined {
  if ((cidr === undefined) === (group === undefined))
    return { field: "cidr", reason: "either `cidr` or `group` must be given" };
  const isPorted = protocol === "tcp" || protocol === "udp";
  if (toPort !== undefined && fromPort === undefined)
    return { field: "fromPort", reason: "must be given with `toPort`" };
  // To leave the ports aside instead would let everything pass.
  if (fromPort !== undefined && !isPorted)
    return { field: "fromPort", reason: "only tcp and udp have ports" };
  if (fromPort !== undefined && toPort !== undefined && toPort < fromPort)
    return { field: "toPort", reason: "must not be smaller than `fromPort`" };
  return undefined;
}
