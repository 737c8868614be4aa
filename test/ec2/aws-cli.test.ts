/** The AWS command line against simulated hosts: what a user types first, with its waiters. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { sharedPlatform, until } from "../platform.ts";
import { aws, endpoint, tryAws } from "./clients.ts";

const platform = await sharedPlatform({ hosts: 2 });

interface Instance {
  readonly MetadataOptions: { readonly HttpTokens: string };
  readonly InstanceId: string;
  readonly ImageId: string;
  readonly InstanceType: string;
  readonly State: { readonly Name: string; readonly Code: number };
  readonly Tags?: readonly { readonly Key: string; readonly Value: string }[];
  readonly SecurityGroups: readonly { readonly GroupName: string }[];
  readonly PrivateIpAddress?: string;
}

async function imageId(): Promise<string> {
  const { Images } = await aws<{ Images: { ImageId: string; Name: string }[] }>(platform, [
    ...["describe-images", "--filters", "Name=name,Values=tiny"],
  ]);
  assert.equal(Images.length, 1);
  return Images[0]?.ImageId ?? "";
}

async function show(id: string): Promise<Instance | undefined> {
  const { Reservations } = await aws<{ Reservations: { Instances: Instance[] }[] }>(platform, [
    ...["describe-instances", "--instance-ids", id],
  ]);
  return Reservations.flatMap(({ Instances }) => Instances)[0];
}

/** The command's waiters look every 15 s: they are asked when what they wait for is so. */
async function settled(state: string, ids: readonly string[]): Promise<void> {
  await until(`${ids.join(" and ")} are ${state}`, async () => {
    const rows = await platform.database.query<{ state: string }>(
      "select state from instance where right(replace(id::text, '-', ''), 17) = any($1)",
      [ids.map((id) => id.slice(2))],
    );
    return rows.every((row) => row.state === state);
  });
}

test("who asks, where, and what there is", async () => {
  const identity = await aws<{ Account: string; Arn: string }>(
    platform,
    ["get-caller-identity"],
    "sts",
  );
  assert.match(identity.Account, /^\d{12}$/);
  assert.match(identity.Arn, /operator$/);
  const { Regions } = await aws<{ Regions: { RegionName: string; Endpoint: string }[] }>(platform, [
    "describe-regions",
  ]);
  assert.deepEqual(
    Regions.map(({ RegionName, Endpoint }) => [RegionName, `http://${Endpoint}`]),
    [["holdfast-1", endpoint(platform)]],
  );
  const { AvailabilityZones } = await aws<{ AvailabilityZones: { ZoneName: string }[] }>(platform, [
    "describe-availability-zones",
  ]);
  assert.deepEqual(
    AvailabilityZones.map(({ ZoneName }) => ZoneName),
    ["default"],
  );
  const { InstanceTypes } = await aws<{
    InstanceTypes: { InstanceType: string; MemoryInfo: { SizeInMiB: number } }[];
  }>(platform, ["describe-instance-types", "--instance-types", "tiny", "t3.nano"]);
  assert.deepEqual(
    InstanceTypes.map(({ InstanceType, MemoryInfo }) => [
      InstanceType,
      MemoryInfo.SizeInMiB,
    ]).sort(),
    [
      ["t3.nano", 512],
      ["tiny", 128],
    ],
  );
});

