/**
 * The owner of this installation: made with its first key by `up`, and given another by `keys recover` where that was
 * lost, revoked or is over. Both need the machine: root, and its database.
 */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { hostname } from "node:os";
import { type Client, connect } from "@holdfast/client/client";
import {
  installOwner,
  type KeySecret,
  newKey,
  platformKeyIn,
  readToken,
  recoverOwner,
  sealWith,
  tokenOf,
  whyKeyIsOver,
} from "@holdfast/cloud/access/edge";
import { type MintId, uuidV7 } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Instant } from "@holdfast/kernel/time";
import { connectDatabase, type Database } from "@holdfast/store/database";
import { z } from "zod";
import { type DatabaseAccess, openDatabase } from "./database.ts";
import { type Place, paths, readJson, recallPlace, usualState, writePrivately } from "./place.ts";
import type { Say } from "./say.ts";

const ClientFile = z.object({ url: z.string(), token: z.string() });
const name = "owner";

interface Owner {
  readonly client: Client;
  /** Made just now: to be told, this once. */
  readonly made: KeySecret | undefined;
}

/** Their first key is made once, kept in the state directory, and sealed in the database. Rejects with `owner_key_over`. */
export async function ensureOwner(place: Place, access: DatabaseAccess): Promise<Owner> {
  const file = paths(place.state).client;
  const known = ClientFile.safeParse(await readJson(file));
  const before = known.success ? readToken(known.data.token) : undefined;
  const key = before ?? freshKey();
  const made = { name, key, seal: sealWith(await platformKeyIn(place.state)), mintId };
  return withDatabase(access, async (database) => {
    const recover = `./holdfast keys recover${place.state === usualState ? "" : ` --state ${place.state}`}`;
    const about = { file, recover, now: now() };
    const over = before && (await whyKeyIsOver(database, before.id, about));
    if (over) throw over;
    const client = await keep(place, key);
    if (before) await installOwner(database, made);
    else await database.transaction((sql) => recoverOwner(sql, made, here()));
    return { client, made: before ? undefined : key };
  });
}

/** Another key, whatever has become of the one before. The platform may run or not. */
export async function recoverKey(
  state: string,
  databaseUrl: string | undefined,
  say: Say,
): Promise<void> {
  if (!databaseUrl && !existsSync(paths(state).database))
    throw problem("not_found", "not_installed", `There is no installation in ${state}.`, {
      fix: "Say where it is: --state DIR. Where its PostgreSQL is one of your own: DATABASE_URL=postgres://…",
    });
  const place = await recallPlace(state, {});
  const access = await openDatabase(place, databaseUrl);
  const key = freshKey();
  const seal = sealWith(await platformKeyIn(place.state));
  await withDatabase(access, (database) =>
    database.transaction((sql) => recoverOwner(sql, { name, key, seal, mintId }, here())),
  );
  await keep(place, key);
  say.line(`The owner has another access key, in ${paths(state).client}. It is shown this once:`);
  tellKey(key, say);
  say.line();
  say.line("  The keys from before are as they were: holdfast keys, holdfast keys revoke KEY");
}

/** Once, ever: afterwards it is in a file that only root may read, and can be revoked. */
export function tellOwner(key: KeySecret, say: Say): void {
  say.line();
  say.line("  You are its owner. This is your access key, and it is shown this once:");
  tellKey(key, say);
}

function tellKey({ id, secret }: KeySecret, say: Say): void {
  say.line(`    access key  ${id}`);
  say.line(`    secret      ${secret}`);
}

/** What every command on this machine uses from now on. */
async function keep(place: Place, key: KeySecret): Promise<Client> {
  const url = `http://127.0.0.1:${place.apiPort}`;
  const token = tokenOf(key);
  await writePrivately(paths(place.state).client, { url, token });
  return connect({ url, token });
}

async function withDatabase<T>(
  { owner }: DatabaseAccess,
  work: (database: Database) => Promise<T>,
): Promise<T> {
  const database = connectDatabase({ url: owner, connections: 1 });
  try {
    return await work(database);
  } finally {
    await database.close();
  }
}

const now = () => Date.now() as Instant; // The machine's own clock.
const here = () => ({ at: now(), host: hostname() });
const freshKey = () => newKey(() => randomBytes(24).toString("base64url"));
const mintId = (() => uuidV7(Date.now(), randomBytes(16))) as MintId; // Every kind of id is such a UUID.
