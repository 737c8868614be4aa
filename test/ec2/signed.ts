/**
 * Requests of EC2's, signed as its clients sign them, and then bent as no client would.
 */
import { request } from "node:http";
import { readToken } from "@holdfast/cloud/access/edge";
import type { Platform } from "../platform.ts";
import { endpoint, region } from "./clients.ts";
import { actionForm, signedPost } from "./signing.ts";

export interface Reply {
  readonly status: number;
  readonly text: string;
  /** Of a refusal. */
  readonly code: string | undefined;
}

export interface Bent {
  readonly token?: string;
  readonly secret?: string;
  readonly at?: number;
  readonly service?: string;
  readonly method?: "GET" | "POST";
  readonly contentType?: string;
  /** Sent instead of what was signed. */
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The headers of a signed POST. */
export function signedHeaders(platform: Platform, body: string | Buffer, bent: Bent = {}) {
  const key = readToken(bent.token ?? platform.token);
  const headers = signedPost({
    ...{ id: `${key?.id}`, secret: bent.secret ?? `${key?.secret}`, region, body },
    ...(bent.service === undefined ? {} : { service: bent.service }),
    ...(bent.at === undefined ? {} : { at: bent.at }),
    host: new URL(endpoint(platform)).host,
  });
  const type = bent.contentType === undefined ? {} : { "content-type": bent.contentType };
  return { ...headers, ...type, ...bent.headers };
}

/** `Action` and `Version` are added. */
export function ask(
  platform: Platform,
  action: string,
  fields: readonly (readonly [string, string])[] = [],
  bent: Bent = {},
): Promise<Reply> {
  const body = actionForm(action, fields);
  return send(platform, signedHeaders(platform, body, bent), bent.body ?? body);
}

export function send(
  platform: Platform,
  headers: Readonly<Record<string, string>>,
  body: string | Buffer,
  path = "/",
  method = "POST",
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(endpoint(platform));
    const length = Buffer.byteLength(body);
    const sending = request(
      {
        hostname,
        port,
        path,
        method,
        headers: { "content-length": length, ...headers },
        agent: false,
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("end", () => {
          const text = Buffer.concat(chunks).toString();
          const code = /<Code>([^<]*)<\/Code>/.exec(text)?.[1];
          resolve({ status: response.statusCode ?? 0, text, code });
        });
      },
    );
    sending.on("error", reject);
    sending.end(body);
  });
}

/** Whether it is well-formed: every element that begins ends, in order, and nothing stands bare. */
export function xmlFault(text: string): string | undefined {
  const open: string[] = [];
  const plain = text.replace(/^<\?xml [^?]*\?>\s*/, "");
  let at = 0;
  for (const found of plain.matchAll(/<(\/?)([\w.-]+)((?:\s[\w:]+="[^"<&]*")*)\s*(\/?)>/g)) {
    const between = plain.slice(at, found.index);
    if (/[<>]|&(?!(amp|lt|gt|quot|apos|#13);)/.test(between))
      return `stands bare: ${between.slice(0, 80)}`;
    at = found.index + found[0].length;
    const [, isEnd, name = "", , isEmpty] = found;
    if (isEnd && open.pop() !== name) return `${name} ends where it has not begun`;
    if (!isEnd && !isEmpty) open.push(name);
  }
  if (open.length > 0) return `${open.at(-1)} does not end`;
  return at === plain.length ? undefined : `stands behind the end: ${plain.slice(at, at + 80)}`;
}
