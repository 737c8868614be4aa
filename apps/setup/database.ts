/** A database that answers, has the present schema, and lets the manager in. */
import { connectDatabase } from "@holdfast/store/database";
import { type EmbeddedOptions, ensureEmbedded, prepareEmbedded } from "@holdfast/store/embedded";
import { migrate } from "@holdfast/store/migrate";
import { type Place, paths } from "./place.ts";

export interface DatabaseAccess {
  /** For the manager. */
  readonly url: string;
  readonly role: string | undefined;
  /** For the set-up itself. */
  readonly owner: string;
  /** Undefined where PostgreSQL is somebody else's. */
  readonly embedded: EmbeddedOptions | undefined;
}

/** With a given address that PostgreSQL is used; without one the embedded is started. */
export async function openDatabase(
  place: Place,
  given: string | undefined,
): Promise<DatabaseAccess> {
  if (given)
    // The login may own the schema; the manager works in a role that may not change it.
    return { url: given, role: "holdfast_manager", owner: given, embedded: undefined };
  const embedded: EmbeddedOptions = {
    directory: paths(place.state).database,
    port: place.databasePort,
    user: "holdfast-db",
    isDurable: true,
  };
  const urls = await prepareEmbedded(embedded);
  await ensureEmbedded(embedded, urls);
  return { url: urls.manager, role: undefined, owner: urls.owner, embedded };
}

export async function bringUpToDate(
  { owner, embedded }: DatabaseAccess,
  place: Place,
): Promise<void> {
  const database = connectDatabase({ url: owner, connections: 2 });
  try {
    await migrate(database, paths(place.state).migrations);
    if (!embedded) await database.query("grant holdfast_manager to current_user");
  } finally {
    await database.close();
  }
}
