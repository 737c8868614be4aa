/** Who may do what, as people read it. */
import type { ReplyOf } from "@holdfast/client/client";
import type {
  AccountView,
  getMe,
  KeyView,
  listOrganisations,
  listRoles,
  MemberView,
  SessionView,
  SignOnView,
} from "@holdfast/cloud/access/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { relative } from "./words.ts";

export const organisationTable = (
  { organisations }: ReplyOf<typeof listOrganisations>,
  now: Instant,
  paint: Paint,
) =>
  table(
    ["NAME", "CREATED", "ID"],
    organisations.map(({ name, createdAt, id }) => [name, relative(createdAt, now), id]),
    paint,
  );

export const accountTable = (accounts: readonly AccountView[], now: Instant, paint: Paint) =>
  table(
    ["NAME", "KIND", "SIGNS IN WITH", "STATE", "CREATED"],
    accounts.map((one): readonly Cell[] => [
      one.name,
      one.kind === "user" ? "user" : `program of ${one.project ?? "the platform"}`,
      one.singleSignOn ?? (one.hasPassword ? "password" : "keys"),
      one.isDisabled ? { text: "shut out", tone: "bad" } : "",
      relative(one.createdAt, now),
    ]),
    paint,
  );

export const memberTable = (members: readonly MemberView[], now: Instant, paint: Paint) =>
  table(
    ["NAME", "ROLE", "GIVEN BY", "SINCE"],
    members.map(({ account, role, source, grantedBy, grantedAt }) => [
      account,
      role,
      source === "sso" ? "single sign-on" : grantedBy,
      relative(grantedAt, now),
    ]),
    paint,
  );

export const roleTable = ({ roles }: ReplyOf<typeof listRoles>, paint: Paint) =>
  table(
    ["ROLE", "FOR", "MAY"],
    roles.map(({ name, says, may }) => [name, says, may.join(" ")]),
    paint,
  );

export function keyTable(keys: readonly KeyView[], now: Instant, paint: Paint): string {
  const rows = keys.map((one): readonly Cell[] => [
    one.accessKey,
    one.name,
    one.project ?? "whatever its account may",
    relative(one.createdAt, now),
    one.expiresAt === null
      ? "never"
      : one.expiresAt <= now
        ? { text: "over", tone: "bad" }
        : relative(one.expiresAt, now),
    one.lastUsedAt === null
      ? "never"
      : `${relative(one.lastUsedAt, now)}${one.lastUsedFrom ? ` from ${one.lastUsedFrom}` : ""}`,
  ]);
  return table(["ACCESS KEY", "NAME", "FOR", "CREATED", "EXPIRES", "USED"], rows, paint);
}

export function me(reply: ReplyOf<typeof getMe>, paint: Paint): string {
  const { account, kind, accessKey, onlyProject, grants } = reply;
  const on = (grant: (typeof grants)[number]) =>
    grant.on === "platform" ? "the platform" : `${grant.on} ${grant.name}`;
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ["kind", kind === "user" ? "user" : "program"],
    ["key", accessKey ?? undefined],
    ["only in", onlyProject ?? undefined],
    ["roles", grants.map((grant) => `${grant.role} of ${on(grant)}`).join(", ") || "none"],
  ];
  return `${paint("strong", account)}\n${facts(pairs, paint)}`;
}

export const sessionTable = (all: readonly SessionView[], now: Instant, paint: Paint) =>
  table(
    ["SESSION", "FROM", "WITH", "BEGAN", "USED", ""],
    all.map(({ id, source, agent, createdAt, lastUsedAt, isCurrent }) => [
      ...[id, source ?? "", agent ?? "", relative(createdAt, now), relative(lastUsedAt, now)],
      isCurrent ? "this one" : "",
    ]),
    paint,
  );

export function providerText(provider: SignOnView, paint: Paint): string {
  const { issuer, clientId, nameClaim, groupClaim, scopes, mapping } = provider;
  const pairs: readonly (readonly [string, string])[] = [
    ["client", clientId],
    ["names", `the claim ${nameClaim}`],
    ["groups", `the claim ${groupClaim}`],
    ["scopes", scopes === null ? "as usual" : ["openid", ...scopes].join(" ")],
  ];
  const rows = mapping.map(({ group, role, organisation, project }) => [
    group,
    role,
    project ? `project ${project}` : organisation ? `organisation ${organisation}` : "the platform",
  ]);
  const worth = rows.length > 0 ? `\n\n${table(["GROUP", "ROLE", "ON"], rows, paint)}` : "";
  return `${paint("strong", issuer)}\n${facts(pairs, paint)}${worth}`;
}
