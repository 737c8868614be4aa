/** What EC2 lets one say about the metadata of an instance. Of that only the tokens can be chosen. */
import { type MetadataTokens, metadataTokens } from "@holdfast/cloud/metadata";
import { badValue, unsupported } from "./errors.ts";
import type { InstanceMetadataOptionsRequest } from "./words.ts";

/** Undefined: nothing is said of them. Refuses what would change anything else; what is so already may be asked for. */
export function tokensOf(asked: InstanceMetadataOptionsRequest = {}): MetadataTokens | undefined {
  const { HttpEndpoint, HttpTokens, HttpProtocolIpv6, InstanceMetadataTags } = asked;
  if ((HttpEndpoint ?? "enabled") !== "enabled")
    throw unsupported("The metadata of an instance cannot be turned off.");
  if ((HttpProtocolIpv6 ?? "disabled") !== "disabled")
    throw unsupported("The metadata of an instance has no address of IPv6.");
  if ((InstanceMetadataTags ?? "disabled") !== "disabled")
    throw unsupported("The tags of an instance are not in its metadata.");
  if ((asked.HttpPutResponseHopLimit ?? 1) !== 1)
    throw unsupported("The hop limit of the metadata of an instance is 1.");
  if (HttpTokens === undefined) return undefined;
  const wanted = metadataTokens.find((word) => word === HttpTokens);
  if (!wanted) throw badValue("httpTokens", HttpTokens, "It must be optional or required.");
  return wanted;
}
