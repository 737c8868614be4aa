/** How a client signs a request of EC2's, version 4. That it is right is shown by the real clients beside this. */
import { createHash, createHmac } from "node:crypto";

export interface Signing {
  readonly id: string;
  readonly secret: string;
  readonly region: string;
  readonly service?: string;
  readonly at?: number;
  /** As it is said to the server. */
  readonly host: string;
  readonly body: string | Buffer;
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

/** `Action` and `Version` are added. */
export const actionForm = (action: string, fields: readonly (readonly [string, string])[] = []) =>
  formOf([["Action", action], ["Version", "2016-11-15"], ...fields]);

/** The headers of a POST of `/`. */
export function signedPost(by: Signing) {
  const { id, secret, region, service = "ec2", at = Date.now(), host, body } = by;
  const date = new Date(at).toISOString().replace(/[-:]|\.\d{3}/g, "");
  const scope = [date.slice(0, 8), region, service, "aws4_request"];
  const names = "host;x-amz-date";
  const canonical = [
    "POST",
    "/",
    "",
    `host:${host}`,
    `x-amz-date:${date}`,
    "",
    names,
    sha256(body),
  ];
  const text = ["AWS4-HMAC-SHA256", date, scope.join("/"), sha256(canonical.join("\n"))].join("\n");
  const key = scope.reduce<string | Buffer>(hmac, `AWS4${secret}`);
  const signature = hmac(key, text).toString("hex");
  return {
    host,
    "x-amz-date": date,
    "content-type": "application/x-www-form-urlencoded; charset=utf-8",
    authorization: `AWS4-HMAC-SHA256 Credential=${id}/${scope.join("/")}, SignedHeaders=${names}, Signature=${signature}`,
  };
}

/** As version 2 has it: the parameters of a GET, or of a form. */
export function signedTwo(
  { id, secret, at = Date.now(), host }: Omit<Signing, "region" | "body" | "service">,
  method: "GET" | "POST",
  fields: readonly (readonly [string, string])[],
): string {
  const all = [
    ...fields,
    ...([
      ["AWSAccessKeyId", id],
      ["SignatureMethod", "HmacSHA256"],
      ["SignatureVersion", "2"],
      ["Timestamp", `${new Date(at).toISOString().slice(0, 19)}Z`],
    ] as const),
  ].sort(([a], [b]) => (a < b ? -1 : 1));
  const text = [method, host, "/", formOf(all)].join("\n");
  return formOf([...all, ["Signature", hmac(secret, text).toString("base64")]]);
}
