/**
 * Clients of EC2 against real guests: the AWS command line runs one, reads its console, copies its image and its disk and ends
 * it; another project reads a disk that is shared with it; and Packer makes an image of one, by SSH too, and the image is run.
 */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { aws, environment, program, type Target, tryAws } from "../ec2/clients.ts";
import { until } from "../platform.ts";
import { type Installation, install } from "./installation.ts";
import { registerSshImage } from "./ssh-image.ts";

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
  readonly PublicIpAddress?: string;
}
interface Snapshot {
  readonly SnapshotId: string;
}
interface Image {
  readonly ImageId: string;
  readonly Name: string;
}

const images = async (...args: readonly string[]) =>
  (await aws<{ Images: Image[] }>(target, ["describe-images", ...args])).Images;

async function look(id: string, whose = target): Promise<Instance | undefined> {
  const { Reservations } = await aws<{ Reservations: { Instances: Instance[] }[] }>(whose, [
    ...["describe-instances", "--instance-ids", id],
  ]);
  return Reservations[0]?.Instances[0];
}
const stateOf = async (id: string, whose = target) => (await look(id, whose))?.State.Name;

async function run(
  image: string,
  does = "echo said-by-user-data",
  whose = target,
): Promise<string> {
  const { Instances } = await aws<{ Instances: Instance[] }>(whose, [
    ...["run-instances", "--image-id", image, "--instance-type", "tiny"],
    ...["--user-data", `#!/bin/sh\n${does}\n`],
  ]);
  return Instances[0]?.InstanceId ?? "";
}

async function end(id: string, whose = target): Promise<void> {
  const isOver = async () => (await stateOf(id, whose)) === "terminated";
  await aws(whose, ["terminate-instances", "--instance-ids", id]);
  await until(`${id} is terminated`, isOver, patience);
  await aws(whose, ["wait", "instance-terminated", "--instance-ids", id]);
}

/** Of the root volume of an instance, and whole. */
async function snapshotOf(id: string): Promise<string> {
  const { Volumes } = await aws<{ Volumes: { VolumeId: string }[] }>(target, [
    ...["describe-volumes", "--filters", `Name=attachment.instance-id,Values=${id}`],
  ]);
  const { SnapshotId } = await aws<Snapshot>(target, [
    ...["create-snapshot", "--volume-id", Volumes[0]?.VolumeId ?? ""],
  ]);
  await aws(target, ["wait", "snapshot-completed", "--snapshot-ids", SnapshotId]);
  return SnapshotId;
}

