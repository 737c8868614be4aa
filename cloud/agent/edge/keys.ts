/**
 * The keys of encrypted volumes on a host: said by a manager, handed on to whoever opens a file, and kept nowhere but in
 * the memory of both. A host that begins anew is told them again.
 *
 * What is kept of a wish has a mark in the place of each key, and not nothing: a disk without a key is a plain one.
 */
import { sealedMark, type Wish } from "@holdfast/cloud/hosts";
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

/** In the place of a key that was said before this agent began. `opened` throws of it, as of all with its mark. */
const forgotten = sealedMark;

/** As it may lie on a disk. */
export function withoutKeys(wish: Wish): Wish {
  const { spec } = wish;
  if (!spec?.disks.some(({ key }) => key !== undefined && key !== forgotten)) return wish;
  const disks = spec.disks.map((disk) =>
    disk.key === undefined ? disk : { ...disk, key: forgotten },
  );
  return { ...wish, spec: { ...spec, disks } };
}

/** It was kept without a key, and has not been said again since. */
export const hasForgotten = ({ spec }: Wish): boolean =>
  spec?.disks.some(({ key }) => key === forgotten) ?? false;

/** The same, or no manager could open one of its keys: once one can, it is said again as the same version. */
export const lacksKeys = ({ spec }: Wish): boolean =>
  spec?.disks.some(({ key }) => key?.startsWith(sealedMark)) ?? false;

/** For a log: what was said, without the key. */
export function unlocked<Said extends { readonly key?: string | undefined }>(said: Said) {
  const { key: _, ...rest } = said;
  return rest;
}
