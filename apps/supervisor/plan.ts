/** What the supervisor keeps running; written by `holdfast up`, read at the start and at every SIGHUP. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";

export const Plan = z.object({
  /** Undefined when somebody else runs PostgreSQL. */
  database: z
    .object({
      directory: z.string(),
      port: z.number().int(),
      user: z.string(),
      isDurable: z.boolean(),
    })
    .optional(),
  programs: z.array(
    z.object({
      name: z.enum(["chassis", "manager", "guard", "agent"]),
      script: z.string(),
      /** Changes when the script does: an upgrade restarts the program, and guests do not notice. */
      build: z.string(),
      env: z.record(z.string(), z.string()),
    }),
  ),
});
export type Plan = z.output<typeof Plan>;
export type Program = Plan["programs"][number];

/** The plan that the supervisor has last carried out. */
export const followedFile = (state: string) => join(state, "followed.json");

export const planFile = (state: string) => join(state, "platform.json");

/** As it is meant, and as it is written. */
export async function readPlan(state: string): Promise<{ plan: Plan; text: string }> {
  const text = await readFile(planFile(state), "utf8");
  return { plan: Plan.parse(JSON.parse(text)), text };
}
