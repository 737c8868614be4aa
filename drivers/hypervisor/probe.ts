/**
 * Finds out what runs guests on this host by running one, and remembers the answer.
 *
 * That /dev/kvm exists proves nothing: inside some clouds it opens, answers, and then hangs or aborts
 * every guest. Only a line that the probe guest's own userland wrote counts. The guest runs confined
 * as all guests do, so a device that their users may not open is found out as well.
 */
import { execFile, spawn } from "node:child_process";
import { readFile, rename, stat, writeFile } from "node:fs/promises";
import { promisify } from "node:util";
import { type Duration, seconds } from "@holdfast/kernel/time";
import type { Acceleration, MachineSpec } from "./driver.ts";
import { bareEnvironment, type Jail, jailed } from "./launch.ts";
import { qemuMissing } from "./refusals.ts";

export interface ProbeOptions {
  /** Any guest that says `holdfast: ready` on its serial console, in files that everybody may read. */
  readonly guest: Exclude<MachineSpec["boot"], "firmware">;
  /** Where the answer is kept. It is asked again when QEMU's version or the host's boot changes. */
  readonly remember: string;
  /** A user id for the probe guest. */
  readonly uid: number;
  /** How long the guest may take. Default 8 s: under KVM it needs one or two. */
  readonly deadline?: Duration;
  readonly binary?: string;
  /** Default /dev/kvm. */
  readonly device?: string;
}

interface Remembered extends Acceleration {
  readonly qemuVersion: string;
  readonly bootId: string;
}

/** Rejects with `qemu_missing`. */
export async function probeAcceleration(options: ProbeOptions): Promise<Acceleration> {
  const { remember, binary = "qemu-system-x86_64", device = "/dev/kvm" } = options;
  const qemuVersion = await versionOf(binary);
  const bootId = (await readFile("/proc/sys/kernel/random/boot_id", "utf8")).trim();
  const known = await recall(remember);
  if (known?.qemuVersion === qemuVersion && known.bootId === bootId)
    return { kind: known.kind, reason: known.reason };
  const found = await stat(device).then(
    ({ gid }) => tryKvm(options, binary, { uid: options.uid, groups: kvmGroups(gid) }),
    (): Acceleration => ({ kind: "tcg", reason: `This host has no ${device}.` }),
  );
  const answer: Remembered = { ...found, qemuVersion, bootId };
  await writeFile(`${remember}.new`, JSON.stringify(answer));
  await rename(`${remember}.new`, remember);
  return found;
}

/** Groups that open the device; never root's own, which opens far more. */
export const kvmGroups = (gid: number): readonly number[] => (gid === 0 ? [] : [gid]);

async function tryKvm(options: ProbeOptions, binary: string, jail: Jail): Promise<Acceleration> {
  const { guest, deadline = seconds(8) } = options;
  const [program = "", ...argv] = jailed(jail, [
    // It dies with us: nobody would look for it.
    ...["setpriv", "--pdeathsig=KILL", binary],
    ...["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"],
    ...["-machine", "q35", "-accel", "kvm", "-cpu", "host", "-m", "size=128M"],
    ...["-serial", "stdio", "-kernel", guest.kernel, "-initrd", guest.initrd],
    ...["-append", guest.commandLine],
  ]);
  const child = spawn(program, argv, {
    env: bareEnvironment,
    stdio: ["ignore", "pipe", "pipe"],
    cwd: "/",
  });
  let complaints = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints = (complaints + text).slice(-2_000);
  });
  const ended = new Promise<string>((resolve) => {
    child.once("error", ({ message }) => resolve(message));
    child.once("close", () => resolve(lastLine(complaints) ?? "QEMU ended without a word"));
  });
  const ready = new Promise<"ready">((resolve) => {
    let said = "";
    child.stdout.setEncoding("latin1").on("data", (text: string) => {
      said = (said + text).slice(-2_000);
      if (said.includes("holdfast: ready")) resolve("ready");
    });
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(() => resolve(`it said nothing within ${deadline / 1000} s`), deadline);
  });
  const outcome = await Promise.race([ready, ended, late]);
  clearTimeout(timer);
  child.kill("SIGKILL");
  await ended;
  return outcome === "ready"
    ? { kind: "kvm", reason: "The probe guest booted under KVM." }
    : { kind: "tcg", reason: `KVM is present but the probe guest did not boot: ${outcome}.` };
}

/** QEMU's own word. Rejects with `qemu_missing`. */
export async function versionOf(binary: string): Promise<string> {
  const run = promisify(execFile);
  const { stdout } = await run(binary, ["--version"], { env: bareEnvironment }).catch((cause) => {
    throw qemuMissing(cause);
  });
  return stdout.split("\n")[0] ?? "";
}

async function recall(file: string): Promise<Remembered | undefined> {
  try {
    const known = JSON.parse(await readFile(file, "utf8"));
    const isWhole =
      (known.kind === "kvm" || known.kind === "tcg") && typeof known.reason === "string";
    return isWhole ? known : undefined;
  } catch {
    return undefined; // Never asked, or cut short: ask again.
  }
}

const lastLine = (text: string) =>
  text
    .trim()
    .split("\n")
    .at(-1)
    ?.replace(/^qemu-system-\w+: /, "")
    .replace(/\.$/, "") || undefined;
