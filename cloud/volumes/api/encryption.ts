/** Whether a project wants whatever is made in it encrypted. */
import { changes, reads } from "@holdfast/kernel/declare";
import { inProject } from "@holdfast/kernel/shapes";
import { z } from "zod";

const Encryption = z.strictObject({
  everything: z
    .boolean()
    .describe("Whatever is made from now on is encrypted, whether that is asked for or not."),
});

export const getVolumeEncryption = reads({
  path: "/v1/projects/:project/volume-encryption",
  summary: "Whether all new volumes of a project are encrypted.",
  needs: "project:read",
  params: inProject,
  reply: Encryption,
});

export const setVolumeEncryption = changes("PUT", {
  path: "/v1/projects/:project/volume-encryption",
  summary:
    "Encrypt all new volumes of a project, or only those for which it is asked. Those that are there stay as they are.",
  needs: "project:configure",
  params: inProject,
  body: Encryption,
  reply: [200, Encryption],
});
