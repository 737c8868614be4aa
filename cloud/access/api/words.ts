/** How things are named in the routes of access. */
import { OrganisationParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { roleNames } from "../core/roles.ts";

export const Name = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,62}$/, "must be 1 to 63 lower-case letters, digits and dashes");
export const inOrganisation = z.object({ organisation: OrganisationParam });

const accountName = /^[a-z0-9][a-z0-9._@+-]{0,127}$/;
export const AccountName = z
  .string()
  .regex(
    accountName,
    "must be 1 to 128 lower-case letters, digits and . _ @ + -, and begin with a letter or digit",
  );
export const AccountParam = z.string().regex(accountName, "must be an account's name or id");
export const KeyIdParam = z
  .string()
  .regex(/^[A-Za-z0-9]{4,64}$/, "must be the id of an access key");
export const RoleParam = z.enum(roleNames);
