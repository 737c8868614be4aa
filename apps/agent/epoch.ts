/** The epoch that this host was last welcomed under, in a file: a restarted agent must not pass for a new host. */
import { readFileSync, renameSync, writeFileSync } from "node:fs";
import type { Epoch } from "@holdfast/cloud/agent/edge";

export function fileEpoch(file: string): Epoch {
  let known = Number(read(file)) || null;
  return {
    known: () => known,
    remember(epoch) {
      if (epoch === known) return;
      known = epoch;
      writeFileSync(`${file}.new`, String(epoch), { mode: 0o600 });
      renameSync(`${file}.new`, file);
    },
  };
}

function read(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}
