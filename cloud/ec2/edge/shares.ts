/**
 * Permissions: with which accounts an image or a snapshot is shared. An account is a project of the same organisation; of
 * any other nothing is said, not even whether there is one.
 */
import type { ProjectId } from "@holdfast/kernel/ids";
import { badValue, combination, missing, refuse, shortened, unsupported } from "../core/errors.ts";
import { accountOf, type Call } from "./call.ts";

/** By their accounts. */
export interface Shares {
  readonly add: readonly string[];
  readonly remove: readonly string[];
}

/** One of those who may: an account; whatever else EC2 knows of is refused. */
interface Permission {
  readonly Group?: string | undefined;
  readonly UserId?: string | undefined;
  readonly OrganizationArn?: string | undefined;
  readonly OrganizationalUnitArn?: string | undefined;
}

/** What a request says of permissions, in either of the two ways to say it. */
export interface AskedShares {
  /** What EC2 calls these permissions. */
  readonly attribute: "launchPermission" | "createVolumePermission";
  readonly Attribute?: string | undefined;
  readonly change?:
    | {
        readonly Add?: readonly Permission[] | undefined;
        readonly Remove?: readonly Permission[] | undefined;
      }
    | undefined;
  readonly OperationType?: string | undefined;
  readonly UserIds?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
}

/** Undefined: the request is about something else. */
export function wantedShares(asked: AskedShares): Shares | undefined {
  const { attribute, Attribute, change, OperationType, UserIds, groups } = asked;
  const isNamed = OperationType !== undefined || UserIds !== undefined || groups !== undefined;
  if (change !== undefined) {
    if (isNamed) throw combination(`Say it with ${attribute}, or with UserId, not with both`);
    return { add: accountsOf(change.Add), remove: accountsOf(change.Remove) };
  }
  if (Attribute !== attribute && !isNamed) return undefined;
  if (OperationType !== "add" && OperationType !== "remove")
    throw missing("operationType, which is add or remove");
  if (groups !== undefined) throw forAll();
  return { add: [], remove: [], [OperationType]: UserIds ?? [] };
}

const accountsOf = (permissions: readonly Permission[] = []) =>
  permissions.map(({ Group, UserId, OrganizationArn, OrganizationalUnitArn }) => {
    if (Group !== undefined) throw forAll();
    if (OrganizationArn !== undefined || OrganizationalUnitArn !== undefined)
      throw unsupported("It is shared with accounts, each by its number.");
    if (UserId === undefined) throw missing("UserId");
    return UserId;
  });

const forAll = () =>
  unsupported("It is shared with accounts. An image for everybody is registered by an operator.");

/** As the native API wants it. Rejects with `InvalidAMIAttributeItemValue`, of a snapshot with `InvalidParameterValue`. */
export async function nativeShares(
  { database, project }: Pick<Call, "database" | "project">,
  { add, remove }: Shares,
  { attribute }: Pick<AskedShares, "attribute">,
): Promise<{ readonly add: string[]; readonly remove: string[] }> {
  const rows =
    add.length + remove.length === 0
      ? []
      : await database.query<{ id: ProjectId }>(
          "select id from project where organisation_id = (select organisation_id from project where id = $1)",
          [project],
        );
  const known = new Map<string, string>(rows.map(({ id }) => [accountOf(id), id]));
  const named = (accounts: readonly string[]) =>
    accounts
      .filter((one) => one !== accountOf(project))
      .map((one) => {
        const found = known.get(one);
        if (found !== undefined) return found;
        if (attribute === "createVolumePermission")
          throw badValue("userId", one, "There is no such account.");
        throw refuse(
          "InvalidAMIAttributeItemValue",
          `Invalid attribute item value "${shortened(one)}" for userId item type.`,
        );
      });
  return { add: named(add), remove: named(remove) };
}

/** With whom the project has shared a thing of its own. */
export async function sharesOf(
  { database }: Pick<Call, "database">,
  noun: "image" | "snapshot",
  id: string,
): Promise<readonly { readonly UserId: string }[]> {
  const rows = await database.query<{ project: ProjectId }>(
    `select project_id as project from ${noun}_share where ${noun}_id = $1 order by project_id`,
    [id],
  );
  return rows.map(({ project }) => ({ UserId: accountOf(project) }));
}
