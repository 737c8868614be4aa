/** The provider of single sign-on, and what its groups are worth. */
import { changes, none, reads, removes } from "@holdfast/kernel/declare";
import { z } from "zod";
import { RoleParam } from "./words.ts";

const Url = z.url({ protocol: /^https?$/ }).max(512);

const Mapping = z.strictObject({
  group: z.string().min(1).max(256).describe("As the provider calls it."),
  role: RoleParam,
  organisation: z.string().max(63).optional().describe("Its name or id."),
  project: z.string().max(63).optional().describe("Its name or id; neither: the platform."),
});

const SignOnView = z.object({
  issuer: z.string(),
  clientId: z.string(),
  nameClaim: z.string(),
  groupClaim: z.string(),
  scopes: z
    .array(z.string())
    .nullable()
    .describe(
      "What it is asked for beside `openid`; null: profile, email, and groups if it knows that.",
    ),
  mapping: z.array(
    z.object({
      group: z.string(),
      role: z.string(),
      organisation: z.string().nullable(),
      project: z.string().nullable(),
    }),
  ),
});

export type SignOnView = z.output<typeof SignOnView>;

export const getSingleSignOn = reads({
  path: "/v1/single-sign-on",
  summary: "The provider of single sign-on, and which of its groups have which role.",
  needs: "platform:grant",
  params: none,
  reply: z.object({ provider: SignOnView.nullable() }),
});

export const setSingleSignOn = changes("PUT", {
  path: "/v1/single-sign-on",
  summary: "People sign in at this provider from now on, besides with passwords.",
  needs: "platform:grant",
  params: none,
  body: z.strictObject({
    issuer: Url.describe("Where /.well-known/openid-configuration is below."),
    clientId: z.string().min(1).max(256),
    clientSecret: z.string().min(1).max(1_024).describe("Kept sealed, and never shown."),
    nameClaim: z
      .string()
      .regex(/^[A-Za-z0-9_:./-]{1,128}$/)
      .default("email")
      .describe("What people are called by."),
    groupClaim: z
      .string()
      .regex(/^[A-Za-z0-9_:./-]{1,128}$/)
      .default("groups"),
    scopes: z
      .array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, "must be one word"))
      .max(20)
      .optional()
      .describe(
        "What to ask it for beside `openid`; profile, email, and groups if it knows that, if absent.",
      ),
    mapping: z.array(Mapping).max(200).default([]),
  }),
  reply: [200, SignOnView],
  fails: { organisation_not_found: "not_found", project_not_found: "not_found" },
});

export const removeSingleSignOn = removes({
  path: "/v1/single-sign-on",
  summary: "No single sign-on any more. The roles and the sessions that it gave end.",
  needs: "platform:grant",
  params: none,
  reply: z.object({ provider: SignOnView.nullable() }),
});
