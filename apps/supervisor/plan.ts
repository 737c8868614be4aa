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
      name: z.enum(["manager", "guard", "agent"]),
      script: z.string(),
      /** Changes when the script does: an upgrade restarts the program, and guests do not notice. */
      build: z.string(),
      env: z.record(z.string(), z.string()),
    }),
  ),
});
export type Plan = z.output<typeof Plan>;
export type Program = Plan["programs"][number];

export const planFile = (state: string) => join(state, "platform.json");

export async function readPlan(state: string): Promise<Plan> {
  return Plan.parse(JSON.parse(await readFile(planFile(state), "utf8")));
}
