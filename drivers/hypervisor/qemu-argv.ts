/**
 * From a machine to a QEMU command line. Pure, so a golden test covers every flag without a guest.
 *
 * q35 and not microvm: under TCG on a busy host microvm hung at boot in most tries, and it has no
 * vmgenid. What a guest may read about itself travels in files, not in arguments: user data can be
 * secret, and everybody on the host can read a command line.
 */
import { diskArgv, slotArgv, slotWords } from "./block-nodes.ts";
import type { Acceleration, MachineForm, MachineSpec, Nic } from "./driver.ts";
import type { Paths } from "./incarnation.ts";
import { keyFd, stateFd } from "./launch.ts";
import { firstTapFd } from "./taps.ts";

export interface Hardware {
  readonly acceleration: Acceleration["kind"];
  /** Translation buffer of TCG. QEMU's own default is a gigabyte. */
  readonly translationMiB: number;
  /** How fast the host's TSC ticks, if that is known for sure. */
  readonly tscKHz: number | undefined;
}

/**
 * `form` of the machine that it is to become; it waits for its memory then. `warm` finds it in a file that it has
 * open, and waits only to be let go. In that memory are the devices of a template, which come first here, so that
 * they are where they were; what else there is the guest finds when it looks.
 */
export function qemuArgv(
  spec: MachineSpec,
  paths: Pick<Paths, "qmp" | "console" | "consoleLog" | "agent" | "metadata" | "seed" | "identity">,
  hardware: Hardware,
  form?: MachineForm | "warm",
): readonly string[] {
  const { id, name, generation, requestId, cpus, memoryMiB } = spec;
  const locked = spec.disks.filter(({ key }) => key !== undefined);
  const { slots = {}, identityDisk } = form === "warm" ? {} : (form ?? {});
  return [
    // Shown by `ps` and, with -msg guest-name, in front of everything that QEMU complains about.
    ["-name", `guest=${escaped(`${name} g${generation} request=${requestId}`)},debug-threads=on`],
    ["-uuid", id],
    ["-nodefaults"],
    ["-no-user-config"],
    ["-display", "none"],
    [
      "-machine",
      `${form === "warm" ? "q35" : (form?.board ?? "q35")},usb=off,vmport=off,dump-guest-core=off`,
    ],
    accelerator(hardware),
    ["-smp", `cpus=${cpus},sockets=1,cores=${cpus},threads=1`],
    ["-m", memory(memoryMiB, hardware)],
    ["-rtc", "base=utc"],
    // A guest that reboots keeps its process; one that panics ends, with its last words kept. One that
    // hangs is stopped where it is: a reset would hide it, and QEMU's `poweroff` leaves at once, without
    // flushing its disks or saying why. Stopped it can write no more, waits for whoever looks after it
    // (see Machine), and its trace says `watchdog` even if nobody was there.
    ["-action", "reboot=reset,shutdown=poweroff,panic=shutdown,watchdog=pause"],
    // The black box: why it ended, readable when nobody was connected to hear it.
    ["-msg", "timestamp=on,guest-name=on"],
    ["-trace", "qemu_system_*"],
    ["-trace", "runstate_set"],
    ["-trace", "guest_cpu_reset"],
    socket("qmp", paths.qmp),
    ["-mon", "chardev=qmp,mode=control"],
    socket("console", paths.console, `logfile=${escaped(paths.consoleLog)},logappend=on`),
    ["-serial", "chardev:console"],
    ["-device", "virtio-serial-pci,id=ports"],
    socket("agent", paths.agent),
    ["-device", "virtserialport,bus=ports.0,chardev=agent,name=org.qemu.guest_agent.0"],
    ["-device", "virtio-rng-pci"],
    ["-device", "pvpanic-pci"],
    ["-device", "i6300esb"],
    ["-device", `vmgenid,guid=${form === "warm" ? "auto" : (form?.vmGenerationId ?? "auto")}`],
    slotArgv,
    ...spec.disks.map((disk, index) =>
      diskArgv(disk, {
        order: index === 0 ? 1 : undefined,
        slot: slots[disk.id],
        rom: disk.id === identityDisk ? paths.identity : undefined,
        keyFd: disk.key === undefined ? undefined : keyFd(locked.indexOf(disk)),
      }),
    ),
    spec.seed ? seed(paths.seed) : [],
    ...(spec.nics ?? []).map((nic, index) => card(nic, index, slots[cardDevice(nic).id])),
    ...Object.keys(spec.metadata).map((key) => [
      "-fw_cfg",
      `name=opt/holdfast/${key},file=${escaped(`${paths.metadata}/${key}`)}`,
    ]),
    boot(spec, hardware),
    spec.paused || form ? ["-S"] : [],
    form ? ["-incoming", form === "warm" ? `fd:${stateFd}` : "defer"] : [],
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
  ].flat();
}

