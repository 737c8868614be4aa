/** From an HTTP request to the fields of an action, and to what its signature is about. */
import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { refuse } from "../core/errors.ts";
import type { Fields } from "../core/parse.ts";
import type { Signed } from "../core/sign.ts";

export interface Read {
  readonly signed: Signed;
  readonly fields: Fields;
}

export function readFields(request: IncomingMessage, body: Buffer): Read {
  const { method = "GET", url = "/", rawHeaders } = request;
  if (method !== "GET" && method !== "POST")
    throw refuse("MalformedHTTPRequest", "Send a POST with a form, or a GET with a query.", 405);
  const at = url.indexOf("?");
  const query = at < 0 ? [] : formOf(url.slice(at + 1));
  const headers: [string, string][] = [];
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.push([(rawHeaders[index] ?? "").toLowerCase(), rawHeaders[index + 1] ?? ""]);
  const path = decoded(at < 0 ? url : url.slice(0, at));
  if (body.length > 0 && !isForm(request.headers["content-type"]))
    throw refuse(
      "UnsupportedMediaType",
      "The body must be application/x-www-form-urlencoded.",
      415,
    );
  if (!isUtf8(body)) throw malformed();
  const sent = body.length > 0 ? formOf(body.toString("utf8")) : [];
  return { signed: { method, path, query, headers }, fields: [...query, ...sent] };
}

const isForm = (type: string | undefined) =>
  type === undefined || /^application\/x-www-form-urlencoded\s*(;|$)/i.test(type);

/** `a=b&c=d`. More than anybody reads is not even taken apart. */
export function formOf(text: string): Fields {
  if (text === "") return [];
  const parts = text.split("&", 10_001);
  if (parts.length > 10_000)
    throw refuse("InvalidParameterValue", "A request has at most 10000 parameters");
  return parts
    .filter((part) => part !== "")
    .map((part) => {
      const at = part.indexOf("=");
      const [name, value] = at < 0 ? [part, ""] : [part.slice(0, at), part.slice(at + 1)];
      return [decoded(name), decoded(value)] as const;
    });
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    throw malformed();
  }
}

const malformed = () =>
  refuse("MalformedQueryString", "The parameters are not UTF-8, or not encoded as a form.", 400);
