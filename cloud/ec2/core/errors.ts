/**
 * Refusals in the words of EC2: programs branch on the code, and waiters end or go on by it.
 *
 * What goes wrong natively is a Problem with a code of its own; `refusalOf` is the one place that knows what EC2 calls
 * it. A code that is missing here becomes what its kind says, so nothing that is refused natively can look like a
 * success or like a fault of ours.
 */
import type { Kind, Problem } from "@holdfast/kernel/problem";

export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: string;
  readonly status: number;

  constructor(code: string, message: string, status = 400, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

export const refuse = (code: string, message: string, status = 400) =>
  new Refusal(code, message, status);

export const missing = (parameter: string) =>
  refuse("MissingParameter", `The request must contain the parameter ${parameter}`);
export const badValue = (parameter: string, value: string, why: string) =>
  refuse(
    "InvalidParameterValue",
    `Value (${shortened(value)}) for parameter ${parameter} is invalid. ${why}`,
  );
export const combination = (message: string) => refuse("InvalidParameterCombination", message);
export const unsupported = (what: string, instead = "docs/ec2.md lists what is supported.") =>
  refuse("UnsupportedOperation", `${what} ${instead}`);

export const noKms = () =>
  unsupported("There are no keys of KMS: each encrypted volume has one that the platform keeps.");

/** What a client sent is said back to it only as far as it helps. */
export const shortened = (text: string) => (text.length > 100 ? `${text.slice(0, 100)}…` : text);

export const notFound = (code: string, what: string, ids: readonly string[]) =>
  ids.length === 1
    ? refuse(code, `The ${what} ID '${ids[0]}' does not exist`)
    : refuse(code, `The ${what} IDs '${ids.slice(0, 20).join(", ")}' do not exist`);

/** What EC2 calls what we refuse natively. */
const codes: Readonly<Record<string, readonly [code: string, status?: number]>> = {
  unauthenticated: ["AuthFailure", 401],
  forbidden: ["UnauthorizedOperation", 403],
  quota_exceeded: ["ResourceLimitExceeded"],
  tag_required: ["TagPolicyViolation"],
  too_many_tags: ["TagLimitExceeded"],
  project_not_found: ["UnauthorizedOperation", 403],
  rate_limited: ["RequestLimitExceeded", 503],
  idempotency_key_reused: ["IdempotentParameterMismatch"],
  instance_not_found: ["InvalidInstanceID.NotFound"],
  instance_protected: ["OperationNotPermitted"],
  not_in_this_state: ["IncorrectInstanceState"],
  instance_not_stopped: ["IncorrectInstanceState"],
  no_console: ["IncorrectInstanceState"],
  image_not_found: ["InvalidAMIID.NotFound"],
  image_not_ready: ["InvalidAMIID.Unavailable"],
  image_in_use: ["InvalidAMIID.Unavailable"],
  image_name_taken: ["InvalidAMIName.Duplicate"],
  image_shared: ["OperationNotPermitted"],
  type_not_found: ["InvalidParameterValue"],
  memory_too_small: ["InvalidParameterCombination"],
  disk_too_small: ["InvalidBlockDeviceMapping"],
  too_many_instances: ["InstanceLimitExceeded"],
  too_many_jobs: ["RequestLimitExceeded", 503],
  key_not_found: ["InvalidKeyPair.NotFound"],
  key_unusable: ["InvalidKey.Format"],
  group_not_found: ["InvalidGroup.NotFound"],
  group_in_use: ["DependencyViolation"],
  rule_not_found: ["InvalidPermission.NotFound"],
  rule_unusable: ["InvalidPermission.Malformed"],
  too_many_rules: ["RulesPerSecurityGroupLimitExceeded"],
  network_not_found: ["InvalidVpcID.NotFound"],
  addresses_exhausted: ["InsufficientFreeAddressesInSubnet"],
  public_addresses_exhausted: ["InsufficientAddressCapacity"],
  address_not_found: ["InvalidAddress.NotFound"],
  address_in_use: ["InvalidIPAddress.InUse"],
  address_not_static: ["OperationNotPermitted"],
  not_connected: ["InvalidParameterCombination"],
  volume_not_found: ["InvalidVolume.NotFound"],
  volume_in_use: ["VolumeInUse"],
  volume_busy: ["IncorrectState"],
  volume_not_made: ["IncorrectState"],
  volume_not_attached: ["IncorrectState"],
  volume_not_attachable: ["IncorrectState"],
  volume_not_detachable: ["OperationNotPermitted"],
  volume_elsewhere: ["InvalidVolume.ZoneMismatch"],
  volume_cannot_shrink: ["InvalidParameterValue"],
  too_many_disks: ["AttachmentLimitExceeded"],
  too_many_volumes: ["VolumeLimitExceeded"],
  pool_not_found: ["InvalidParameterValue"],
  pool_cannot_encrypt: ["InvalidParameterValue"],
  pool_full: ["InsufficientVolumeCapacity"],
  pool_out_of_reach: ["InvalidVolume.ZoneMismatch"],
  snapshot_not_found: ["InvalidSnapshot.NotFound"],
  snapshot_not_ready: ["IncorrectState"],
  snapshot_shared: ["OperationNotPermitted"],
  too_many_snapshots: ["SnapshotLimitExceeded"],
  event_not_found: ["InvalidInstanceEventIDNotFound"],
  event_over: ["InvalidInstanceEventIDNotFound"],
  event_fixed: ["UnsupportedOperation"],
  event_begun: ["InvalidInstanceEventStartTime"],
  event_imminent: ["InvalidInstanceEventStartTime"],
  event_notice: ["InvalidInstanceEventStartTime"],
  event_deadline: ["InvalidInstanceEventStartTime"],
  insufficient_capacity: ["InsufficientInstanceCapacity", 500],
  host_unreachable: ["ServiceUnavailable", 503],
};

const ofKind: Readonly<Record<Kind, readonly [code: string, status: number]>> = {
  invalid: ["InvalidParameterValue", 400],
  unauthenticated: ["AuthFailure", 401],
  forbidden: ["UnauthorizedOperation", 403],
  not_found: ["InvalidParameterValue", 400],
  conflict: ["IncorrectState", 400],
  exhausted: ["ResourceLimitExceeded", 400],
  limited: ["RequestLimitExceeded", 503],
  unavailable: ["ServiceUnavailable", 503],
  bug: ["InternalError", 500],
};

export function refusalOf({ kind, code, message, details }: Problem): Refusal {
  const [name, status = 400] =
    (Object.hasOwn(codes, code) ? codes[code] : undefined) ?? ofKind[kind];
  const fix = details.fix ? ` ${details.fix}` : "";
  return new Refusal(name, `${message}${fix}`, status);
}
