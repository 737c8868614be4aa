/**
 * Answers as XML, in the namespace of the version that was asked for. That ends with a slash: one client finds
 * nothing in an answer without it.
 *
 * What users have written goes through `text` and nowhere else.
 */
import { iso } from "@holdfast/kernel/time";
import type { ActionName } from "./actions.ts";
import { type Member, structureOf } from "./model.ts";
import { operations } from "./shapes.ts";
import type { Outputs } from "./words.ts";

const head = '<?xml version="1.0" encoding="UTF-8"?>\n';

export interface Envelope {
  readonly version: string;
  readonly requestId: string;
}

export function answerXml<Name extends ActionName>(
  action: Name,
  output: Outputs[Name],
  { version, requestId }: Envelope,
): string {
  const [, shape] = operations[action];
  const body = shape === "" ? "<return>true</return>" : structure(shape, output);
  return `${head}<${action}Response xmlns="http://ec2.amazonaws.com/doc/${version}/"><requestId>${text(requestId)}</requestId>${body}</${action}Response>`;
}

export const errorXml = (code: string, message: string, requestId: string): string =>
  `${head}<Response><Errors><Error><Code>${text(code)}</Code><Message>${text(message)}</Message></Error></Errors><RequestID>${text(requestId)}</RequestID></Response>`;

/** STS has its own envelope, and of it Holdfast answers one thing. */
export const callerXml = (
  { account, arn, user }: { readonly account: string; readonly arn: string; readonly user: string },
  requestId: string,
): string =>
  `${head}<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult><Arn>${text(arn)}</Arn><UserId>${text(user)}</UserId><Account>${text(account)}</Account></GetCallerIdentityResult><ResponseMetadata><RequestId>${text(requestId)}</RequestId></ResponseMetadata></GetCallerIdentityResponse>`;

export const stsErrorXml = (code: string, message: string, requestId: string): string =>
  `${head}<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><Error><Type>Sender</Type><Code>${text(code)}</Code><Message>${text(message)}</Message></Error><RequestId>${text(requestId)}</RequestId></ErrorResponse>`;

function structure(name: string, value: object): string {
  const fields = value as Readonly<Record<string, unknown>>; // Its types are made from the same table.
  let written = "";
  for (const member of structureOf(name).members) {
    const field = fields[member.name];
    if (field !== undefined) written += memberXml(member, field);
  }
  return written;
}

function memberXml({ xml, type, item }: Member, value: unknown): string {
  if (item === undefined) return element(xml, type, value);
  if (!Array.isArray(value)) throw new Error(`${xml} is a list`);
  return `<${xml}>${value.map((one) => element(item, type, one)).join("")}</${xml}>`;
}

function element(name: string, type: string, value: unknown): string {
  switch (type) {
    case "s":
    case "i":
    case "d":
    case "b":
      return `<${name}>${text(String(value))}</${name}>`;
    case "t":
      return `<${name}>${iso(value as Parameters<typeof iso>[0])}</${name}>`; // As its type says.
    default:
      return `<${name}>${structure(type, value as object)}</${name}>`; // As its type says.
  }
}

/** Also safe inside of an attribute. Line ends are kept as they are, which plain ones are not. */
export function text(raw: string): string {
  if (!special.test(raw)) return raw;
  return raw.replace(specials, (found) => entities[found] ?? "\ufffd");
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#13;",
};
/** The rest of these cannot stand in XML at all. */
const special = /[&<>"'\r]|(?![\t\n])\p{Cc}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u;
const specials = new RegExp(special, "gu");
