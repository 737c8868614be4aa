/**
 * Answers as XML, in the namespace of the version that was asked for. That ends with a slash: one client finds
 * nothing in an answer without it.
 *
 * What users have written goes through `text` and nowhere else.
 */
import { type Instant, iso } from "@holdfast/kernel/time";
import type { ActionName } from "./actions.ts";
import { type Scalar, structureOf } from "./model.ts";
import { operations } from "./operations.ts";
import type { Outputs } from "./words.ts";

const head = '<?xml version="1.0" encoding="UTF-8"?>\n';

export interface Envelope {
  readonly version: string;
  readonly requestId: string;
}

/** What an action answers. What it lists may be made when it is written. */
export type Output<Name extends ActionName> = {
  readonly [Part in keyof Outputs[Name]]: Outputs[Name][Part] extends
    | readonly (infer One)[]
    | undefined
    ? Iterable<One> | Extract<Outputs[Name][Part], undefined>
    : Outputs[Name][Part];
};

/**
 * Piece by piece, each thing of a list for itself: whoever sends it turns each into bytes while it is new. A thousand
 * instances as one string are half a million parts that wait to be put together.
 */
export function* answerXml<Name extends ActionName>(
  action: Name,
  output: Output<Name>,
  { version, requestId }: Envelope,
): Generator<string, void, undefined> {
  const [, shape] = operations[action];
  yield `${head}<${action}Response xmlns="http://ec2.amazonaws.com/doc/${version}/"><requestId>${text(requestId)}</requestId>`;
  if (shape === "") yield "<return>true</return>";
  else yield* pieces(shape, output as Readonly<Record<string, unknown>>); // Its types are made from the same table.
  yield `</${action}Response>`;
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

function* pieces(
  shape: string,
  output: Readonly<Record<string, unknown>>,
): Generator<string, void, undefined> {
  for (const { name, xml, type, item } of structureOf(shape).members) {
    const value = output[name];
    if (value === undefined) continue;
    yield `<${xml}>`;
    if (item === undefined) yield writerOf(type)(value as never);
    else {
      const write = elementWriter(item, type);
      for (const one of listed(xml, value)) yield write(one as never);
    }
    yield `</${xml}>`;
  }
}

/** Writes what stands between two tags. */
type Write = (value: never) => string;

/** A page of instances has ten thousand elements, so what is known of their tags is put together once. */
const writers = new Map<string, Write>();

function writerOf(type: string): Write {
  const known = writers.get(type);
  if (known) return known;
  const made = Object.hasOwn(scalars, type) ? scalars[type as Scalar] : writerOfStructure(type); // One of its own.
  writers.set(type, made);
  return made;
}

const plain = (value: number | boolean) => `${value}`;
const scalars: Readonly<Record<Scalar, Write>> = {
  s: text,
  i: plain,
  d: plain,
  b: plain,
  t: moment,
};

/** What was begun together has the same times. */
let latest = { at: 0 as Instant, says: iso(0 as Instant) };
function moment(at: Instant): string {
  if (at !== latest.at) latest = { at, says: iso(at) };
  return latest.says;
}

function writerOfStructure(name: string): Write {
  const writes = structureOf(name).members.map(({ name, xml, type, item }) => ({
    name,
    write:
      item === undefined ? elementWriter(xml, type) : listWriter(xml, elementWriter(item, type)),
  }));
  return (value: Readonly<Record<string, unknown>>) => {
    let written = "";
    for (const { name, write } of writes) {
      const field = value[name];
      if (field !== undefined) written += write(field as never); // As its type says.
    }
    return written;
  };
}

function elementWriter(tag: string, type: string): Write {
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  let write: Write | undefined; // Found when there is one to write: some structures hold their own kind.
  return (value) => {
    write ??= writerOf(type);
    return open + write(value) + close;
  };
}

function listWriter(tag: string, write: Write): Write {
  const [open, close] = [`<${tag}>`, `</${tag}>`];
  return (value) => {
    let written = open;
    for (const one of listed(tag, value)) written += write(one as never);
    return written + close;
  };
}

function listed(tag: string, value: unknown): Iterable<unknown> {
  const isList = typeof value === "object" && value !== null && Symbol.iterator in value;
  if (!isList) throw new Error(`${tag} is a list`);
  return value as Iterable<unknown>; // It has just been seen to be.
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
