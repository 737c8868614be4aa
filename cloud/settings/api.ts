/** What the world may ask about settings. */
import { changes, reads } from "@holdfast/kernel/declare";
import { z } from "zod";

export const SettingView = z.object({
  name: z.string(),
  value: z.union([z.number(), z.string()]),
  default: z.union([z.number(), z.string()]),
  unit: z.string(),
  meaning: z.string(),
  isDefault: z.boolean(),
});

export const listSettings = reads({
  path: "/v1/settings",
  summary: "Every limit and deadline, with its default, unit and meaning.",
  needs: "platform:read",
  params: z.object({}),
  reply: z.object({ settings: z.array(SettingView) }),
});

export const changeSetting = changes("PUT", {
  path: "/v1/settings/:name",
  summary:
    "Change a setting. Every manager uses the new value from its next look on; null restores the default.",
  needs: "platform:operate",
  params: z.object({ name: z.string().max(64) }),
  body: z.strictObject({ value: z.union([z.number(), z.string().max(64), z.null()]) }),
  reply: [200, SettingView],
  fails: { setting_not_found: "not_found", setting_out_of_range: "invalid" },
});
