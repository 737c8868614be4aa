/** What the world may ask about keys. Pure declarations; edge/routes.ts answers them. */
import { TagsShown } from "@holdfast/cloud/tags";
import { changes, lists, removes } from "@holdfast/kernel/declare";
import { inProject, Next } from "@holdfast/kernel/shapes";
import { z } from "zod";

export const KeyParam = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/, "must be a key's name or id");

export const KeyView = z.object({
  id: z.string(),
  name: z.string(),
  publicKey: z.string().describe("As a line of OpenSSH's."),
  fingerprint: z.string().describe("As `ssh-keygen -l` prints it."),
  createdAt: z.number(),
  tags: TagsShown,
});
export type KeyView = z.output<typeof KeyView>;

export const listKeys = lists({
  path: "/v1/projects/:project/keys",
  summary: "The SSH public keys of a project.",
  needs: "project:read",
  params: inProject,
  reply: z.object({ keys: z.array(KeyView), next: Next }),
});

export const addKey = changes("POST", {
  path: "/v1/projects/:project/keys",
  summary: "Keep an SSH public key, to put into guests when they are made.",
  needs: "project:operate",
  params: inProject,
  body: z.strictObject({
    name: z
      .string()
      .regex(
        /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/,
        "must be 1 to 63 letters, digits and . _ @ -, and begin with a letter or digit",
      ),
    publicKey: z.string().max(16_384).describe("One line, as in ~/.ssh/id_ed25519.pub."),
  }),
  reply: [201, KeyView],
  fails: { key_unusable: "invalid", name_taken: "conflict" },
});

export const deleteKey = removes({
  path: "/v1/projects/:project/keys/:key",
  summary: "Forget a key. Guests that were made with it keep it.",
  needs: "project:operate",
  params: inProject.extend({ key: KeyParam }),
  reply: KeyView,
  fails: { key_not_found: "not_found" },
});
