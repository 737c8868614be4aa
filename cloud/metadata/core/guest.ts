/** What a guest may know of itself. */
import type { InstanceId, NicId } from "@holdfast/kernel/ids";
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
  /** When it was scheduled. */
  since: z.number(),
});
export type ScheduledEvent = z.output<typeof ScheduledEvent>;

const id = <Kind extends string>() => z.uuid().transform((text) => text as Kind); // Checked just before.

/** What a host is told for one of its guests to know, besides what it has to know itself. */
export const GuestNotes = z.object({
  instance: id<InstanceId>(),
  /** Names of the security groups of each of its connections. */
  groups: z.array(z.object({ nic: id<NicId>(), names: z.array(z.string()) })),
  publicKeys: z.array(z.object({ name: z.string(), key: z.string() })),
  events: z.array(ScheduledEvent),
});
export type GuestNotes = z.output<typeof GuestNotes>;

/** Whether requests of the metadata need a token, as EC2's HttpTokens has it. */
export const metadataTokens = ["optional", "required"] as const;
export type MetadataTokens = (typeof metadataTokens)[number];

export interface Guest {
  readonly instance: string;
  readonly name: string;
  readonly project: string;
  readonly type: string;
  readonly image: string;
  readonly zone: string;
  /** The generation that runs. */
  readonly generation: number;
  /** Off: it is answered nothing. */
  readonly metadata: "on" | "off";
  readonly metadataTokens: MetadataTokens;
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
