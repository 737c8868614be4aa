/** What EC2 lets one say about the metadata of an instance, in our words. What is so already may be asked for. */
import { type MetadataTokens, metadataTokens } from "@holdfast/cloud/metadata";
import { badValue, unsupported } from "./errors.ts";
import type { InstanceMetadataOptionsRequest } from "./words.ts";

/** What is not said stays as it is. */
export interface MetadataOptions {
  readonly metadata?: "on" | "off";
  readonly metadataTokens?: MetadataTokens;
  readonly metadataHops?: number;
}

/** Rejects what there is not by name. */
export function metadataOptionsOf(asked: InstanceMetadataOptionsRequest = {}): MetadataOptions {
  const { HttpEndpoint, HttpTokens, HttpProtocolIpv6, InstanceMetadataTags } = asked;
  if ((HttpProtocolIpv6 ?? "disabled") !== "disabled")
    throw unsupported("The metadata of an instance has no address of IPv6.");
  if ((InstanceMetadataTags ?? "disabled") !== "disabled")
    throw unsupported("The tags of an instance are not in its metadata.");
  const hops = asked.HttpPutResponseHopLimit;
  if (hops !== undefined && (hops < 1 || hops > 64))
    throw badValue("httpPutResponseHopLimit", String(hops), "It must be 1 to 64.");
  return {
    ...(HttpEndpoint === undefined
      ? {}
      : { metadata: oneOf({ enabled: "on", disabled: "off" }, "httpEndpoint", HttpEndpoint) }),
    ...(HttpTokens === undefined
      ? {}
      : { metadataTokens: oneOf(tokenWords, "httpTokens", HttpTokens) }),
    ...(hops === undefined ? {} : { metadataHops: hops }),
  };
}

const tokenWords = Object.fromEntries(metadataTokens.map((word) => [word, word]));

function oneOf<Ours extends string>(
  words: Readonly<Record<string, Ours>>,
  name: string,
  said: string,
): Ours {
  const found = Object.hasOwn(words, said) ? words[said] : undefined;
  if (found === undefined)
    throw badValue(name, said, `It must be ${Object.keys(words).join(" or ")}.`);
  return found;
}