async function says(id: string, what: string, whose = target): Promise<void> {
  await until(
    `${id} says ${what}`,
    async () => {
      const asked = ["get-console-output", "--instance-id", id];
      const { Output = "" } = await aws<{ Output?: string }>(whose, asked);
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
  const first = await snapshotOf(id);
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

test("another project copies a snapshot that is shared with it, and its guest reads what is in it", async () => {
  const blue = { ...target, token: await keyOf("blue") };
  const { Account } = await aws<{ Account: string }>(blue, ["get-caller-identity"], "sts");
  const [tiny] = await images("--filters", "Name=name,Values=tiny");
  const writer = await run(
    tiny?.ImageId ?? "",
    "echo of-the-owner >/data/kept; sync; echo written",
  );
  await says(writer, "written");
  const first = await snapshotOf(writer);
  await aws(target, [
    ...["modify-snapshot-attribute", "--snapshot-id", first, "--user-ids", Account],
    ...["--attribute", "createVolumePermission", "--operation-type", "add"],
  ]);
  const { SnapshotId: copy } = await aws<Snapshot>(blue, [
    ...["copy-snapshot", "--source-snapshot-id", first],
    ...["--source-region", environment(blue).AWS_DEFAULT_REGION ?? ""],
  ]);
  await aws(blue, ["wait", "snapshot-completed", "--snapshot-ids", copy]);
  await aws(target, ["delete-snapshot", "--snapshot-id", first]);
  await end(writer);
  const { VolumeId } = await aws<{ VolumeId: string }>(blue, [
    ...["create-volume", "--snapshot-id", copy, "--availability-zone", "default"],
  ]);
  await aws(blue, ["wait", "volume-available", "--volume-ids", VolumeId]);
  const does = `until [ -b /dev/vdb ]; do sleep 1; done; mount -t ext4 /dev/vdb /mnt; cat /mnt/kept`;
  const reader = await run(tiny?.ImageId ?? "", does, blue);
  await until("it runs", async () => (await stateOf(reader, blue)) === "running", patience);
  await aws(blue, [
    ...["attach-volume", "--volume-id", VolumeId, "--instance-id", reader, "--device", "/dev/sdf"],
  ]);
  await says(reader, "of-the-owner", blue);
  await end(reader, blue);
  await until(
    "it is free",
    () => isDone(["delete-volume", "--volume-id", VolumeId], blue),
    patience,
  );
  await aws(blue, ["delete-snapshot", "--snapshot-id", copy]);
});

/** Of a new project that has nobody but a developer's key. */
async function keyOf(project: string): Promise<string> {
  const post = async <T>(path: string, asked: object) => {
    const key = { "idempotency-key": randomUUID() };
    const { status, body } = await here.call<T>("POST", path, asked, key);
    assert.ok(status < 300, JSON.stringify(body));
    return body;
  };
  await post("/v1/projects", { name: project });
  const at = `/v1/projects/${project}/service-accounts`;
  const { id } = await post<{ id: string }>(at, { name: "bot", role: "developer" });
  return (await post<{ token: string }>(`${at}/${id}/keys`, { name: "of-a-test" })).token;
}

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
    const ended = await packer(directory, [file]);
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

test("Packer provisions a guest by SSH, and what it put there is in the image", async () => {
  await here.command("ranges", "add", "203.0.113.0/29");
  const source = await registerSshImage(here);
  const directory = mkdtempSync(join(tmpdir(), "hf-packer-"));
  try {
    const variables = {
      ...{ endpoint: target.endpoint, source, user: "root", type: "tiny" },
      ...{ become: "", into: "/data" },
    };
    const template = join(import.meta.dirname, "../../docs/packer/image.json");
    const ended = await packer(directory, [
      ...Object.entries(variables).flatMap(([name, value]) => ["-var", `${name}=${value}`]),
      template,
    ]);
    assert.equal(ended.code, 0, ended.stdout + ended.stderr);
    const made = (await images("--owners", "self")).find(({ Name }) => /^greeting /.test(Name));
    const greeting = readFileSync(join(template, "../greeting.txt"), "utf8");
    await entered(made?.ImageId ?? "", directory, greeting);
    const { KeyPairs } = await aws<{ KeyPairs: unknown[] }>(target, ["describe-key-pairs"]);
    assert.deepEqual(KeyPairs, [], "its key pair is gone");
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
});

/** Runs the image and reads, with a key of another kind than Packer's, what was put there; while a rule lets it. */
async function entered(image: string, directory: string, greeting: string): Promise<void> {
  const group = ["--group-name", "entrance"];
  const { GroupId } = await aws<{ GroupId: string }>(target, [
    ...["create-security-group", ...group, "--description", "of a test"],
  ]);
  const pair = ["--key-name", "of-a-test"];
  const { KeyMaterial } = await aws<{ KeyMaterial: string }>(target, [
    ...["create-key-pair", ...pair, "--key-type", "ed25519"],
  ]);
  const key = join(directory, "key");
  writeFileSync(key, KeyMaterial, { mode: 0o600 });
  const { Instances } = await aws<{ Instances: Instance[] }>(target, [
    ...["run-instances", "--image-id", image, "--instance-type", "tiny", ...pair],
    "--network-interfaces",
    `DeviceIndex=0,AssociatePublicIpAddress=true,Groups=${GroupId}`,
  ]);
  const id = Instances[0]?.InstanceId ?? "";
  const ssh = async () => {
    const address = (await look(id))?.PublicIpAddress ?? "";
    const options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "BatchMode=yes"];
    const said = await program(
      "/usr/bin/ssh",
      [
        ...["-F", "none", "-i", key, ...[...options, "ConnectTimeout=3"].flatMap((o) => ["-o", o])],
        ...[`root@${address}`, "cat /data/greeting.txt"],
      ],
      environment(target),
    );
    return said.stdout;
  };
  const rule = [...group, "--protocol", "tcp", "--port", "22", "--cidr", "0.0.0.0/0"];
  await aws(target, ["authorize-security-group-ingress", ...rule]);
  await until("what was put there is read", async () => (await ssh()) === greeting, patience);
  await aws(target, ["revoke-security-group-ingress", ...rule]);
  await until("nobody is let in any more", async () => (await ssh()) === "", patience);
  await end(id);
  await aws(target, ["delete-key-pair", ...pair]);
  await until("the group is nobody's", () => isDone(["delete-security-group", ...group]), patience);
}

const isDone = async (args: readonly string[], whose = target) =>
  (await tryAws(whose, args)).code === 0;

/** `directory` is where it may write. */
function packer(directory: string, args: readonly string[]) {
  const env = {
    ...environment(target),
    ...{ CHECKPOINT_DISABLE: "1", PACKER_CACHE_DIR: directory, HOME: directory, TMPDIR: directory },
    ...{ AWS_POLL_DELAY_SECONDS: "1", AWS_MAX_ATTEMPTS: "120" },
  };
  return program("/usr/bin/packer", ["build", "-color=false", ...args], env);
}
