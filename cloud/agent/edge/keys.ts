/**
 * The keys of encrypted volumes on a host: said by a manager, handed on to whoever opens a file, and kept nowhere but in
 * the memory of both. A host that begins anew is told them again.
 */
import { sealedMark } from "@holdfast/cloud/hosts";
import { problem } from "@holdfast/kernel/problem";

/** A manager that cannot open a key says it as it is. Throws `volume_key_missing` then. */
export function opened(key: string): string {
  if (!key.startsWith(sealedMark)) return key;
  throw problem(
    "conflict",
    "volume_key_missing",
    "No manager can open the key of this encrypted volume.",
    { fix: "Put back platform.key of this installation from your backup: docs/encryption.md" },
  );
}

/** For a log: what was said, without the key. */
export function unlocked<Said extends { readonly key?: string | undefined }>(said: Said) {
  const { key: _, ...rest } = said;
  return rest;
}
