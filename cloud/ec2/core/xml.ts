/**
 * Answers as XML, in the namespace of the version that was asked for. That ends with a slash: one client finds
 * nothing in an answer without it.
 *
 * What users have written goes through `text` and nowhere else.
 */
import { iso } from "@holdfast/kernel/time";
import type { ActionName } from "./actions.ts";
import { type Scalar, structureOf } from "./model.ts";
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

/** Writes what stands between two tags. */
type Write = (value: never) => string;

/** A page of instances has ten thousand elements, so what is known of their tags is put together once. */
const writers = new Map<string, Write>();

function structure(name: string, value: object): string {
  return writerOf(name)(value as never); // Its types are made from the same table.
}

function writerOf(type: string): Write {
  const known = writers.get(type);
  if (known) return known;
  const made = Object.hasOwn(scalars, type) ? scalars[type as Scalar] : writerOfStructure(type); // One of its own.
  writers.set(type, made);
  return made;
}

const plain = (value: number | boolean) => `${value}`;
const scalars: Readonly<Record<Scalar, Write>> = { s: text, i: plain, d: plain, b: plain, t: iso };

function writerOfStructure(name: string): Write {
  const { members } = structureOf(name);
  const writes = members.map(({ name, xml, type, item }) => {
    const [open, close] = [`<${xml}>`, `</${xml}>`];
    let write: Write | undefined; // Found when there is one to write: some structures hold their own kind.
    const one = (value: unknown) => {
      write ??= writerOf(type);
      return write(value as never); // As its type says.
    };
    if (item === undefined) return { name, write: (value: unknown) => open + one(value) + close };
    const [first, last] = [`<${item}>`, `</${item}>`];
    const all = (values: unknown) => {
      if (!Array.isArray(values)) throw new Error(`${xml} is a list`);
      let written = open;
      for (const value of values) written += first + one(value) + last;
      return written + close;
    };
    return { name, write: all };
  });
  return (value: Readonly<Record<string, unknown>>) => {
    let written = "";
    for (const { name, write } of writes) {
      const field = value[name];
      if (field !== undefined) written += write(field);
    }
    return written;
  };
}

/** Also safe inside of an attribute. Line ends are kept as they are, which plain ones are not. */
export function text(raw: string): string {
  if (ordinary.test(raw) || !special.test(raw)) return raw;
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
/** Most of what is said, and quickly seen to be. */
const ordinary = /^[ !#-%(-;=?-~]*$/;
/** The rest of these cannot stand in XML at all. */
const special = /[&<>"'\r]|(?![\t\n])\p{Cc}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u;
const specials = new RegExp(special, "gu");
