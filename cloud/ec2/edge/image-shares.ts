/**
 * Launch permissions: with which accounts an image is shared. An account is a project of the same organisation; of any
 * other nothing is said, not even whether there is one.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import { combination, missing, refuse, shortened, unsupported } from "../core/errors.ts";
import type { LaunchPermission, ModifyImageAttributeRequest } from "../core/words.ts";
import { accountOf, type Call } from "./call.ts";

/** By their accounts. */
export interface Shares {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** In either of the two ways to say it. Undefined: the request is about something else. */
export function wantedShares({
  Attribute,
  LaunchPermission: change,
  OperationType,
  UserIds,
  UserGroups,
}: ModifyImageAttributeRequest): Shares | undefined {
  const isNamed = OperationType !== undefined || UserIds !== undefined || UserGroups !== undefined;
  if (change !== undefined) {
    if (isNamed) throw combination("Say it with LaunchPermission, or with UserId, not with both");
    return { add: accountsOf(change.Add), remove: accountsOf(change.Remove) };
  }
  if (Attribute !== "launchPermission" && !isNamed) return undefined;
  if (OperationType !== "add" && OperationType !== "remove")
    throw missing("operationType, which is add or remove");
  if (UserGroups !== undefined) throw forAll();
  return { add: [], remove: [], [OperationType]: UserIds ?? [] };
}

const accountsOf = (permissions: readonly LaunchPermission[] = []) =>
  permissions.map(({ Group, UserId, OrganizationArn, OrganizationalUnitArn }) => {
    if (Group !== undefined) throw forAll();
    if (OrganizationArn !== undefined || OrganizationalUnitArn !== undefined)
      throw unsupported("An image is shared with accounts, each by its number.");
    if (UserId === undefined) throw missing("UserId");
    return UserId;
  });

const forAll = () =>
  unsupported("An image is shared with accounts. One for everybody is registered by an operator.");

/** Each account with its project. Rejects with `InvalidAMIAttributeItemValue`. */
export async function projectsOf(
  { database, project }: Pick<Call, "database" | "project">,
  accounts: readonly string[],
): Promise<ReadonlyMap<string, ProjectId>> {
  if (accounts.length === 0) return new Map();
  const rows = await database.query<{ id: ProjectId }>(
    "select id from project where organisation_id = (select organisation_id from project where id = $1)",
    [project],
  );
  const known = new Map(rows.map(({ id }) => [accountOf(id), id]));
  const strange = accounts.find((one) => !known.has(one));
  if (strange !== undefined)
    throw refuse(
      "InvalidAMIAttributeItemValue",
      `Invalid attribute item value "${shortened(strange)}" for userId item type.`,
    );
  return known;
}

/** With whom the project has shared an image of its own. */
export async function sharesOf(
  { database }: Pick<Call, "database">,
  image: string,
): Promise<readonly LaunchPermission[]> {
  const rows = await database.query<{ project: ProjectId }>(
    "select project_id as project from image_share where image_id = $1 order by project_id",
    [image],
  );
  return rows.map(({ project }) => ({ UserId: accountOf(project) }));
}
