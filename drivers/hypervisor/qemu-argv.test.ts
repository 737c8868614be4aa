import assert from "node:assert/strict";
import { test } from "node:test";
import { fileSource } from "@holdfast/kernel/block";
import type { InstanceId, NicId } from "@holdfast/kernel/ids";
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
    { id: "disk0", source: fileSource('/volumes/a,"b".qcow2', "qcow2"), readOnly: false },
    {
      id: "seed",
      source: fileSource("/volumes/seed.img", "raw"),
      readOnly: true,
      limits: { iops: 100 },
    },
  ],
  metadata: { "user-data": "#!/bin/sh\nsecret" },
  paused: true,
  requestId: "req-7",
};
const paths = pathsOf("/run/hf", spec);
const tcg: Hardware = { acceleration: "tcg", translationMiB: 64, tscKHz: 2_400_000 };
const argv = (changes: Partial<MachineSpec> = {}, hardware = tcg) =>
  qemuArgv({ ...spec, ...changes }, paths, hardware);

test("one that starts from a template differs in where its memory comes from, and in nothing else", () => {
  const cold = qemuArgv({ ...spec, paused: false }, paths, tcg);
  const warm = qemuArgv({ ...spec, paused: false }, paths, tcg, "warm");
  const waits = ["-S", "-incoming", "fd:63"];
  const at = warm.indexOf("-S");
  assert.deepEqual(warm.slice(at, at + 3), waits);
  assert.deepEqual([...warm.slice(0, at), ...warm.slice(at + 3)], cold);
});

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
    ...["-m", "size=524280K"],
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
    "-device",
    "pcie-root-port,id=hot0,chassis=1,bus=pcie.0,addr=0x1e.0,multifunction=on,io-reserve=0",
    ...[1, 2, 3, 4, 5, 6, 7].flatMap((n) => [
      "-device",
      `pcie-root-port,id=hot${n},chassis=${n + 1},bus=pcie.0,addr=0x1e.${n},io-reserve=0`,
    ]),
    "-object",
    '{"qom-type":"throttle-group","id":"limits-disk0","limits":{"iops-total":0,"bps-total":0}}',
    "-blockdev",
    '{"driver":"throttle","node-name":"disk0","throttle-group":"limits-disk0","read-only":false,"discard":"unmap","file":{"driver":"qcow2","file":{"driver":"file","filename":"/volumes/a,\\"b\\".qcow2"},"node-name":"disk0-format","read-only":false,"discard":"unmap"}}',
    ...["-device", "virtio-blk-pci,drive=disk0,id=disk0,werror=stop,rerror=stop,bootindex=1"],
    "-object",
    '{"qom-type":"throttle-group","id":"limits-seed","limits":{"iops-total":100,"bps-total":0}}',
    "-blockdev",
    '{"driver":"throttle","node-name":"seed","throttle-group":"limits-seed","read-only":true,"discard":"unmap","file":{"driver":"raw","file":{"driver":"file","filename":"/volumes/seed.img"},"node-name":"seed-format","read-only":true,"discard":"unmap"}}',
    ...["-device", "virtio-blk-pci,drive=seed,id=seed,werror=stop,rerror=stop"],
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

test("network cards get taps that are open already, in order, and say how much fits", () => {
  const card = (last: string) => ({
    id: `01890000-0000-7000-8000-00000000000${last}` as NicId,
    mac: `52:54:00:00:00:0${last}`,
    mtu: 1_450,
  });
  const line = argv({ nics: [card("a"), card("b")] });
  const of = (last: string, fd: number) => [
    ...["-netdev", `tap,id=tap-01890000-0000-7000-8000-00000000000${last},fd=${fd}`, "-device"],
    `virtio-net-pci,netdev=tap-01890000-0000-7000-8000-00000000000${last},id=nic-01890000-0000-7000-8000-00000000000${last},mac=52:54:00:00:00:0${last},host_mtu=1450,romfile=`,
  ];
  const first = line.indexOf("-netdev");
  assert.deepEqual(line.slice(first, first + 8), [...of("a", 64), ...of("b", 65)]);
  assert.ok(!argv().includes("-netdev"));
});

test("what a guest may read about itself is not on the command line", () => {
  assert.doesNotMatch(argv().join(" "), /secret/);
});

test("a name that QEMU could not take for a disk is refused before it is told", () => {
  const [root] = spec.disks;
  assert.ok(root);
  for (const id of ["", "0disk", "Disk", "a,b", `d${"x".repeat(24)}`])
    assert.throws(() => argv({ disks: [{ ...root, id }] }), { code: "bad_disk_id" });
});
