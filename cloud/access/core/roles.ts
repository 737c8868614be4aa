/**
 * What each role allows, as data. A role says nothing of where: that is what it was given on, see may-do.ts.
 *
 * A new permission goes to nobody until it is written in here: what no row names is refused.
 */
import type { Permission } from "@holdfast/kernel/route";

export interface Role {
  /** For whom it is meant, in one sentence. */
  readonly says: string;
  readonly may: readonly Permission[];
}

const reading = ["project:read", "organisation:read"] as const;
const auditing = ["project:audit", "organisation:audit", "platform:audit"] as const;
const granting = ["project:grant", "organisation:grant", "platform:grant"] as const;

export const roles = {
  owner: {
    says: "Everything, also who else may do what.",
    may: [
      ...reading,
      ...["project:operate", "project:configure", "platform:read", "platform:operate"],
      ...granting,
      ...auditing,
    ] as readonly Permission[],
  },
  operator: {
    says: "Runs it: hosts, settings, maintenance, and everything in projects; gives nobody rights.",
    may: [
      ...reading,
      "project:operate",
      "project:configure",
      "platform:read",
      "platform:operate",
    ] as readonly Permission[],
  },
  developer: {
    says: "Makes, changes and removes what is in projects.",
    may: [...reading, "project:operate"] as readonly Permission[],
  },
  viewer: {
    says: "Sees what is in projects, and changes nothing.",
    may: reading as readonly Permission[],
  },
  auditor: {
    says: "Sees everything, also who did what when, and changes nothing.",
    may: [...reading, "platform:read", ...auditing] as readonly Permission[],
  },
} as const satisfies Record<string, Role>;

export type RoleName = keyof typeof roles;
export const roleNames = Object.keys(roles) as [RoleName, ...RoleName[]]; // In the order of the table.

/** What anybody who is known may do about themselves. */
export const ofEverybody: ReadonlySet<Permission> = new Set(["caller:read", "caller:manage"]);
