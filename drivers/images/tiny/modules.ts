/**
 * Picks kernel modules, with everything they need, out of an unpacked kernel package.
 *
 * What a module needs is written in the module itself, so nothing has to be installed or indexed
 * (no depmod). One kind of need is not in `depends`: a soft dependency, such as ext4's on an
 * implementation of crc32c. Those are named in the list of wishes.
 */
import { readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { findSection } from "./elf.ts";

export interface Module {
  /** As modprobe knows it: `virtio_blk`. */
  readonly name: string;
  readonly needs: readonly string[];
  readonly content: Buffer;
}

/** Dashes and underscores mean the same in the name of a module. */
const canonical = (name: string) => name.replaceAll("-", "_");

/** The wished modules and all that they need. Throws an Error that names one that is not there. */
export async function pickModules(
  directory: string,
  wishes: readonly string[],
): Promise<readonly Module[]> {
  const files = new Map<string, string>();
  for (const file of await readdir(directory, { recursive: true }))
    if (file.endsWith(".ko")) files.set(canonical(basename(file, ".ko")), join(directory, file));
  const picked = new Map<string, Module>();
  const waiting = [...wishes];
  for (let wish = waiting.pop(); wish !== undefined; wish = waiting.pop()) {
    const name = canonical(wish);
    if (picked.has(name)) continue;
    const file = files.get(name);
    if (file === undefined) throw new Error(`the kernel package has no module ${name}`);
    const content = withoutSignature(await readFile(file));
    const needs = needsOf(content);
    picked.set(name, { name, needs, content });
    waiting.push(...needs);
  }
  return [...picked.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * What modprobe reads to know what to load first: a line for each module, `file: needs`, where the
 * needs are complete and the one to be loaded last comes first.
 */
export function dependencyIndex(modules: readonly Module[]): string {
  const byName = new Map(modules.map((module) => [module.name, module]));
  const allNeedsOf = (name: string): readonly string[] =>
    (byName.get(name)?.needs ?? []).flatMap((need) => [need, ...allNeedsOf(need)]);
  const lines = modules.map(({ name }) => {
    // A need of two others must be loaded before both, so only its last mention counts.
    const needs = allNeedsOf(name).filter((need, at, all) => all.lastIndexOf(need) === at);
    return `${name}.ko:${needs.map((need) => ` ${need}.ko`).join("")}\n`;
  });
  return lines.join("");
}

/**
 * Checking Debian's signatures costs a guest under emulation 0.13 of the 0.45 seconds that loading
 * modules takes, and proves nothing: whoever can change the modules in here can change the kernel
 * beside them. The price is the taint flag E ("unsigned module") in a guest's kernel messages.
 */
function withoutSignature(module: Buffer): Buffer {
  const magic = Buffer.from("~Module signature appended~\n");
  const end = module.length - magic.length;
  if (end < 12 || !module.subarray(end).equals(magic)) return module;
  // Before the magic: twelve bytes about the signature, the last four of them its length.
  return module.subarray(0, end - 12 - module.readUInt32BE(end - 4));
}

function needsOf(module: Buffer): readonly string[] {
  const facts = findSection(module, ".modinfo")?.toString("latin1").split("\0") ?? [];
  const depends = facts.find((fact) => fact.startsWith("depends="))?.slice("depends=".length);
  return depends ? depends.split(",").map(canonical) : [];
}
