/**
 * The one request whose body is not JSON: the bytes of an image.
 *
 * Its body has no limit here, so nothing may ever collect it: within this route no other content type is
 * read at all, and the bytes go on as a stream.
 */
import { Readable } from "node:stream";
import type { Access } from "@holdfast/cloud/access/edge";
import { getImage } from "@holdfast/cloud/images/api";
import { findImageView } from "@holdfast/cloud/images/edge";
import type { ImageId } from "@holdfast/kernel/ids";
import type { Database } from "@holdfast/store/database";
import type { FastifyInstance } from "fastify";
import { witnessOf } from "./http.ts";
import { invalidRequest, parse } from "./reading.ts";

interface Deps {
  readonly access: Access;
  readonly database: Database;
  readonly take: (id: ImageId, content: Readable) => Promise<void>;
}

/** `PUT /v1/projects/:project/images/:image/content`, application/octet-stream. Answers with the image. */
export function contentRoute(server: FastifyInstance, { access, database, take }: Deps): void {
  server.register(async (scope) => {
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, payload, done) => done(null, payload));
    scope.put(
      "/v1/projects/:project/images/:image/content",
      { bodyLimit: Number.MAX_SAFE_INTEGER },
      async (request) => {
        const { headers, params, body } = request;
        const witness = witnessOf(request);
        const caller = await access.authenticate({ headers, isChange: true, source: request.ip });
        const { project: named, image } = parse(getImage.params, params, "path");
        witness.caller = caller;
        const project = await access.projectOf(caller, named, "project:operate");
        witness.project = project;
        const { id } = await findImageView(database, project, image);
        if (!headers["content-type"]?.startsWith("application/octet-stream"))
          throw invalidRequest(
            [{ field: "header.content-type", reason: "must be application/octet-stream" }],
            "Send the bytes of the image as they are; holdfast images import FILE does.",
          );
        await take(id as ImageId, body instanceof Readable ? body : Readable.from([]));
        const { whose: _, ...view } = await findImageView(database, project, id);
        return view;
      },
    );
  });
}
