/**
 * Real clients of EC2, pointed at a platform of the tests: each is run as its users run it, with a key of its own and
 * nothing of the machine's configuration.
 */
import { execFile } from "node:child_process";
import { readToken } from "@holdfast/cloud/access/edge";
import type { Platform } from "../platform.ts";

export const region = "holdfast-1";

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who is asked, and by whom. */
export interface Target {
  readonly endpoint: string;
  readonly token: string;
  /** A file with the authority that is believed, where it is asked over TLS. */
  readonly authority?: string;
}

const targetOf = (one: Platform | Target): Target =>
  "endpoint" in one ? one : { endpoint: endpoint(one), token: one.token };

/** `/usr/bin` first: a version manager's shim would look for another Python. */
export function environment(target: Platform | Target): Record<string, string> {
  const { endpoint: url, token, authority } = targetOf(target);
  const { id = "", secret = "" } = readToken(token) ?? {};
  return {
    PATH: "/usr/bin:/bin",
    HOME: "/nonexistent",
    AWS_ACCESS_KEY_ID: id,
    AWS_SECRET_ACCESS_KEY: secret,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: "true",
    AWS_PAGER: "",
    AWS_MAX_ATTEMPTS: "1",
    ENDPOINT: url,
    ...(authority === undefined ? {} : { AWS_CA_BUNDLE: authority }),
  };
}

export const endpoint = (platform: Platform) =>
  `http://127.0.0.1:${platform.managers.find((one) => one !== undefined)?.ec2Port}`;

export function program(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
  input = "",
): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      { env, maxBuffer: 64 * 1024 * 1024, timeout: 180_000 },
      (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? 1) : 0, stdout, stderr }),
    );
    child.stdin?.end(input);
  });
}

/** `aws ec2 …`. Its answer as a value. Throws what it said if it fails. */
export async function aws<T = Record<string, never>>(
  platform: Platform | Target,
  args: readonly string[],
  service: "ec2" | "sts" = "ec2",
): Promise<T> {
  const ended = await tryAws(platform, args, service);
  if (ended.code !== 0) throw new Error(`aws ${args.join(" ")}: ${ended.stderr}`);
  return (ended.stdout.trim() === "" ? {} : JSON.parse(ended.stdout)) as T; // The tests look at it.
}

export const tryAws = (
  platform: Platform | Target,
  args: readonly string[],
  service: "ec2" | "sts" = "ec2",
): Promise<Ended> =>
  program(
    "/usr/bin/aws",
    ["--endpoint-url", targetOf(platform).endpoint, "--output", "json", service, ...args],
    environment(platform),
  );

/** A Python program that finds `ENDPOINT` in its environment and prints one JSON value. */
export async function python<T = Record<string, never>>(
  platform: Platform | Target,
  text: string,
): Promise<T> {
  const ended = await program("/usr/bin/python3", ["-"], environment(platform), text);
  if (ended.code !== 0) throw new Error(ended.stderr);
  return JSON.parse(ended.stdout) as T; // The tests look at it.
}

/** What scripts for boto3 begin with: a client, short waits, the code of a refusal, and the image `tiny`. */
export const boto3 = `
import boto3, json, os
from botocore.exceptions import ClientError
ec2 = boto3.client("ec2", endpoint_url=os.environ["ENDPOINT"])
quick = {"Delay": 1, "MaxAttempts": 60}
def code(call, **args):
    try:
        call(**args)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return "no error"
def wait(name, **args):
    ec2.get_waiter(name).wait(WaiterConfig=quick, **args)
image = ec2.describe_images(Filters=[{"Name": "name", "Values": ["tiny"]}])["Images"][0]["ImageId"]
`;