/** Its tap comes open from outside: in here there is no network and no right to one. */
const card = (nic: Nic, index: number, slot: number | undefined): readonly string[] => {
  const { driver, ...settings } = cardDevice(nic);
  const words = Object.entries(settings).map(([name, value]) => `${name}=${value}`);
  return [
    ...["-netdev", `tap,id=tap-${nic.id},fd=${firstTapFd + index}`],
    ...["-device", `${[driver, ...words].join(",")}${slotWords(slot)}`],
  ];
};

/** The card as `device_add` takes it. Without a ROM: nobody boots from a network. */
export const cardDevice = ({ id, mac, mtu }: Nic) => ({
  driver: "virtio-net-pci",
  netdev: `tap-${id}`,
  id: `nic-${id}`,
  mac,
  host_mtu: mtu,
  romfile: "",
});

/** QEMU makes the file system itself, from a directory. */
const seed = (dir: string): readonly string[] => [
  "-blockdev",
  JSON.stringify({
    ...{ driver: "vvfat", "node-name": "cidata", "read-only": true },
    ...{ dir, label: "cidata", "fat-type": 16 },
  }),
  ...["-device", "virtio-blk-pci,drive=cidata,id=cidata"],
];

function accelerator({ acceleration, translationMiB }: Hardware): readonly string[] {
  return acceleration === "kvm"
    ? ["-accel", "kvm", "-cpu", "host"]
    : ["-accel", `tcg,thread=multi,tb-size=${translationMiB}`, "-cpu", "max"];
}

/**
 * Under TCG a little less than asked for. QEMU before 9.0 forgets writes of a guest that is being sent elsewhere
 * while it runs, and the guest dies there of what it reads; but only where it looks through memory in steps of
 * 256 KiB, which it does not if that does not go into the whole.
 */
const memory = (mebibytes: number, { acceleration }: Hardware): string =>
  acceleration === "tcg" ? `size=${mebibytes * 1_024 - unevenKiB}K` : `size=${mebibytes}M`;

/** QEMU's own step for the size of a memory. */
const unevenKiB = 8;

function boot({ boot }: MachineSpec, hardware: Hardware): readonly string[] {
  if (boot === "firmware") return ["-boot", "strict=on"];
  const { kernel, initrd, commandLine } = boot;
  const words = [commandLine, ...clockWords(hardware)].filter(Boolean);
  return ["-kernel", kernel, "-initrd", initrd, "-append", words.join(" ")];
}

/**
 * TCG's TSC is the host's. A guest that is told its rate need not measure it, which fails on a busy
 * host: its processor is put aside in the middle of the measurement.
 */
function clockWords({ acceleration, tscKHz }: Hardware): readonly string[] {
  return acceleration === "tcg" && tscKHz ? [`tsc_early_khz=${tscKHz}`] : [];
}

const socket = (id: string, path: string, more?: string) => [
  "-chardev",
  `socket,id=${id},path=${escaped(path)},server=on,wait=off${more ? `,${more}` : ""}`,
];

/** QEMU splits its options at commas; two of them are one. */
const escaped = (text: string) => text.replaceAll(",", ",,");
