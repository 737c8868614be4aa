/**
 * Requests of EC2's, signed as its clients sign them, and then bent as no client would. That the signing is right is
 * shown by the real clients beside this.
 */
import { createHash, createHmac } from "node:crypto";
import { request } from "node:http";
import { readToken } from "@holdfast/cloud/access/edge";
import type { Platform } from "../platform.ts";
import { endpoint, region } from "./clients.ts";

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

const sha256 = (text: string | Buffer) => createHash("sha256").update(text).digest("hex");
const hmac = (key: string | Buffer, text: string) =>
  createHmac("sha256", key).update(text).digest();
const escaped = (text: string) =>
  encodeURIComponent(text).replace(
    /[!'()*]/g,
    (one) => `%${one.charCodeAt(0).toString(16).toUpperCase()}`,
  );
export const formOf = (fields: readonly (readonly [string, string])[]) =>
  fields.map(([name, value]) => `${escaped(name)}=${escaped(value)}`).join("&");

/** The headers of a signed POST. */
export function signedHeaders(platform: Platform, body: string | Buffer, bent: Bent = {}) {
  const key = readToken(bent.token ?? platform.token);
  const host = new URL(endpoint(platform)).host;
  const date = new Date(bent.at ?? Date.now()).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [date.slice(0, 8), region, bent.service ?? "ec2", "aws4_request"];
  const canonical = [
    "POST",
    "/",
    "",
    `host:${host}`,
    `x-amz-date:${date}`,
    "",
    "host;x-amz-date",
    sha256(body),
  ];
  const text = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonical.join("\n"))].join("\n");
  const secret = scope.reduce<string | Buffer>(hmac, `AWS4${bent.secret ?? key?.secret}`);
  const signature = hmac(secret, text).toString("hex");
  return {
    host,
    "x-amz-date": date,
    "content-type": bent.contentType ?? "application/x-www-form-urlencoded; charset=utf-8",
    authorization: `AWS4-HMAC-SHA256 Credential=${key?.id}/${scope.join("/")}, SignedHeaders=host;x-amz-date, Signature=${signature}`,
    ...bent.headers,
  };
}

/** `Action` and `Version` are added. */
export function ask(
  platform: Platform,
  action: string,
  fields: readonly (readonly [string, string])[] = [],
  bent: Bent = {},
): Promise<Reply> {
  const body = formOf([["Action", action], ["Version", "2016-11-15"], ...fields]);
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
