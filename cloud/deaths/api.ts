/** What the world may ask about deaths. Pure declarations; edge/routes.ts answers them. */
import { none, reads } from "@holdfast/kernel/declare";
import { Next, Page, ProjectParam } from "@holdfast/kernel/shapes";
import { z } from "zod";
import { causeClasses } from "./core/taxonomy.ts";

const InstanceParam = z
  .string()
  .regex(/^[a-z0-9][a-z0-9-]{0,62}$/, "must be an instance's name or id");

const layers = ["infrastructure", "base-image", "application", "operator", "maintenance"] as const;
const CauseParam = z
  .string()
  .refine((text) => causeClasses.some((one) => one === text), "must be a class of docs/causes.md");

export const DeathView = z.object({
  instance: z.string(),
  name: z.string(),
  project: z.string(),
  generation: z.number().int(),
  host: z.object({ id: z.string(), name: z.string() }),
  at: z.number().describe("When it ended, as far as is known."),
  recordedAt: z.number().describe("When the platform knew."),
  cause: z.string().describe("A class of the published taxonomy; docs/causes.md has them all."),
  layer: z.enum(layers).describe("Whose matter it is."),
  says: z.string().describe("One sentence."),
  confidence: z
    .enum(["certain", "likely", "none"])
    .describe(
      "`certain`: the evidence leaves no other cause. `likely`: one witness, or something speaks against it.",
    ),
  evidence: z
    .array(z.object({ at: z.number(), source: z.string(), says: z.string() }))
    .describe("What was found, oldest first."),
  sought: z
    .array(z.object({ what: z.string(), found: z.literal(false), why: z.string() }))
    .describe("What was looked for and not found, and why it matters."),
  console: z.array(z.string()).describe("The last lines of its serial console."),
  panic: z
    .object({
      class: z.string(),
      title: z.string(),
      function: z.string().optional(),
      module: z.string().optional(),
      because: z.string(),
    })
    .optional()
    .describe("What its kernel said of its own end."),
  recovery: z
    .enum(["in-place", "elsewhere", "none"])
    .describe("Where such a one is started again."),
  fence: z
    .object({
      certificate: z.string(),
      proof: z.string(),
      silentSince: z.number(),
      provenAt: z.number(),
    })
    .nullable()
    .describe("The proof that let it be started elsewhere."),
  amended: z
    .object({ at: z.number(), was: z.string() })
    .nullable()
    .describe("Its host told more later, and the inquest was held again."),
  did: z
    .array(z.object({ at: z.number(), says: z.string() }))
    .describe("What Holdfast did about it, oldest first."),
  next: z.string().describe("What a person should do."),
});
export type DeathView = z.output<typeof DeathView>;

export const WhyView = z.object({
  instance: z.string(),
  name: z.string(),
  state: z.string(),
  desired: z.string(),
  generation: z.number().int(),
  says: z.string().describe("One sentence: why it is as it is."),
  order: z
    .object({
      verb: z.string(),
      actor: z.string(),
      at: z.number(),
      requestId: z.string().nullable(),
    })
    .nullable()
    .describe("Somebody's command that ended it, if that came after its last death."),
  death: DeathView.nullable(),
});
export type WhyView = z.output<typeof WhyView>;

const ofInstance = z.object({ project: ProjectParam, instance: InstanceParam });

export const getDeath = reads({
  path: "/v1/projects/:project/instances/:instance/death",
  summary: "Why an instance died last, or how a generation of it ended.",
  needs: "project:read",
  params: ofInstance,
  query: z.strictObject({
    generation: z.coerce
      .number()
      .int()
      .min(1)
      .max(2 ** 31 - 1)
      .optional(),
  }),
  reply: WhyView,
  fails: { instance_not_found: "not_found", death_not_found: "not_found" },
});

export const listDeaths = reads({
  path: "/v1/projects/:project/instances/:instance/deaths",
  summary: "Every death of an instance, youngest first.",
  needs: "project:read",
  params: ofInstance,
  query: Page.extend({ limit: Page.shape.limit.removeDefault().default(50) }),
  reply: z.object({ deaths: z.array(DeathView), next: Next }),
  fails: { instance_not_found: "not_found", cursor_not_valid: "invalid" },
});

export const listFleetDeaths = reads({
  path: "/v1/deaths",
  summary: "Deaths of the whole platform, youngest first.",
  needs: "platform:read",
  params: none,
  query: Page.extend({
    cause: CauseParam.optional(),
    since: z.coerce
      .number()
      .min(0)
      .max(253_402_300_799_999) // The end of the year 9999; later ones no database reads.
      .optional()
      .describe("Milliseconds since the epoch."),
    limit: Page.shape.limit.removeDefault().default(100),
  }),
  reply: z.object({ deaths: z.array(DeathView), next: Next }),
  fails: { cursor_not_valid: "invalid" },
});
