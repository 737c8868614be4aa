/**
 * Running qemu-img on our own volumes, and turning its words into problems.
 *
 * Unlike images, whose leash is in drivers/images, these files were made by us: a guest only ever sees the
 * disk inside. What qemu-img says is matched in English, so it is run in that language. There is no way to
 * ask it for an error code.
 */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { Problem } from "@holdfast/kernel/problem";
import { damaged, storeFull } from "../images/problems.ts";
import { storageProgramMissing, volumeInUse } from "./problems.ts";

const run = promisify(execFile);
const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/** Node's own words for a full disk are in an error's code, QEMU's in its text. */
const full = /No space left on device|Disk quota exceeded|File too large|ENOSPC|EDQUOT/;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Resolves whatever the exit code is. Copies of large volumes take as long as they take. */
export async function tryQemuImg(...args: readonly string[]): Promise<Output> {
  try {
    const options = { env: environment, maxBuffer: 64 << 20 };
    return { code: 0, ...(await run("qemu-img", [...args], options)) };
  } catch (cause) {
    // What execFile rejects with: a number for an exit code, text if the program did not start.
    const {
      code,
      stdout = "",
      stderr = "",
    } = cause as Partial<Record<"code", unknown>> & {
      stdout?: string;
      stderr?: string;
    };
    if (code === "ENOENT") throw storageProgramMissing("qemu-img", cause);
    if (typeof code !== "number") throw cause;
    return { code, stdout, stderr };
  }
}

/** Rejects with `store_full`, `volume_in_use` or `image_damaged`. Resolves with what it wrote. */
export async function qemuImg(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await tryQemuImg(...args);
  if (code !== 0) throw meaning(stderr || stdout);
  return stdout;
}

/** What an error of storage means, whoever said it. Problems stay as they are. */
export function meaning(said: unknown): unknown {
  if (said instanceof Problem) return said;
  const cause = said instanceof Error ? said : new Error(String(said));
  const words = `${cause.message} ${"code" in cause ? cause.code : ""}`;
  if (full.test(words)) return storeFull(cause);
  if (/Failed to get .* lock/.test(words)) return volumeInUse(cause);
  if (/not in qcow2 format|corrupt|Could not open|Could not read/i.test(words))
    return damaged("its tables cannot be read", cause);
  return cause;
}
