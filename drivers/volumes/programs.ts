/**
 * Running qemu-img on our own volumes, and turning its words into problems.
 *
 * Unlike images, whose leash is in drivers/images, these files were made by us: a guest only ever sees the
 * disk inside. What qemu-img says is matched in English, so it is run in that language. There is no way to
 * ask it for an error code.
 */
import { execFile } from "node:child_process";
import { Problem } from "@holdfast/kernel/problem";
import { damaged, storeFull } from "../images/problems.ts";
import { keyWrong, storageProgramMissing, volumeInUse } from "./problems.ts";

const environment = { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" };

/** Node's own words for a full disk are in an error's code, QEMU's in its text. */
const full = /No space left on device|Disk quota exceeded|File too large|ENOSPC|EDQUOT/;

export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Of a qcow2 file of ours: the key that it is opened with, if it is encrypted. */
export interface Locked {
  readonly file: string;
  readonly key?: string | undefined;
}

/**
 * Said where it must be encrypted: QEMU would open a file that is not, and ignore the key. The key itself comes through a
 * pipe: a command line can be read by everybody on the host.
 */
const withKey = "encrypt.format=luks,encrypt.key-secret=key";
const keyObject = ["--object", "secret,id=key,file=/dev/stdin"];
/** What Node would give it is a socket, which nobody can open by its name. */
const piped = ["-c", 'cat | exec qemu-img "$@"', "holdfast-qemu-img"];

/** As `--image-opts` and `--target-image-opts` take it. */
export const optionsOf = ({ file, key }: Locked): string =>
  `driver=qcow2,${key === undefined ? "" : `${withKey},`}file.driver=file,file.filename=${file.replaceAll(",", ",,")}`;

/** Resolves whatever the exit code is. Copies of large volumes take as long as they take. */
export const tryQemuImg = (...args: readonly string[]): Promise<Output> => run(undefined, args);

/** The same with a key, for files whose options speak of it. */
export const tryWithKey = (
  key: string | undefined,
  [command = "", ...args]: readonly string[],
): Promise<Output> =>
  run(key, key === undefined ? [command, ...args] : [command, ...keyObject, ...args]);

function run(key: string | undefined, args: readonly string[]): Promise<Output> {
  const [program, words] =
    key === undefined ? ["qemu-img", args] : ["/bin/sh", [...piped, ...args]];
  const options = { env: environment, maxBuffer: 64 << 20 };
  return new Promise((resolve, reject) => {
    const child = execFile(program, [...words], options, (error, stdout, stderr) => {
      const code = error?.code ?? 0; // A number for an exit code, text if the program did not start.
      if (error && (code === "ENOENT" || (key !== undefined && Number(code) === 127)))
        reject(storageProgramMissing("qemu-img", error));
      else if (typeof code !== "number") reject(error);
      else if (error && code === 0)
        reject(error); // A signal.
      else resolve({ code, stdout, stderr });
    });
    if (key === undefined) return;
    child.stdin?.on("error", () => {}); // It ended before it asked; its exit code says why.
    child.stdin?.end(key);
  });
}

/** Rejects with `store_full`, `volume_in_use` or `image_damaged`. Resolves with what it wrote. */
export async function qemuImg(...args: readonly string[]): Promise<string> {
  return worked(await tryQemuImg(...args));
}

/** The same on one qcow2 file, which may be encrypted; `last` is said after its name. */
export const onFile = async (
  image: Locked,
  words: readonly string[],
  ...last: readonly string[]
): Promise<string> =>
  worked(await tryWithKey(image.key, [...words, "--image-opts", optionsOf(image), ...last]));

export function worked({ code, stdout, stderr }: Output): string {
  if (code !== 0) throw meaning(stderr || stdout);
  return stdout;
}

/** Whether the key, or that there is none, is all that is wrong with a file. */
export const isAboutKey = (said: string): boolean =>
  /cannot unlock any keyslot|No encryption in image header|'encrypt.key-secret' is required/.test(
    said,
  );

/** What an error of storage means, whoever said it. Problems stay as they are. */
export function meaning(said: unknown): unknown {
  if (said instanceof Problem) return said;
  const cause = said instanceof Error ? said : new Error(String(said));
  const words = `${cause.message} ${"code" in cause ? cause.code : ""}`;
  if (full.test(words)) return storeFull(cause);
  if (/Failed to get .* lock/.test(words)) return volumeInUse(cause);
  if (isAboutKey(words)) return keyWrong(cause);
  if (/not in qcow2 format|corrupt|Could not open|Could not read/i.test(words))
    return damaged("its tables cannot be read", cause);
  return cause;
}
