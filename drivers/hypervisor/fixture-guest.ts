/**
 * A guest for the tests: Debian's kernel and a busybox, made once and kept in a cache directory.
 *
 * It says `holdfast: ready` on its serial console, turns off at the press of the power button unless
 * its command line says `deaf`, feeds its watchdog, can be a template, and gives whoever is at the console a shell. It is
 * no image for users.
 */
import { execFile } from "node:child_process";
import {
  access,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface FixtureGuest {
  readonly kernel: string;
  readonly initrd: string;
  readonly commandLine: string;
}

/** The modules that the guest needs, after those that they need. */
const modules = [
  ...["button", "evdev", "pvpanic", "pvpanic-pci", "watchdog", "i6300esb"],
  ...["virtio_ring", "virtio", "virtio_pci_legacy_dev", "virtio_pci_modern_dev", "virtio_pci"],
  ...["failover", "net_failover", "virtio_net", "virtio_blk", "qemu_fw_cfg"],
];

/** Drills hurt every guest with the same command. */
const hurt = join(import.meta.dirname, "../images/tiny/rootfs/sbin/holdfast-hurt");

const init = `#!/bin/busybox sh
export PATH=/bin
/bin/busybox --install -s /bin
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev
for m in ${modules.join(" ")}; do insmod /lib/$m.ko 2>/dev/null; done
grep -q deaf /proc/cmdline || acpid
if grep -q holdfast.template /proc/cmdline; then
  rmmod qemu_fw_cfg
  echo 'holdfast: template standby'
  grep -q 'virtual machine fork' /dev/kmsg
  echo 1 >/sys/bus/pci/rescan
  hwclock -s -u
  insmod /lib/qemu_fw_cfg.ko
  fw=/sys/firmware/qemu_fw_cfg/by_name/opt/holdfast
  who=
  [ -e $fw/who ] && who=$(cat $fw/who/raw)
  # Of one that was on standby it is in the ROM of its disk: where it begins and how many bytes it has.
  for rom in /sys/bus/pci/devices/*/rom; do
    [ -e $rom ] && echo 1 >$rom && set -- $(tail -c +65 $rom | grep '^who ') || continue
    who=$(tail -c +$(($2 + 1)) $rom | head -c $3)
  done
  # What programs make when they are started for the first time, as they make it.
  [ "$who" ] && echo "holdfast: who $who machine=$(cat /proc/sys/kernel/random/uuid)" \\
    "boot=$(cat /proc/sys/kernel/random/boot_id) seed=$(head -c 32 /dev/urandom | xxd -p -c 32)" \\
    "stream=$(head -c 16 /dev/urandom | xxd -p) mac=$(cat /sys/class/net/eth0/address) now=$(date +%s)"
fi
watchdog -t 2 -T 10 /dev/watchdog
echo 'holdfast: ready'
while :; do setsid cttyhack sh; done
`;

/** Needs the packages busybox-static and apt, and Debian's archive the first time (70 MB, some 5 s). */
export async function fixtureGuest(cacheDir: string): Promise<FixtureGuest> {
  await mkdir(cacheDir, { recursive: true });
  const { stdout } = await run("apt-cache", ["depends", "linux-image-amd64"]);
  const packageName = /Depends: (linux-image-\S+)/.exec(stdout)?.[1] ?? "linux-image-amd64";
  const home = join(cacheDir, `guest-10-${packageName}`);
  const made = await access(home).then(
    () => true,
    () => false,
  );
  if (!made) await make(packageName, home);
  return {
    kernel: join(home, "vmlinuz"),
    initrd: join(home, "initrd"),
    commandLine: "console=ttyS0 quiet mitigations=off panic=-1",
  };
}

async function make(packageName: string, home: string): Promise<void> {
  const work = await mkdtemp(`${home}-`);
  const download = ["-o", "APT::Sandbox::User=root", "download", "-qq", packageName];
  await run("apt-get", download, { cwd: work });
  const [deb] = (await readdir(work)).filter((name) => name.endsWith(".deb"));
  await run("dpkg-deb", ["-x", join(work, String(deb)), join(work, "deb")]);
  const [kernel] = (await readdir(join(work, "deb/boot"))).filter((n) => n.startsWith("vmlinuz-"));
  const found = await run("find", [join(work, "deb/lib/modules"), "-name", "*.ko"]);
  const libraries = await Promise.all(
    modules.flatMap((name) => {
      const file = found.stdout.split("\n").find((path) => path.endsWith(`/${name}.ko`));
      return file ? [readFile(file).then((body) => ({ name: `lib/${name}.ko`, body }))] : [];
    }),
  );
  const powerOff = "#!/bin/busybox sh\necho 'power button' >/dev/console\npoweroff -f\n";
  const archive = cpio([
    ...[
      "bin",
      "dev",
      "proc",
      "sys",
      "lib",
      "var",
      "var/run",
      "var/log",
      "etc",
      "etc/acpi",
      "etc/acpi/PWRF",
    ].map(directory),
    { name: "init", body: Buffer.from(init) },
    { name: "bin/busybox", body: await readFile("/bin/busybox") },
    { name: "etc/acpi/PWRF/00000080", body: Buffer.from(powerOff) },
    { name: "bin/holdfast-hurt", body: await readFile(hurt) },
    ...libraries,
  ]);
  const out = join(work, "out");
  await mkdir(out);
  await writeFile(join(out, "initrd"), archive);
  await rename(join(work, "deb/boot", String(kernel)), join(out, "vmlinuz"));
  await chmod(join(out, "vmlinuz"), 0o644);
  await rename(out, home).catch(() => {}); // Another test run was faster.
  await rm(work, { recursive: true, force: true });
}

interface Entry {
  readonly name: string;
  readonly body?: Buffer;
}

const directory = (name: string): Entry => ({ name });

/** The `newc` form of cpio, which the kernel unpacks. */
function cpio(entries: readonly Entry[]): Buffer {
  const all = [...entries, { name: "TRAILER!!!", body: Buffer.alloc(0) }];
  return Buffer.concat(
    all.flatMap(({ name, body }, index) => {
      const mode = body ? 0o100755 : 0o040755;
      const fields = [
        index + 1,
        mode,
        0,
        0,
        1,
        0,
        body?.length ?? 0,
        0,
        0,
        0,
        0,
        name.length + 1,
        0,
      ];
      const header = `070701${fields.map((field) => field.toString(16).padStart(8, "0")).join("")}`;
      return [padded(Buffer.from(`${header}${name}\0`)), padded(body ?? Buffer.alloc(0))];
    }),
  );
}

const padded = (bytes: Buffer) =>
  Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
