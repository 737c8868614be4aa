/** The SDK of AWS for JavaScript, pointed at a platform of the tests. */
import { EC2Client } from "@aws-sdk/client-ec2";
import { readToken } from "@holdfast/cloud/access/edge";
import type { Platform } from "../platform.ts";
import { endpoint, region } from "./clients.ts";

export function clientOf(platform: Platform): EC2Client {
  const { id = "", secret = "" } = readToken(platform.token) ?? {};
  return new EC2Client({
    ...{ region, endpoint: endpoint(platform) },
    credentials: { accessKeyId: id, secretAccessKey: secret },
  });
}

/** EC2's id of it; empty if there is none. */
export async function imageNamed(platform: Platform, wanted: string): Promise<string> {
  const { body } = await platform.call<{ images: { id: string; name: string }[] }>(
    "GET",
    "/v1/projects/default/images",
  );
  const id = body.images.find(({ name }) => name === wanted)?.id ?? "";
  return id === "" ? "" : `ami-${id.replaceAll("-", "").slice(-17)}`;
}
