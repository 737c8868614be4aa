/**
 * Who can move an instance while it runs. The port that host maintenance moves guests through.
 *
 * To order a move is not to have moved: whoever ordered it looks at where the instance is, and orders again
 * what did not come true. So an implementation may forget an order, but must refuse a second one while the
 * first is under way.
 */
import type { InstanceId } from "@holdfast/kernel/ids";
import type { Sql } from "@holdfast/store/database";

export interface Movers {
  /** Those of these that cannot be moved, each with why, as a part of a sentence. Reads only. */
  obstacles(sql: Sql, instances: readonly InstanceId[]): Promise<ReadonlyMap<InstanceId, string>>;
  /** Those of these with disks that do not survive leaving their host. Reads only. */
  ephemeral(sql: Sql, instances: readonly InstanceId[]): Promise<ReadonlySet<InstanceId>>;
  /** Resolves when it is under way. Rejects with a Problem if it cannot be; `to` is the name of a host. */
  migrate(
    instance: InstanceId,
    order: { readonly to: string | undefined; readonly why: string },
  ): Promise<void>;
}
