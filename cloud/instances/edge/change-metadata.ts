/**
 * Whether the guest of an instance is answered at the metadata address, whether it needs a token there, and how far answers reach.
 *
 * Its host is told with the wish, and not with the notes of what guests may know: those come a moment after a launch or a
 * move, and a guest that asks in between would be answered without a token. How far
 * answers reach is in the picture of the networks, since packets are told.
 */
import type { MetadataTokens } from "@holdfast/cloud/metadata";
import { renewWishes } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";

export interface MetadataChange {
  readonly metadata?: "on" | "off" | undefined;
  readonly metadataTokens?: MetadataTokens | undefined;
  readonly metadataHops?: number | undefined;
}

/** Gives the hosts whose wishes are newer; none if it was so already. */
export async function changeMetadata(
  database: Database,
  id: InstanceId,
  detail: MetadataChange,
  {
    self,
    ...who
  }: {
    /** This manager. */
    readonly self: string;
    readonly at: Instant;
    readonly actor: string;
    readonly requestId: string;
  },
): Promise<readonly HostId[]> {
  return database.transaction(async (sql) => {
    const [changed] = await sql.query(
      `update instance set metadata = coalesce($2, metadata), metadata_tokens = coalesce($3, metadata_tokens),
         metadata_hops = coalesce($4, metadata_hops)
       where id = $1 and (coalesce(metadata, 'on') <> $2 or coalesce(metadata_tokens, 'optional') <> $3
         or coalesce(metadata_hops, 1) <> $4) returning id`,
      [id, detail.metadata ?? null, detail.metadataTokens ?? null, detail.metadataHops ?? null],
    );
    if (!changed) return [];
    const hosts = await renewWishes(sql, [id]);
    await appendJournal(sql, [
      {
        ...who,
        ...{ kind: "instance", subject: id, event: "metadataChanged", detail },
      },
    ]);
    if (hosts.length > 0) await announce(sql, { from: self, wishes: hosts });
    return hosts;
  });
}
