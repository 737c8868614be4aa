/**
 * Clients of EC2 against real guests: the AWS command line runs one, reads its console, copies its image and its disk and ends
 * it, and Packer makes an image of one and the image is run.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { aws, environment, program, type Target } from "../ec2/clients.ts";
import { until } from "../platform.ts";
import { type Installation, install } from "./installation.ts";

const patience = 120_000;
let here: Installation;
let target: Target;
before(async () => {
  here = await install("ec2");
  const read = (file: string) => JSON.parse(readFileSync(join(here.state, file), "utf8"));
  target = {
    endpoint: `http://127.0.0.1:${read("ports.json").ec2Port}`,
    token: read("client.json").token,
  };
});
after(async () => {
  await here.command("down", "--guests"); // The networks of its host are the machine's.
  await here.remove();
});

interface Instance {
  readonly InstanceId: string;
  readonly State: { readonly Name: string };
}
interface Image {
  readonly ImageId: string;
  readonly Name: string;
}

const images = async (...args: readonly string[]) =>
  (await aws<{ Images: Image[] }>(target, ["describe-images", ...args])).Images;

async function stateOf(id: string): Promise<string | undefined> {
  const { Reservations } = await aws<{ Reservations: { Instances: Instance[] }[] }>(target, [
    ...["describe-instances", "--instance-ids", id],
  ]);
  return Reservations[0]?.Instances[0]?.State.Name;
}

async function run(image: string): Promise<string> {
  const { Instances } = await aws<{ Instances: Instance[] }>(target, [
    ...["run-instances", "--image-id", image, "--instance-type", "tiny"],
    ...["--user-data", "#!/bin/sh\necho said-by-user-data\n"],
  ]);
  return Instances[0]?.InstanceId ?? "";
}

async function end(id: string): Promise<void> {
  await aws(target, ["terminate-instances", "--instance-ids", id]);
  await until(`${id} is terminated`, async () => (await stateOf(id)) === "terminated", patience);
  await aws(target, ["wait", "instance-terminated", "--instance-ids", id]);
}

async function says(id: string, what: string): Promise<void> {
  await until(
    `${id} says ${what}`,
    async () => {
      const { Output = "" } = await aws<{ Output?: string }>(target, [
        "get-console-output",
        "--instance-id",
        id,
      ]);
      return Output.includes(what);
    },
    patience,
  );
}

test("the AWS command line runs a guest, reads its console, stops, starts and ends it", async () => {
  const [tiny] = await images("--filters", "Name=name,Values=tiny");
  const id = await run(tiny?.ImageId ?? "");
  await says(id, "said-by-user-data");
  await aws(target, ["wait", "instance-running", "--instance-ids", id]);
  await aws(target, ["stop-instances", "--instance-ids", id]);
  await until(`${id} is stopped`, async () => (await stateOf(id)) === "stopped", patience);
  await aws(target, ["start-instances", "--instance-ids", id]);
  await until(`${id} runs again`, async () => (await stateOf(id)) === "running", patience);
  await end(id);
});

test("a copied image is run, also when it was given up, and a volume is made of a copied snapshot", async () => {
  const [tiny] = await images("--filters", "Name=name,Values=tiny");
  const here = ["--source-region", environment(target).AWS_DEFAULT_REGION ?? ""];
  const { ImageId } = await aws<Image>(target, [
    ...["copy-image", "--name", "A copy", "--source-image-id", tiny?.ImageId ?? "", ...here],
  ]);
  const id = await run(ImageId);
  await says(id, "said-by-user-data");
  await aws(target, ["deregister-image", "--image-id", ImageId]);
  const { Volumes } = await aws<{ Volumes: { VolumeId: string }[] }>(target, [
    ...["describe-volumes", "--filters", `Name=attachment.instance-id,Values=${id}`],
  ]);
  type Snapshot = { SnapshotId: string };
  const { SnapshotId: first } = await aws<Snapshot>(target, [
    ...["create-snapshot", "--volume-id", Volumes[0]?.VolumeId ?? ""],
  ]);
  await aws(target, ["wait", "snapshot-completed", "--snapshot-ids", first]);
  const { SnapshotId: copy } = await aws<Snapshot>(target, [
    ...["copy-snapshot", "--source-snapshot-id", first, ...here],
  ]);
  await aws(target, ["wait", "snapshot-completed", "--snapshot-ids", copy]);
  await aws(target, ["delete-snapshot", "--snapshot-id", first]);
  const { VolumeId } = await aws<{ VolumeId: string }>(target, [
    ...["create-volume", "--snapshot-id", copy, "--availability-zone", "default"],
  ]);
  await aws(target, ["wait", "volume-available", "--volume-ids", VolumeId]);
  await aws(target, ["delete-snapshot", "--snapshot-id", copy]);
  await aws(target, ["delete-volume", "--volume-id", VolumeId]);
  await end(id);
});

test("Packer makes an image of a guest, and the image is run", async () => {
  const [tiny] = await images("--filters", "Name=name,Values=tiny");
  const { GroupId } = await aws<{ GroupId: string }>(target, [
    ...["create-security-group", "--group-name", "packer", "--description", "of a test"],
  ]);
  const directory = mkdtempSync(join(tmpdir(), "hf-packer-"));
  try {
    const file = join(directory, "image.json");
    const builder = {
      ...{ type: "amazon-ebs", region: "us-east-1", custom_endpoint_ec2: target.endpoint },
      ...{ skip_region_validation: true, skip_metadata_api_check: true },
      ...{ source_ami: tiny?.ImageId, instance_type: "tiny", ami_name: "Packer made this" },
      ...{ communicator: "none", security_group_id: GroupId, tags: { made: "by packer" } },
    };
    writeFileSync(file, JSON.stringify({ builders: [builder] }));
    const env = {
      ...environment(target),
      ...{
        CHECKPOINT_DISABLE: "1",
        PACKER_CACHE_DIR: directory,
        HOME: directory,
        TMPDIR: directory,
      },
      ...{ AWS_POLL_DELAY_SECONDS: "1", AWS_MAX_ATTEMPTS: "120" },
    };
    const ended = await program("/usr/bin/packer", ["build", "-color=false", file], env);
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    const [made] = await images("--owners", "self");
    assert.equal(made?.Name, "Packer made this");
    assert.ok(ended.stdout.includes(made?.ImageId ?? "nothing"));
    const id = await run(made?.ImageId ?? "");
    await says(id, "said-by-user-data");
    await end(id);
    await aws(target, ["delete-security-group", "--group-id", GroupId]);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});
