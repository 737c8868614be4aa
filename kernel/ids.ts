/**
 * Every kind of identifier, in one alphabetical list. A `HostId` is not an `InstanceId`, and the
 * type checker knows it; at run time both are plain strings.
 *
 * All are UUIDs of version 7: the time comes first, so new rows land side by side in an index.
 */
declare const kind: unique symbol;
type Id<Kind extends string> = string & { readonly [kind]: Kind };

export type AccountId = Id<"Account">;
export type BackupId = Id<"Backup">;
export type HostId = Id<"Host">;
export type ImageId = Id<"Image">;
export type InstanceId = Id<"Instance">;
export type JobId = Id<"Job">;
export type MigrationId = Id<"Migration">;
export type NetworkId = Id<"Network">;
export type NicId = Id<"Nic">;
export type OrganisationId = Id<"Organisation">;
export type ProjectId = Id<"Project">;
export type SecurityGroupId = Id<"SecurityGroup">;
export type SnapshotId = Id<"Snapshot">;
export type VolumeId = Id<"Volume">;
export type VolumeKeyId = Id<"VolumeKey">;

/** Makes a new identifier of whatever kind the caller needs. Handed out by main.ts. */
export type MintId = <Kind extends string>() => Id<Kind>;

/** RFC 9562 §5.7: 48 bits of milliseconds, then version, variant and 74 random bits. */
export function uuidV7(milliseconds: number, random: Uint8Array): string {
  const bytes = Uint8Array.from(random.subarray(0, 16));
  for (let i = 0; i < 6; i++) bytes[i] = Math.floor(milliseconds / 2 ** (8 * (5 - i))) & 0xff;
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  let text = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
    text += hexOf[bytes[i] ?? 0];
  }
  return text;
}

/** Three ids are made for each instance: to pad and cut their texts was dearer than the random numbers in them. */
const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));
