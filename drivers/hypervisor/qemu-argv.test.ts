import assert from "node:assert/strict";
import { test } from "node:test";
import type { InstanceId } from "@holdfast/kernel/ids";
import type { MachineSpec } from "./driver.ts";
import { pathsOf } from "./incarnation.ts";
import { type Hardware, qemuArgv } from "./qemu-argv.ts";

const spec: MachineSpec = {
  id: "01890000-0000-7000-8000-000000000001" as InstanceId,
  generation: 3,
  name: "web, 1",
  cpus: 2,
  memoryMiB: 512,
  boot: { kernel: "/images/vmlinuz", initrd: "/images/initrd", commandLine: "console=ttyS0 quiet" },
  disks: [
    { file: '/volumes/a,"b".qcow2', format: "qcow2", readOnly: false },
    { file: "/volumes/seed.img", format: "raw", readOnly: true },
  ],
  metadata: { "user-data": "#!/bin/sh\nsecret" },
  paused: true,
  requestId: "req-7",
};
const paths = pathsOf("/run/hf", spec);
const tcg: Hardware = { acceleration: "tcg", translationMiB: 64, tscKHz: 2_400_000 };
const argv = (changes: Partial<MachineSpec> = {}, hardware = tcg) =>
  qemuArgv({ ...spec, ...changes }, paths, hardware);

test("the command line, flag by flag", () => {
  const dir = "/run/hf/01890000-0000-7000-8000-000000000001/g3";
  assert.deepEqual(argv(), [
    ...["-name", "guest=web,, 1 g3 request=req-7,debug-threads=on"],
    ...["-uuid", "01890000-0000-7000-8000-000000000001"],
    "-nodefaults",
    "-no-user-config",
    ...["-display", "none"],
    ...["-machine", "q35,usb=off,vmport=off,dump-guest-core=off"],
    ...["-accel", "tcg,thread=multi,tb-size=64", "-cpu", "max"],
    ...["-smp", "cpus=2,sockets=1,cores=2,threads=1"],
    ...["-m", "size=512M"],
    ...["-rtc", "base=utc"],
    ...["-action", "reboot=reset,shutdown=poweroff,panic=shutdown,watchdog=pause"],
    ...["-msg", "timestamp=on,guest-name=on"],
    ...["-trace", "qemu_system_*", "-trace", "runstate_set", "-trace", "guest_cpu_reset"],
    ...["-chardev", `socket,id=qmp,path=${dir}/vm/qmp.sock,server=on,wait=off`],
    ...["-mon", "chardev=qmp,mode=control"],
    "-chardev",
    `socket,id=console,path=${dir}/vm/console.sock,server=on,wait=off,logfile=${dir}/vm/console.log,logappend=on`,
    ...["-serial", "chardev:console"],
    ...["-device", "virtio-serial-pci,id=ports"],
    ...["-chardev", `socket,id=agent,path=${dir}/vm/agent.sock,server=on,wait=off`],
    ...["-device", "virtserialport,bus=ports.0,chardev=agent,name=org.qemu.guest_agent.0"],
    ...["-device", "virtio-rng-pci", "-device", "pvpanic-pci", "-device", "i6300esb"],
    ...["-device", "vmgenid,guid=auto"],
    "-blockdev",
    '{"driver":"qcow2","node-name":"disk0","read-only":false,"discard":"unmap","file":{"driver":"file","filename":"/volumes/a,\\"b\\".qcow2"}}',
    ...["-device", "virtio-blk-pci,drive=disk0,werror=stop,rerror=stop,bootindex=1"],
    "-blockdev",
    '{"driver":"raw","node-name":"disk1","read-only":true,"discard":"unmap","file":{"driver":"file","filename":"/volumes/seed.img"}}',
    ...["-device", "virtio-blk-pci,drive=disk1,werror=stop,rerror=stop"],
    ...["-fw_cfg", `name=opt/holdfast/user-data,file=${dir}/metadata/user-data`],
    ...["-kernel", "/images/vmlinuz", "-initrd", "/images/initrd"],
    ...["-append", "console=ttyS0 quiet tsc_early_khz=2400000"],
    "-S",
    "-sandbox",
    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny",
  ]);
});

test("a guest under KVM gets the host's processor and no word about the clock", () => {
  const line = argv({}, { ...tcg, acceleration: "kvm" }).join(" ");
  assert.match(line, / -accel kvm -cpu host /);
  assert.doesNotMatch(line, /tsc_early_khz|tcg/);
});

test("a guest is told no clock rate that we are not sure of", () => {
  assert.doesNotMatch(argv({}, { ...tcg, tscKHz: undefined }).join(" "), /tsc_early_khz/);
});

test("firmware boots from the first disk, without a kernel", () => {
  const line = argv({ boot: "firmware", paused: false });
  assert.equal(line[line.indexOf("-boot") + 1], "strict=on");
  for (const flag of ["-kernel", "-initrd", "-append", "-S"]) assert.ok(!line.includes(flag));
});

test("what a guest may read about itself is not on the command line", () => {
  assert.doesNotMatch(argv().join(" "), /secret/);
});
