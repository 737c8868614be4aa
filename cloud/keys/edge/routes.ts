/** The answers to ../api.ts. */
import type { MintId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import { handle } from "@holdfast/kernel/route";
import type { Clock } from "@holdfast/kernel/time";
import { brokenConstraint, type Database } from "@holdfast/store/database";
import { appendJournal } from "@holdfast/store/journal";
import * as api from "../api.ts";
import { findKeyView, insertKey, pageOfKeys, removeKey } from "./keys.ts";
import { publicKeyOf } from "./public-key.ts";

export interface KeyRouteDeps {
  readonly database: Database;
  readonly clock: Clock;
  readonly mintId: MintId;
}

export function keyRoutes({ database, clock, mintId }: KeyRouteDeps) {
  return {
    listKeys: handle(api.listKeys, ({ params, query }) =>
      pageOfKeys(database, params.project, query),
    ),

    addKey: handle(api.addKey, async ({ params, body, caller, requestId }) => {
      const { name } = body;
      const key = publicKeyOf(body.publicKey);
      const subject = mintId<"Key">();
      const at = clock.now();
      const detail = { name, fingerprint: key.fingerprint };
      try {
        return await database.transaction(async (sql) => {
          await insertKey(sql, params.project, subject, name, key, at);
          const row = { at, kind: "key", subject, event: "created", detail } as const;
          await appendJournal(sql, [{ ...row, actor: caller.name, requestId }]);
          return findKeyView(sql, params.project, subject);
        });
      } catch (error) {
        if (brokenConstraint(error) === "ssh_key_project_id_name_key") throw nameTaken(name);
        throw error;
      }
    }),

    deleteKey: handle(api.deleteKey, async ({ params, caller, requestId }) =>
      database.transaction(async (sql) => {
        const key = await findKeyView(sql, params.project, params.key);
        await removeKey(sql, key.id);
        const { name, fingerprint } = key;
        const row = { at: clock.now(), kind: "key", subject: key.id, event: "deleted" } as const;
        const detail = { name, fingerprint };
        await appendJournal(sql, [{ ...row, actor: caller.name, requestId, detail }]);
        return key;
      }),
    ),
  };
}

const nameTaken = (name: string) =>
  problem("conflict", "name_taken", `There is a key ${name} in this project.`, {
    fix: "Choose another name, or delete that one: holdfast keypairs",
    faults: [{ field: "body.name", reason: "is taken" }],
  });
