/**
 * The one judge of who may do what. Pure, and it refuses whatever no grant allows.
 *
 * What a newcomer would get wrong: to look whether a role has a permission, and forget on what it was given. A
 * developer of the project blue is nobody in the project red; and a role on a project never reaches the
 * platform, whatever it is called.
 */
import type { OrganisationId, ProjectId } from "@holdfast/kernel/ids";
import type { Caller, Grant, Permission } from "@holdfast/kernel/route";
import { ofEverybody, roles } from "./roles.ts";

/** A project as far as rights go. */
export interface ProjectPlace {
  readonly id: ProjectId;
  readonly organisation: OrganisationId;
}
export interface OrganisationPlace {
  readonly id: undefined;
  readonly organisation: OrganisationId;
}
export type Place = ProjectPlace | OrganisationPlace;

/** Without a place: of the platform; or, for what is in projects, in any of them. */
export function mayDo(caller: Caller, need: Permission, place?: Place): boolean {
  if (need === "public") return true;
  if (caller.only !== undefined && !isWithin(caller.only, need, place)) return false;
  if (ofEverybody.has(need)) return true;
  return caller.grants.some((grant) => allows(grant, need) && reaches(grant, need, place));
}

/** Sees the whole platform: for what is told differently to those who do not. */
export const seesPlatform = (caller: Caller) => mayDo(caller, "platform:read");

/** A key for one project is good for that alone, and not for making further keys. */
function isWithin(only: ProjectId, need: Permission, place: Place | undefined): boolean {
  if (need === "caller:read") return true;
  if (!need.startsWith("project:")) return false;
  return place === undefined || place.id === only;
}

function allows({ role }: Grant, need: Permission): boolean {
  const known: { readonly may: readonly Permission[] } | undefined = Object.hasOwn(roles, role)
    ? roles[role as keyof typeof roles] // Has just been looked up.
    : undefined;
  return known?.may.includes(need) === true;
}

function reaches(grant: Grant, need: Permission, place: Place | undefined): boolean {
  if (grant.on === "platform") return true;
  const [scope] = need.split(":");
  if (scope === "platform") return false;
  if (scope === "organisation")
    return grant.on === "organisation" && (!place || grant.id === place.organisation);
  if (place === undefined) return true;
  return grant.on === "organisation" ? grant.id === place.organisation : grant.id === place.id;
}
