/**
 * Disks with `qemu-img`, which is kept on a short leash: it reads files that strangers made.
 *
 * Formats are never guessed by it (see recognise.ts), its memory and time are limited, and it is only
 * ever shown a qcow2 file whose header names no other file. New overlays do not start it at all: an
 * overlay with nothing in it is the same bytes for the same image and size, so one is made as a
 * template and copied, a millisecond instead of twenty. And a copy that is like the last one is kept in stock, because
 * until it is on the disk takes longer than to make it.
 */
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmod,
  constants,
  copyFile,
  link,
  mkdir,
  open,
  rename,
  rm,
  stat,
  unlink,
} from "node:fs/promises";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { codeOf } from "@holdfast/kernel/code-of";
import { Problem } from "@holdfast/kernel/problem";
import { type Duration, seconds } from "@holdfast/kernel/time";
import type { Disks, ImageFormat } from "./driver.ts";
import { admit, damaged, meansFull, storeFull } from "./problems.ts";
import { headBytes, type Recognised, recognise } from "./recognise.ts";
import { spares } from "./spare.ts";
import { openTemporaries, type Temporaries } from "./temporary.ts";

export interface QemuDisksOptions {
  /** For templates and temporary files; on the same file system as the disks that will be made. */
  readonly directory: string;
  /** For one run of qemu-img. A check of a terabyte reads its tables only; 120 s is plenty. */
  readonly limit?: Duration;
}

/** Whoever has just made one has better things to do with the disk. */
const afterStart = seconds(1);

export async function qemuDisks(options: QemuDisksOptions): Promise<Disks> {
  const templates = join(options.directory, "templates");
  const incoming = join(options.directory, "incoming");
  const stock = join(options.directory, "stock");
  for (const each of [templates, incoming, stock]) await mkdir(each, { recursive: true });
  const temporaries = await openTemporaries(incoming);
  const stocked = await openTemporaries(stock);
  const limit = options.limit ?? seconds(120);
  const ensureTemplate = templateMaker(templates, temporaries, limit);
  const copies = spares(afterStart);

  return {
    async inspect(file) {
      const { seen, fileBytes } = await look(file);
      const image = admit(seen);
      if (image.is === "raw") return { format: "raw", virtualBytes: fileBytes, fileBytes };
      return { format: "qcow2", virtualBytes: await examine(file, limit), fileBytes };
    },

    async ensureOverlay(file, backing, virtualBytes) {
      const kind = JSON.stringify([resolve(backing.file), backing.format, virtualBytes]);
      const make = (at: Temporaries) => makeCopy(at.next(), backing, virtualBytes);
      const spare = copies.take(kind);
      // Looked at beside it, because whoever starts waits: it is nearly always there.
      const [isWhole, given] = await Promise.all([
        exists(backing.file),
        spare ? give(spare, file) : "lost",
      ]);
      if (spare && given === "not-wanted") return copies.putBack(kind, spare);
      if (given === "named" && !isWhole) await rm(file, { force: true });
      if (given === "lost" || !isWhole) {
        if (await exists(file)) return;
        const temporary = await make(temporaries);
        try {
          await linkOnce(temporary, file);
        } catch (error) {
          throw meansFull(error) ? storeFull(error) : error;
        } finally {
          await rm(temporary, { force: true });
        }
      }
      copies.wanted(kind, () => make(stocked));
    },

    async remove(file) {
      await rm(file, { force: true });
    },
  };

  /** An overlay that is on the disk and has no name of its own yet. */
  async function makeCopy(
    temporary: string,
    backing: { readonly file: string; readonly format: ImageFormat },
    virtualBytes: number,
  ): Promise<string> {
    try {
      const template = await ensureTemplate(backing, virtualBytes);
      // Never into one that is there: it could be the other name of a volume.
      const how = constants.COPYFILE_FICLONE | constants.COPYFILE_EXCL;
      await copyFile(template, temporary, how);
      await chmod(temporary, 0o600);
      await sync(temporary);
      return temporary;
    } catch (error) {
      await rm(temporary, { force: true });
      throw meansFull(error) ? storeFull(error) : error;
    }
  }
}

/** Makes the template for (image, format, size) unless it is there; asked twice at once, makes one. */
function templateMaker(templates: string, temporaries: Temporaries, limit: Duration) {
  const making = new Map<string, Promise<string>>();
  return async (
    backing: { readonly file: string; readonly format: ImageFormat },
    wantedBytes: number,
  ): Promise<string> => {
    const source = resolve(backing.file);
    // At least as big as the image, and whole sectors, as qemu-img itself would round.
    const bytes =
      Math.ceil(Math.max(wantedBytes, await virtualBytesOf(source, backing.format)) / 512) * 512;
    const key = createHash("sha256").update(JSON.stringify([source, backing.format, bytes]));
    const template = join(templates, `${key.digest("hex")}.qcow2`);
    if (await exists(template)) return template;
    const ongoing = making.get(template) ?? make(template, source, backing.format, bytes);
    making.set(template, ongoing);
    return ongoing.finally(() => making.delete(template));
  };

  async function make(template: string, source: string, format: ImageFormat, bytes: number) {
    const temporary = temporaries.next();
    try {
      const what = [
        "create",
        "-q",
        "-f",
        "qcow2",
        "-b",
        source,
        "-F",
        format,
        temporary,
        `${bytes}`,
      ];
      const { code, stderr } = await qemuImg(what, limit);
      if (/No space left|Disk quota exceeded/.test(stderr)) throw storeFull(new Error(stderr));
      if (code !== 0) throw new Error(`qemu-img create: ${stderr.trim()}`);
      await sync(temporary);
      await rename(temporary, template);
      return template;
    } finally {
      await rm(temporary, { force: true });
    }
  }
}

