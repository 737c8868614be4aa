/** The image of simulated instances: 4 KiB of nothing, which nobody boots from. */
import { Readable } from "node:stream";
import type { Blobs } from "@holdfast/drivers/images";

/** Puts its bytes into the managers' store. Resolves with what registers it: the body for POST /v1/images. */
export async function putTinyImage(blobs: Pick<Blobs, "put">) {
  const virtualBytes = 4_096;
  const { digest } = await blobs.put(Readable.from([Buffer.alloc(virtualBytes)]));
  return {
    name: "tiny",
    source: "test",
    manifest: {
      disk: { digest, format: "raw", virtualBytes },
      saysReady: true,
      smallestMemoryMiB: 64,
    },
  };
}