test("an instance is run, found by its tag, stopped, started, rebooted and ended", async () => {
  const image = await imageId();
  const { Instances, ReservationId } = await aws<{ Instances: Instance[]; ReservationId: string }>(
    platform,
    [
      ...["run-instances", "--image-id", image, "--instance-type", "t3.nano", "--count", "2"],
      ...[
        "--tag-specifications",
        "ResourceType=instance,Tags=[{Key=Name,Value=web},{Key=<&>,Value=\"'x'\"}]",
      ],
      ...["--user-data", "#!/bin/sh\necho hello\n", "--metadata-options", "HttpTokens=required"],
    ],
  );
  assert.equal(Instances.length, 2);
  assert.match(ReservationId, /^r-[0-9a-f]{17}$/);
  const [first, second] = Instances.map(({ InstanceId }) => InstanceId);
  assert.ok(first && second);
  assert.match(first, /^i-[0-9a-f]{17}$/);
  await settled("running", [first, second]);
  await aws(platform, ["wait", "instance-running", "--instance-ids", first, second]);
  const found = await aws<{ Reservations: { ReservationId: string; Instances: Instance[] }[] }>(
    platform,
    [
      ...[
        "describe-instances",
        "--filters",
        "Name=tag:Name,Values=w?b*",
        "Name=instance-state-name,Values=running",
      ],
    ],
  );
  assert.deepEqual(
    found.Reservations.map((one) => [one.ReservationId, one.Instances.length]),
    [[ReservationId, 2]],
  );
  const shown = await show(first);
  assert.equal(shown?.InstanceType, "t3.nano");
  assert.equal(shown?.ImageId, image);
  assert.deepEqual(shown?.Tags, [
    { Key: "<&>", Value: "'x'" },
    { Key: "Name", Value: "web" },
  ]);
  assert.deepEqual(
    shown?.SecurityGroups.map(({ GroupName }) => GroupName),
    ["default"],
  );
  assert.ok(shown?.PrivateIpAddress);
  assert.equal(shown.MetadataOptions.HttpTokens, "required");
  await aws(platform, [
    ...["modify-instance-metadata-options", "--instance-id", first, "--http-tokens", "optional"],
  ]);
  assert.equal((await show(first))?.MetadataOptions.HttpTokens, "optional");

  await aws(platform, ["wait", "instance-status-ok", "--instance-ids", first]);
  await aws(platform, ["reboot-instances", "--instance-ids", first]);
  const stopped = await aws<{
    StoppingInstances: { CurrentState: { Name: string }; PreviousState: { Name: string } }[];
  }>(platform, ["stop-instances", "--instance-ids", first, "--force"]);
  assert.equal(stopped.StoppingInstances[0]?.PreviousState.Name, "running");
  await settled("stopped", [first]);
  await aws(platform, ["wait", "instance-stopped", "--instance-ids", first]);
  await aws(platform, ["start-instances", "--instance-ids", first]);
  await settled("running", [first]);
  await aws(platform, ["wait", "instance-running", "--instance-ids", first]);
  await aws(platform, ["terminate-instances", "--instance-ids", first, second]);
  await settled("destroyed", [first, second]);
  await aws(platform, ["wait", "instance-terminated", "--instance-ids", first, second]);
  assert.equal((await show(first))?.State.Code, 48);
});

test("what is not there, not allowed or not known is refused in EC2's words", async () => {
  const codeOf = async (args: readonly string[]) => {
    const { stderr } = await tryAws(platform, args);
    return /An error occurred \(([\w.]+)\)/.exec(stderr)?.[1] ?? stderr;
  };
  const missing = "i-00000000000000000";
  assert.equal(
    await codeOf(["describe-instances", "--instance-ids", missing]),
    "InvalidInstanceID.NotFound",
  );
  assert.equal(
    await codeOf(["describe-instances", "--instance-ids", "web"]),
    "InvalidInstanceID.Malformed",
  );
  assert.equal(
    await codeOf(["terminate-instances", "--instance-ids", missing]),
    "InvalidInstanceID.NotFound",
  );
  assert.equal(
    await codeOf(["run-instances", "--image-id", "ami-00000000000000000"]),
    "InvalidParameterValue",
    "EC2's usual type is none of ours",
  );
  assert.equal(
    await codeOf([
      "run-instances",
      "--image-id",
      "ami-00000000000000000",
      "--instance-type",
      "tiny",
    ]),
    "InvalidAMIID.NotFound",
  );
  assert.equal(
    await codeOf(["describe-instances", "--filters", "Name=colour,Values=red"]),
    "InvalidParameterValue",
  );
  assert.equal(await codeOf(["describe-spot-price-history"]), "UnsupportedOperation");
  assert.equal(await codeOf(["describe-instances", "--dry-run"]), "DryRunOperation");
});
