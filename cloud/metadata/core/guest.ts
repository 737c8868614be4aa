/** What a guest may know of itself. */
import { z } from "zod";

/** An event that is planned for it, as EC2 has them. Times are milliseconds since the epoch. */
export const ScheduledEvent = z.object({
  id: z.string(),
  code: z.enum([
    "instance-stop",
    "instance-retirement",
    "instance-reboot",
    "system-reboot",
    "system-maintenance",
  ]),
  says: z.string(),
  notBefore: z.number(),
  notAfter: z.number().nullable(),
  /** By then it happens, whatever the owner wants. */
  deadline: z.number().nullable(),
  state: z.enum(["active", "completed", "canceled"]),
});
export type ScheduledEvent = z.output<typeof ScheduledEvent>;

export interface Guest {
  readonly instance: string;
  readonly name: string;
  readonly project: string;
  readonly type: string;
  readonly image: string;
  readonly zone: string;
  /** The generation that runs. */
  readonly generation: number;
  readonly launchedAt: number;
  readonly domain: string | undefined;
  readonly nics: readonly {
    readonly mac: string;
    readonly address: string;
    readonly cidr: string;
    readonly network: string;
    readonly publicAddress: string | undefined;
    readonly groups: readonly string[];
  }[];
  /** OpenSSH lines by name. */
  readonly publicKeys: readonly { readonly name: string; readonly key: string }[];
  readonly userData: string | undefined;
  readonly events: readonly ScheduledEvent[];
  /** It will be stopped to make room: what happens, and when. */
  readonly interruption: { readonly action: "stop" | "terminate"; readonly at: number } | undefined;
  /** JSON of how it died last. */
  readonly lastDeath: string | undefined;
}
