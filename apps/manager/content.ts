/** The one request whose body is not JSON: the bytes of an image. */
import type { Readable } from "node:stream";
import type { Access } from "@holdfast/cloud/access/edge";
import { findImageView } from "@holdfast/cloud/images/edge";
import type { ImageId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import type { Database } from "@holdfast/store/database";
import type { FastifyInstance } from "fastify";

interface Deps {
  readonly access: Access;
  readonly database: Database;
  readonly take: (id: ImageId, content: Readable) => Promise<void>;
}

/** `PUT /v1/projects/:project/images/:image/content`, application/octet-stream. Answers with the image. */
export function contentRoute(server: FastifyInstance, { access, database, take }: Deps): void {
  server.put<{ Params: { project: string; image: string } }>(
    "/v1/projects/:project/images/:image/content",
    { bodyLimit: Number.MAX_SAFE_INTEGER },
    async (request) => {
      const caller = await access.authenticate(request.headers.authorization);
      const project = await access.projectOf(caller, request.params.project);
      const { id } = await findImageView(database, project, request.params.image);
      if (!request.headers["content-type"]?.startsWith("application/octet-stream"))
        throw problem(
          "invalid",
          "invalid_request",
          "header.content-type: must be application/octet-stream.",
          {
            faults: [{ field: "header.content-type", reason: "must be application/octet-stream" }],
          },
        );
      await take(id as ImageId, request.body as Readable); // What the parser for this content type hands on.
      const { isShared: _, ...view } = await findImageView(database, project, id);
      return view;
    },
  );
}
