/** What a guest hears at the metadata address when nobody can answer it. */
import type { MetadataAnswer } from "./driver.ts";

const plain = { "content-type": "text/plain" };

export const failed: MetadataAnswer = {
  status: 500,
  headers: plain,
  body: "Internal Server Error\n",
};
export const notYet: MetadataAnswer = {
  status: 503,
  headers: plain,
  body: "Service Unavailable\n",
};
/** To whom the host knows no card: it was taken away a moment ago. */
export const stranger: MetadataAnswer = { status: 404, headers: plain, body: "Not Found\n" };
