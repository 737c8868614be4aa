/**
 * Whether the guest of an instance needs a token to ask for its metadata.
 *
 * Its host is told with the wish, and not with the notes of what guests may know: those come a moment after a launch or a
 * move, and a guest that asks in between would be answered without a token.
 */
import type { MetadataTokens } from "@holdfast/cloud/metadata";
import { renewWishes } from "@holdfast/cloud/volumes/edge";
import type { HostId, InstanceId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import { announce } from "@holdfast/store/news";

/** Gives the hosts whose wishes are newer; none if it was so already. */
export async function changeMetadata(
  database: Database,
  id: InstanceId,
  metadataTokens: MetadataTokens,
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
      `update instance set metadata_tokens = $2
       where id = $1 and coalesce(metadata_tokens, 'optional') <> $2 returning id`,
      [id, metadataTokens],
    );
    if (!changed) return [];
    const hosts = await renewWishes(sql, [id]);
    await appendJournal(sql, [
      {
        ...who,
        ...{ kind: "instance", subject: id, event: "metadataChanged", detail: { metadataTokens } },
      },
    ]);
    if (hosts.length > 0) await announce(sql, { from: self, wishes: hosts });
    return hosts;
  });
}
