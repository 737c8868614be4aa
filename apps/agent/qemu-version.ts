/** Which QEMU this host has, as it says itself. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";

export async function qemuVersion(): Promise<string> {
  const { stdout } = await promisify(execFile)("qemu-system-x86_64", ["--version"]);
  const [, version = "unknown"] = /version (\S+)/.exec(stdout) ?? [];
  return `QEMU ${version}`;
}
