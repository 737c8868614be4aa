/** libcloud, which writes lists from 0 and looks for exact namespaces, and the SDK of AWS for JavaScript. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  DescribeInstanceStatusCommand,
  DescribeInstancesCommand,
  RunInstancesCommand,
  TerminateInstancesCommand,
  waitUntilInstanceRunning,
  waitUntilInstanceTerminated,
} from "@aws-sdk/client-ec2";
import { sharedPlatform } from "../platform.ts";
import { python } from "./clients.ts";
import { clientOf, imageNamed } from "./sdk.ts";

const platform = await sharedPlatform({ hosts: 1 });

test("libcloud in its own default region signs by version 2, and is answered", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `
import json, os
from urllib.parse import urlparse
from libcloud.compute.drivers.ec2 import EC2NodeDriver
where = urlparse(os.environ["ENDPOINT"])
driver = EC2NodeDriver(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"],
    secure=False, host=where.hostname, port=where.port)
made = driver.create_key_pair("by-libcloud")
names = [k.name for k in driver.list_key_pairs()]
driver.delete_key_pair(made)
print(json.dumps({"version": driver.signature_version, "images": [i.name for i in driver.list_images(ex_filters={"name": "t*~y (tiny)"})] + [i.name for i in driver.list_images(ex_filters={"name": "t*y"})], "names": names}))
`,
  );
  assert.deepEqual(told, { version: "2", images: ["tiny"], names: ["by-libcloud"] });
});

test("libcloud lists, makes, tags, finds and ends a node", async () => {
  const told = await python<Record<string, unknown>>(
    platform,
    `
import json, os, time
from urllib.parse import urlparse
from libcloud.compute.drivers.ec2 import EC2NodeDriver
where = urlparse(os.environ["ENDPOINT"])
driver = EC2NodeDriver(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], region="us-west-2",
    secure=False, host=where.hostname, port=where.port, signature_version="4")
image = [i for i in driver.list_images() if i.name == "tiny"][0]
size = driver.list_sizes()[0]
size.id = "tiny"
node = driver.create_node(name="from libcloud", image=image, size=size)
out = {"zones": [z.name for z in driver.ex_list_availability_zones()]}
def state():
    return [n.extra["status"] for n in driver.list_nodes(ex_node_ids=[node.id])][0]
for _ in range(60):
    if state() == "running": break
    time.sleep(0.5)
out["running"] = state()
driver.ex_create_tags(node, {"colour": "<blue> & \\"green\\""})
out["tags"] = driver.ex_describe_tags(node)
out["nodes"] = [n.name for n in driver.list_nodes()]
volume = driver.create_volume(1, "data", location=driver.list_locations()[0])
out["volumes"] = sorted(v.size for v in driver.list_volumes())
out["groups"] = driver.ex_list_security_groups()
out["destroyed"] = driver.destroy_node(node)
print(json.dumps(out))
`,
  );
  assert.deepEqual(told, {
    zones: ["default"],
    running: "running",
    tags: { Name: "from libcloud", colour: '<blue> & "green"' },
    nodes: ["from libcloud"],
    volumes: [1, 1],
    groups: ["default"],
    destroyed: true,
  });
});

test("the SDK for JavaScript runs an instance, sees its three checks and pages through what there is", async () => {
  const client = clientOf(platform);
  const { Instances = [] } = await client.send(
    new RunInstancesCommand({
      ...{ ImageId: await imageNamed(platform, "tiny"), InstanceType: "t3.nano" },
      ...{ MinCount: 6, MaxCount: 6, ClientToken: "six" },
    }),
  );
  const ids = Instances.flatMap(({ InstanceId }) => InstanceId ?? []);
  assert.equal(ids.length, 6);
  await waitUntilInstanceRunning(
    { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
    { InstanceIds: ids },
  );
  const seen: string[] = [];
  let NextToken: string | undefined;
  do {
    const page = await client.send(
      new DescribeInstancesCommand({
        MaxResults: 5,
        Filters: [{ Name: "client-token", Values: ["six"] }],
        ...(NextToken === undefined ? {} : { NextToken }),
      }),
    );
    for (const { Instances: some = [] } of page.Reservations ?? [])
      seen.push(...some.flatMap(({ InstanceId }) => InstanceId ?? []));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  assert.deepEqual(seen.sort(), [...ids].sort());
  const { InstanceStatuses = [] } = await client.send(
    new DescribeInstanceStatusCommand({ InstanceIds: ids.slice(0, 1) }),
  );
  const [status] = InstanceStatuses;
  for (const check of [status?.SystemStatus, status?.InstanceStatus, status?.AttachedEbsStatus])
    assert.ok(check?.Status === "ok" || check?.Status === "initializing", check?.Status);
  await client.send(new TerminateInstancesCommand({ InstanceIds: ids }));
  await waitUntilInstanceTerminated(
    { client, maxWaitTime: 60, minDelay: 1, maxDelay: 1 },
    { InstanceIds: ids },
  );
  client.destroy();
});
