/**
 * Ansible's collection for AWS against simulated hosts: what a playbook asks for is made, made once, and taken away again.
 * That a second run changes nothing is the whole point of Ansible.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { type Platform, startPlatform } from "../platform.ts";
import { endpoint, environment, program } from "./clients.ts";
import { imageNamed } from "./sdk.ts";

let platform: Platform;
let directory: string;
before(async () => {
  platform = await startPlatform({ hosts: 1 });
  directory = await mkdtemp(join(tmpdir(), "hf-ansible-"));
});
after(async () => {
  await rm(directory, { recursive: true });
  await platform.close();
  await stopTestServer();
});

const publicKey =
  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFVd1sKQ8Jx0b8v5m0o2n9m1tqU8oK3e3n7z0m4d2h5L ansible";

/** Of what every task says: who is asked, and as whom. */
const common = `
  hosts: localhost
  connection: local
  gather_facts: false
  module_defaults:
    group/aws:
      endpoint_url: "{{ lookup('env', 'ENDPOINT') }}"
`;

const present = (image: string) => `
- name: what there is to be
${common}
  tasks:
    - amazon.aws.ec2_key:
        name: deployer
        key_material: "${publicKey}"
        tags: { stage: test }
    - amazon.aws.ec2_security_group:
        name: ansible-web
        description: made by Ansible
        rules:
          - { proto: tcp, ports: [22, 443], cidr_ip: 0.0.0.0/0, rule_desc: from anywhere }
          - { proto: udp, from_port: 5000, to_port: 5010, cidr_ip: 10.0.0.0/8 }
        tags: { stage: test }
    - amazon.aws.ec2_instance:
        name: web
        state: running
        image_id: ${image}
        instance_type: t3.nano
        key_name: deployer
        security_group: ansible-web
        user_data: "#!/bin/sh"
        tags: { stage: test }
        wait_timeout: 120
      register: web
    - amazon.aws.ec2_vol:
        name: data
        instance: "{{ web.instance_ids[0] }}"
        volume_size: 1
        device_name: /dev/sdf
        tags: { stage: test }
    - amazon.aws.ec2_instance_info:
        filters: { "tag:Name": web, instance-state-name: running }
      register: found
    - ansible.builtin.assert:
        that:
          - found.instances | length == 1
          - found.instances[0].instance_type == "t3.nano"
          - found.instances[0].key_name == "deployer"
          - found.instances[0].security_groups[0].group_name == "ansible-web"
          - found.instances[0].block_device_mappings | length == 2
          - found.instances[0].tags.stage == "test"
`;

const absent = `
- name: what there is not to be
${common}
  tasks:
    - amazon.aws.ec2_instance:
        filters: { "tag:Name": web, instance-state-name: [running, stopped] }
        state: absent
        wait_timeout: 120
    - amazon.aws.ec2_vol_info:
        filters: { "tag:Name": data }
      register: volumes
    - amazon.aws.ec2_vol:
        id: "{{ item.id }}"
        state: absent
      loop: "{{ volumes.volumes }}"
    - { amazon.aws.ec2_security_group: { name: ansible-web, state: absent } }
    - { amazon.aws.ec2_key: { name: deployer, state: absent } }
`;

/** How many tasks have changed something. */
async function play(text: string): Promise<number> {
  const file = join(directory, "playbook.yaml");
  await writeFile(file, text);
  const env = {
    ...environment(platform),
    ...{ HOME: directory, ANSIBLE_LOCAL_TEMP: directory, ANSIBLE_NOCOLOR: "1", LC_ALL: "C.UTF-8" },
    ...{ ANSIBLE_PYTHON_INTERPRETER: "/usr/bin/python3", ANSIBLE_LOCALHOST_WARNING: "false" },
    ...{ ANSIBLE_INVENTORY_UNPARSED_WARNING: "false", ENDPOINT: endpoint(platform) },
  };
  const { code, stdout, stderr } = await program("/usr/bin/ansible-playbook", [file], env);
  assert.equal(code, 0, `${stdout}\n${stderr}`);
  const [, changed] = /^localhost .*\bchanged=(\d+) .*\bfailed=0 /m.exec(stdout) ?? [];
  assert.ok(changed, stdout);
  return Number(changed);
}

test("a playbook makes what it asks for, once, and takes it away, once", async () => {
  const wanted = present(await imageNamed(platform, "tiny"));
  assert.equal(await play(wanted), 4);
  assert.equal(await play(wanted), 0, "it is as it should be");
  assert.equal(await play(absent), 4);
  assert.equal(await play(absent), 0, "it is gone");
});
