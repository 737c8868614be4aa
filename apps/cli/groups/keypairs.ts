/** `keypairs`: SSH public keys, to put into guests. What one calls the API with are `keys`. */

import { addKey, deleteKey, listKeys } from "@holdfast/cloud/keys/api";
import { onePage } from "@holdfast/kernel/pages";
import { type Group, listing } from "../group.ts";
import { textIn } from "../input.ts";
import { keyTable } from "../text/events.ts";

export const keypairsGroup: Group = (program, open) => {
  const keypairs = listing(
    program,
    "keypairs",
    "list SSH public keys, or change them",
    "Lists the SSH public keys of the project. An instance is given some when it is made: holdfast run --key NAME.",
    async (command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await onePage("keys", (after) =>
        session.call(listKeys, { params, query: { after } }),
      );
      session.show(reply, () =>
        reply.keys.length > 0
          ? keyTable(reply.keys, session.now(), session.paint)
          : `No keys in project ${params.project}. Add one: holdfast keypairs add NAME ~/.ssh/id_ed25519.pub`,
      );
    },
  );

  keypairs
    .command("add")
    .summary("keep a public key")
    .description(addKey.summary)
    .argument("<name>", "to call it by")
    .argument("<file>", "where it is, such as ~/.ssh/id_ed25519.pub; - reads standard input")
    .action(async (name: string, file: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const publicKey = (await textIn(file, session.world.stdin)).trim();
      const reply = await session.call(addKey, { params, body: { name, publicKey } });
      session.show(reply, () => keyTable([reply], session.now(), session.paint));
      session.note(`\nnext: holdfast run --key ${reply.name}`);
    });

  keypairs
    .command("delete")
    .summary("forget a key")
    .description(deleteKey.summary)
    .argument("<key>", "its name or id")
    .action(async (key: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, key };
      const asked = session.call(deleteKey, { params });
      const reply = await session.named("key", key, asked);
      session.show(reply, () => `${reply.name} is deleted; guests that were made with it keep it.`);
    });
};