/** The size of the disk in an image that was inspected when it came in. */
async function virtualBytesOf(file: string, format: ImageFormat): Promise<number> {
  const found = await look(file).catch((cause: unknown) => {
    throw damaged("its file is not there", cause);
  });
  if (format === "raw") return found.fileBytes;
  if (found.seen.is !== "qcow2") throw damaged("it was a qcow2 image once, and is none any more");
  return found.seen.header.virtualBytes;
}

async function look(
  file: string,
): Promise<{ readonly seen: Recognised; readonly fileBytes: number }> {
  const handle = await open(file);
  try {
    const { size } = await handle.stat();
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(headBytes), 0, headBytes, 0);
    return { seen: recognise(buffer.subarray(0, bytesRead), size), fileBytes: size };
  } finally {
    await handle.close();
  }
}

/** Let qemu-img walk through all tables of a qcow2 file. Resolves with the size of the disk. */
async function examine(file: string, limit: Duration): Promise<number> {
  // An absolute path, because `nbd:…` and `json:…` are not files to qemu-img. Shared (-U), because a
  // guest may be running on it.
  const target = ["-U", "-f", "qcow2", "--output=json", resolve(file)];
  const info = await qemuImg(["info", ...target], limit);
  if (info.code !== 0) throw damaged("qemu-img cannot open it", new Error(info.stderr));
  const check = await qemuImg(["check", ...target], limit);
  // 0: nothing; 3: lost space, which harms nobody; 2: corrupt; anything else: it could not even look.
  if (check.code !== 0 && check.code !== 3)
    throw damaged("its tables contradict each other", new Error(check.stderr || check.stdout));
  return JSON.parse(info.stdout)["virtual-size"];
}

const execute = promisify(execFile);

/** Resolves with the exit code, whatever it is; rejects only if the program could not be run. */
async function qemuImg(
  args: readonly string[],
  limit: Duration,
): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  // 1 GiB of address space: more than any honest image needs, less than a table that claims to be
  // endless would take. Processor time as well, so that a stopped clock does not help either.
  const leash = ["--as=1073741824", `--cpu=${Math.ceil(limit / 1000)}`, "--core=0"];
  const options = { timeout: limit, killSignal: "SIGKILL", maxBuffer: 16 << 20 } as const;
  try {
    return { code: 0, ...(await execute("prlimit", [...leash, "qemu-img", ...args], options)) };
  } catch (cause) {
    // What execFile rejects with: a number for an exit code, text if the program did not start.
    const error = cause as { code?: unknown; killed?: boolean; stdout?: string; stderr?: string };
    if (error.killed) throw damaged(`qemu-img did not finish with it in ${limit / 1000} s`, cause);
    if (typeof error.code !== "number") throw cause;
    const { code, stdout = "", stderr = "" } = error;
    if (code === 127) throw missingQemuImg(stderr);
    return { code, stdout, stderr };
  }
}

function missingQemuImg(stderr: string): Problem {
  return new Problem(
    "unavailable",
    "qemu_img_missing",
    "The program qemu-img is not installed on this host.",
    { fix: "Type `apt-get install qemu-utils` on the host." },
    { cause: new Error(stderr) },
  );
}

/** Gives the file its name unless somebody else was faster; then theirs stays. */
async function linkOnce(temporary: string, file: string): Promise<void> {
  await link(temporary, file).catch(async (error: unknown) => {
    if (!(await exists(file))) throw error;
  });
}

/**
 * Gives a spare its name, unless there is a file of that name: then it is not wanted. It is lost where it cannot have one, because
 * it was removed from outside since it was made; and where it may have one: NFS says that a name is there to who made it a moment
 * ago and asks again. Whoever took it for nobody's would give one file to two.
 */
async function give(spare: string, file: string): Promise<"named" | "not-wanted" | "lost"> {
  try {
    await link(spare, file);
  } catch (error) {
    if (codeOf(error) === "EEXIST" && (await isNobodys(spare, file))) return "not-wanted";
    void unlink(spare).catch(() => {});
    return "lost";
  }
  // Nobody waits for that: its other name is cleared away when this is opened again, if not now.
  void unlink(spare).catch(() => {});
  return "named";
}

/** The other file is looked at first: what is known of this one may be old, and is what that look says if they are the same. */
async function isNobodys(spare: string, other: string): Promise<boolean> {
  await stat(other).catch(() => {});
  return stat(spare).then(
    ({ nlink }) => nlink === 1,
    () => false,
  );
}

/** Without this, a power cut can leave an empty file under the final name: a volume that never boots. */
async function sync(file: string): Promise<void> {
  const handle = await open(file, "r+");
  await handle.datasync().finally(() => handle.close());
}

async function exists(file: string): Promise<boolean> {
  return stat(file).then(
    () => true,
    () => false,
  );
}
