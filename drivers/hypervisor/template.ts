/**
 * Making a template: a guest is booted until it waits to be told who it is, and its memory is written to a file.
 *
 * Its memory travels in the file and is not mapped from it. QEMU before 8.2 opens a mapped file for writing even
 * where it only makes copies of pages, so every guest's process would have to have the right to change the memory
 * of all later ones. What a guest is given here is a file that is open for reading.
 *
 * A template is no incarnation: nobody waits for it, it dies with its maker, and nothing of it is worth keeping
 * but the file.
 */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { access, chmod, chown, mkdir, open, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import type { InstanceId } from "@holdfast/kernel/ids";
import { type Duration, seconds } from "@holdfast/kernel/time";
import type { MachineSpec, TemplateSpec } from "./driver.ts";
import { lastWords } from "./evidence.ts";
import { readOptional } from "./incarnation.ts";
import { bareEnvironment, type Jail, jailed } from "./launch.ts";
import { type Hardware, qemuArgv } from "./qemu-argv.ts";
import { connectQmp, isRecord, type Qmp } from "./qmp.ts";
import { templateNotMade } from "./refusals.ts";

/** `standby` is there if its guest reads who it is in the ROM of its disk as well. */
export const templateFiles = { state: "state", standby: "standby" } as const;

/** What tells a guest that it is to be a template, on its kernel's command line. */
export const templateWord = "holdfast.template";
/** What it says when it waits to be told who it is. */
const waits = "holdfast: template";
/** And that it can be told so by a process that was on standby. */
const standsBy = /holdfast: template standby\b/;

export interface Workshop {
  readonly binary: string;
  readonly hardware: Hardware;
  readonly jail: Jail;
  /** Files that a process id is written to, to limit what it may take. */
  readonly procs: readonly string[];
}

const answerTime = seconds(10);
/** For a guest that has said that it waits, to do so: when it has not worked for so long, in milliseconds. */
const stillness = 200;
const noLimit = 2 ** 40;

/** Everything that the memory depends on beside what is in the files it is booted from. */
export async function templateForm(spec: TemplateSpec, version: string, hardware: Hardware) {
  // A guest under emulation does not see the host's processor.
  const processor = hardware.acceleration === "kvm" ? await processorWords() : "";
  const blank = { kernel: "", initrd: "", commandLine: spec.boot.commandLine };
  return JSON.stringify([
    ...[version, processor, qemuArgv(machineOf({ ...spec, boot: blank }), pathsIn(""), hardware)],
  ]);
}

async function processorWords(): Promise<string> {
  const processors = await readFile("/proc/cpuinfo", "utf8").catch(() => "");
  const words = /(vendor_id[\s\S]*?\nbugs[^\n]*)/.exec(processors)?.[1] ?? "";
  return words.replace(/^(cpu MHz|apicid|initial apicid).*$/gm, "");
}

/** Whether a guest of this template can be in a process that is on standby. */
export const readsItsRom = (directory: string): Promise<boolean> =>
  access(join(directory, templateFiles.standby)).then(
    () => true,
    () => false,
  );

export const digestOf = (text: string) => createHash("sha256").update(text).digest("hex");

export async function makeTemplate(
  spec: TemplateSpec,
  directory: string,
  { binary, hardware, jail, procs }: Workshop,
  within: Duration,
): Promise<number> {
  const deadline = performance.now() + within;
  const paths = pathsIn(directory);
  await chmod(directory, 0o711);
  await mkdir(paths.vm, { mode: 0o711 });
  await writeFile(paths.consoleLog, "", { mode: 0o600 });
  await chown(paths.vm, jail.uid, jail.uid);
  await chown(paths.consoleLog, jail.uid, jail.uid);
  const log = await open(paths.log, "a", 0o600);
  const argv = qemuArgv(machineOf(spec), paths, hardware);
  const [program = "", ...words] = jailed(jail, ["setpriv", "--pdeathsig=KILL", binary, ...argv]);
  const child = spawn(program, words, {
    ...{ cwd: "/", env: bareEnvironment, stdio: ["ignore", log.fd, log.fd] },
  });
  let isGone = false;
  const gone = new Promise<void>((resolve) => {
    for (const event of ["error", "exit"] as const)
      child.once(event, () => {
        isGone = true;
        resolve();
      });
  });
  let qmp: Qmp | undefined;
  const goOn = () => {
    if (performance.now() > deadline) throw new Error(`its guest did not wait within ${within} ms`);
    if (isGone) throw new Error("QEMU ended");
  };
  try {
    for (const file of procs) await writeFile(file, String(child.pid)).catch(() => {});
    while (!(await readOptional(paths.consoleLog)).includes(waits)) {
      goOn();
      await sleep(50);
    }
    qmp = await connectQmp(paths.qmp, { event: () => {}, closed: () => {} });
    for (
      let before = -1, now = await ticksOf(child.pid);
      now !== before;
      now = await ticksOf(child.pid)
    ) {
      goOn();
      before = now;
      await sleep(stillness);
    }
    await qmp.execute("stop", answerTime);
    if (standsBy.test(await readOptional(paths.consoleLog)))
      await writeFile(join(directory, templateFiles.standby), "");
    const saved = await save(
      qmp,
      paths.outgoing,
      join(directory, templateFiles.state),
      jail.uid,
      goOn,
    );
    return saved;
  } catch (error) {
    const said = lastWords((await readOptional(paths.log)).split("\n").filter(Boolean));
    const why = error instanceof Error ? error.message : String(error);
    throw templateNotMade(why, said, error);
  } finally {
    qmp?.close();
    child.kill("SIGKILL");
    await gone;
    await log.close();
    await rm(paths.vm, { recursive: true, force: true });
  }
}

/** QEMU may start no program and open no file for writing, so it sends its memory through a socket. */
async function save(
  qmp: Qmp,
  socket: string,
  file: string,
  uid: number,
  goOn: () => void,
): Promise<number> {
  const out = await open(file, "wx", 0o600);
  const server = createServer();
  try {
    const received = new Promise<void>((resolve, reject) => {
      server.once("connection", (from) => {
        pipeline(from, createWriteStream(file, { flags: "r+" })).then(resolve, reject);
      });
    });
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    await chown(socket, uid, uid);
    await qmp.execute("migrate-set-parameters", answerTime, { "max-bandwidth": noLimit });
    await qmp.execute("migrate", answerTime, { uri: `unix:${socket}` });
    for (;;) {
      const info = await qmp.execute("query-migrate", answerTime);
      const status = isRecord(info) ? info.status : undefined;
      if (status === "completed") break;
      if (status === "failed") throw new Error("QEMU could not save its memory");
      goOn();
      await sleep(10);
    }
    await received;
    // Half a file after a power failure must not pass for a whole one.
    await out.sync();
    return (await out.stat()).size;
  } finally {
    server.close();
    await out.close();
  }
}

const pathsIn = (directory: string) => {
  const vm = join(directory, "vm");
  return {
    vm,
    log: join(directory, "log"),
    consoleLog: join(vm, "console.log"),
    console: join(vm, "console.sock"),
    agent: join(vm, "agent.sock"),
    qmp: join(vm, "qmp.sock"),
    outgoing: join(vm, "memory.sock"),
    metadata: "",
    seed: "",
    identity: "",
  } as const;
};

/** A guest cannot learn from its memory who it is, so all templates are the same nobody. */
const nobody = "00000000-0000-4000-8000-000000000000" as InstanceId;

const machineOf = ({ cpus, memoryMiB, boot }: TemplateSpec): MachineSpec => ({
  ...{ id: nobody, generation: 0, name: "template", requestId: "template", paused: false },
  ...{ cpus, memoryMiB, disks: [], nics: [], metadata: {} },
  boot: { ...boot, commandLine: `${boot.commandLine} ${templateWord}` },
});

/** The time that a process has worked, in ticks. */
async function ticksOf(pid: number | undefined): Promise<number> {
  const line = await readOptional(`/proc/${pid}/stat`);
  const fields = line.slice(line.lastIndexOf(")") + 2).split(" ");
  return Number(fields[11]) + Number(fields[12]);
}
