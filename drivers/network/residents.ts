/**
 * Those of `nft` and `ip` that stay: one of each for the host, and an `ip` for each of the namespaces that had orders last.
 *
 * A namespace that is gone may have a successor of the same name, and the program in it would go on to obey where nobody
 * is. So it is known by the file's number, which nobody else has while a program is in there.
 */
import { statSync } from "node:fs";
import { type Dialect, type Resident, resident } from "./resident.ts";

/** Each takes a megabyte or two of memory. */
const mostInNamespaces = 16;

export type Program = "nft" | "ip";

export interface Residents {
  of(where: string | undefined, program: Program): Resident;
  /**
   * Another `ip` of the host: the one that is there knows devices that may be gone. And one in each of these, as many as
   * may be kept: those that are there stay, and those of namespaces that are not among these end.
   */
  renew(namespaces: readonly string[]): void;
  close(): void;
}

export interface Homes {
  /** Undefined is the host. */
  speak(where: string | undefined, program: Program): Dialect;
  /** Which it is now; it changes when another one takes its place. Undefined if it is that of this process. */
  fileOf(where: string | undefined): string | undefined;
}

export function residents({ speak, fileOf }: Homes): Residents {
  /** Those that were used last are last. */
  const all = new Map<string, Placed>();
  const self: Residents = {
    of(where, program) {
      const key = `${program} ${where ?? ""}`;
      const file = fileOf(where);
      const inode = file === undefined ? 0 : statSync(file, { throwIfNoEntry: false })?.ino;
      const known = all.get(key);
      all.delete(key);
      if (known && inode !== undefined && known.inode === inode) {
        all.set(key, known);
        return known.resident;
      }
      known?.resident.close();
      const fresh = resident(speak(where, program));
      all.set(key, { where, inode, resident: fresh });
      const guests = [...all].filter(([, { where }]) => where !== undefined);
      for (const [key, { resident }] of guests.slice(0, -mostInNamespaces)) {
        all.delete(key);
        resident.close();
      }
      return fresh;
    },
    renew(namespaces) {
      const wanted = new Set(namespaces);
      for (const [key, { where, resident }] of all) {
        if (where === undefined ? key !== "ip " : wanted.has(where)) continue;
        all.delete(key);
        resident.close();
      }
      for (const program of ["nft", "ip"] as const) self.of(undefined, program).begin();
      const kept = [...all.values()].flatMap(({ where }) => where ?? []);
      const others = [...wanted].filter((where) => !kept.includes(where));
      // To begin more than are kept would end the first of them again, and each takes milliseconds.
      const some = [...kept, ...others].slice(0, mostInNamespaces);
      for (const where of some) self.of(where, "ip").begin();
    },
    close() {
      for (const { resident } of all.values()) resident.close();
      all.clear();
    },
  };
  return self;
}

interface Placed {
  readonly where: string | undefined;
  readonly inode: number | undefined;
  readonly resident: Resident;
}
