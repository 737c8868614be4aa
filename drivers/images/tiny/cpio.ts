/**
 * Writes an initial RAM filesystem: a cpio archive in the "newc" format that Linux unpacks at boot.
 *
 * Written here and not by the cpio program, because the same entries must give the same bytes on
 * every machine: no inode numbers, times or owners of the build host can get in. The kernel makes
 * entries in order, so a directory has to come before what is in it; sorting by path sees to that.
 */
export type Entry =
  | { readonly path: string; readonly is: "directory" }
  | { readonly path: string; readonly is: "link"; readonly to: string }
  | {
      readonly path: string;
      readonly is: "file";
      readonly content: Buffer;
      readonly executable: boolean;
    };

/** Paths have no leading slash. All belong to root and date from 1970. */
export function cpio(entries: readonly Entry[]): Buffer {
  const sorted = [...entries].sort((a, b) => (a.path < b.path ? -1 : 1));
  const records = sorted.map((entry, index) =>
    record(entry.path, index + 1, modeOf(entry), contentOf(entry)),
  );
  const end = record("TRAILER!!!", 0, 0, Buffer.alloc(0));
  return Buffer.concat([...records, end]);
}

/** The directories that lead to `paths`, so that nobody has to list them. */
export function parents(paths: readonly string[]): readonly Entry[] {
  const all = paths.flatMap((path) => {
    const parts = path.split("/").slice(0, -1);
    return parts.map((_, depth) => parts.slice(0, depth + 1).join("/"));
  });
  return [...new Set(all)].map((path) => ({ path, is: "directory" }));
}

function modeOf(entry: Entry): number {
  if (entry.is === "directory") return 0o040755;
  if (entry.is === "link") return 0o120777;
  return entry.executable ? 0o100755 : 0o100644;
}

function contentOf(entry: Entry): Buffer {
  if (entry.is === "directory") return Buffer.alloc(0);
  return entry.is === "link" ? Buffer.from(entry.to) : entry.content;
}

function record(path: string, inode: number, mode: number, content: Buffer): Buffer {
  const name = Buffer.from(`${path}\0`);
  // In the format's order: inode, mode, owner, group, links, time, size, four device numbers, length
  // of the name, checksum (unused in this variant).
  const fields = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = Buffer.from(`070701${fields.map(hex8).join("")}`);
  return Buffer.concat([padded(Buffer.concat([header, name])), padded(content)]);
}

function hex8(n: number): string {
  return n.toString(16).padStart(8, "0");
}

/** Header and content each end on a multiple of four bytes. */
function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
