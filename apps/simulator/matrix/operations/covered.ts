/**
 * Which operations of the matrix stand for what can be asked for. A route that is in neither list fails the check of the docs, a kind of
 * job or of task that is in none fails to compile: what is new comes with its row.
 */
import type { StorageTask } from "@holdfast/cloud/hosts";
import type { JobKind } from "@holdfast/cloud/instances";

/** By the names of the routes that change something. */
export const coveredRoutes: Readonly<Record<string, readonly string[]>> = {
  abortMigration: ["migrate-aborted"],
  addKey: ["key-add"],
  addRange: ["range-add"],
  addRules: ["group-rules-add"],
  allocateAddress: ["address-allocate"],
  attachAddress: ["address-attach"],
  attachVolume: ["volume-attach"],
  attestHost: ["host-attest"],
  cancelJob: ["cancel"],
  cancelScheduledEvent: ["event-cancel"],
  changeHost: ["host-change"],
  changeRecovery: ["change-recovery"],
  changeSetting: ["setting-change"],
  checkVolume: ["volume-check"],
  createAlarm: ["alarm-create", "alarm-acts"],
  createBackup: ["backup-create"],
  createForward: ["forward-create"],
  createGroup: ["group-create"],
  copySnapshot: ["volume-from-snapshot"],
  createImageFromSnapshot: ["image-from-snapshot"],
  createImageFrom: ["image-from-volume"],
  createJoinToken: ["host-join"],
  createNetwork: ["network-create"],
  createProject: ["project-create"],
  createSnapshot: ["snapshot-create"],
  createVolume: ["volume-create"],
  createWindow: ["window-create"],
  deleteAlarm: ["alarm-delete"],
  deleteBackup: ["backup-delete"],
  deleteForward: ["forward-delete"],
  deleteGroup: ["group-delete"],
  deleteImage: ["image-delete"],
  deleteKey: ["key-delete"],
  deleteNetwork: ["network-delete"],
  deleteSnapshot: ["snapshot-delete"],
  deleteVolume: ["volume-delete"],
  deleteWindow: ["window-delete"],
  destroyInstance: ["destroy"],
  detachAddress: ["address-detach"],
  detachVolume: ["volume-detach"],
  endMaintenance: ["maintenance-leave"],
  expungeInstance: ["expunge", "expunge-with-disks"],
  importImage: ["image-import", "image-upload"],
  limitVolume: ["volume-limit"],
  migrateInstance: ["migrate", "migrate-with-storage"],
  moveScheduledEvent: ["event-move"],
  planMaintenance: ["maintenance-enter"],
  changeInstanceType: ["change-type"],
  protectInstance: ["protect"],
  putType: ["type-put"],
  rebootInstance: ["reboot", "reboot-by-force"],
  recoverInstance: ["recover"],
  registerImage: ["image-register"],
  relaunchInstance: ["relaunch"],
  releaseAddress: ["address-release"],
  releaseBrake: ["brake-release"],
  removeBmc: ["bmc-remove"],
  removeRange: ["range-remove"],
  removeRules: ["group-rules-remove"],
  resizeVolume: ["volume-resize"],
  restoreBackup: ["backup-restore"],
  restoreSnapshot: ["snapshot-restore"],
  revokeHost: ["host-leave"],
  runInstances: ["deploy", "deploy-three", "deploy-with-disks", "deploy-in-a-network"],
  scheduleBackups: ["backup-schedule"],
  scheduleEvent: ["event-schedule", "event-happens"],
  setBmc: ["bmc-set"],
  setImageWarmth: ["image-warmth", "template-made"],
  setInstanceGroups: ["instance-groups"],
  setMaintenancePolicy: ["maintenance-policy"],
  startInstance: ["start"],
  stopInstance: ["stop", "stop-by-force"],
  stopSchedule: ["backup-schedule-stop"],
  changeAccount: ["account-disable"],
  createAccessKey: ["access-key-create"],
  createAccount: ["account-create"],
  createOrganisation: ["organisation-create"],
  createProjectIn: ["project-create-in"],
  createServiceAccount: ["service-account-create"],
  createServiceAccountKey: ["service-account-key-create"],
  putMember: ["member-put"],
  putOrganisationMember: ["organisation-member-put"],
  putProjectMember: ["project-member-put"],
  removeMember: ["member-remove"],
  removeOrganisationMember: ["organisation-member-remove"],
  removeProjectMember: ["project-member-remove"],
  revokeAccessKey: ["access-key-revoke"],
  revokeKeyOfAccount: ["account-key-revoke"],
  revokeServiceAccountKey: ["service-account-key-revoke"],
  endSession: ["session-end"],
  endSessionOfAccount: ["session-end"],
  setSingleSignOn: ["sign-on-set"],
  removeSingleSignOn: ["sign-on-remove"],
  changeTags: ["tags-change"],
  setQuota: ["quota-set"],
  setRequiredTags: ["required-tags"],
  setOrganisationRequiredTags: ["organisation-required-tags"],
};

/** They ask with a body, and change nothing. */
export const changesNothing: readonly string[] = ["explainPlacement", "previewMaintenance"];

export const coveredJobs: Readonly<Record<JobKind, readonly string[]>> = {
  run: ["deploy", "deploy-three"],
  start: ["start"],
  stop: ["stop", "stop-by-force"],
  reboot: ["reboot", "reboot-by-force"],
  relaunch: ["relaunch"],
  migrate: ["migrate", "migrate-with-storage"],
  abort: ["migrate-aborted"],
  destroy: ["destroy"],
  recover: ["recover"],
  expunge: ["expunge", "expunge-with-disks"],
};

/** What hosts are asked to do with volumes. */
export const coveredTasks: Readonly<Record<StorageTask["do"], readonly string[]>> = {
  make: ["volume-create", "volume-attach"],
  resize: ["volume-resize"],
  snapshot: ["snapshot-create"],
  "remove-snapshot": ["snapshot-delete"],
  restore: ["snapshot-restore"],
  copy: ["volume-from-snapshot"],
  extract: ["image-from-volume", "image-from-snapshot"],
  backup: ["backup-create", "backup-schedule"],
  "remove-backup": ["backup-delete"],
  "check-backup": ["backup-create"],
  "restore-backup": ["backup-restore"],
  check: ["volume-check"],
  remove: ["volume-delete", "snapshot-restore"],
  release: ["host-loses-power"],
  revoke: ["host-loses-power"],
};

/**
 * One statement each, and before that a password is hashed beside the event loop: in real time, of which a simulated
 * world has none.
 */
export const elsewhere: readonly string[] = ["changePassword", "resetPassword", "signIn"];

/** What nobody asks for. */
export const befalls: readonly string[] = [
  ...["guest-dies", "host-loses-power", "host-cut-off", "host-reboots"],
];
