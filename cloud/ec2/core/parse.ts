/**
 * From the names and values of a request to what its action takes, or to a refusal.
 *
 * Lists begin at 0 or at 1, or are one bare value; empty values mean absent. What cannot be read is refused and never
 * left out: a list of ids that was passed over would mean "all of them", and a client once ended another one's
 * instance that way. So a name that is not known is refused as well.
 */
import type { ActionName } from "./actions.ts";
import { badValue, missing, refuse, shortened } from "./errors.ts";
import { isScalar, type Member, structureOf } from "./model.ts";
import { operations } from "./operations.ts";
import type { Inputs } from "./words.ts";

export type Fields = readonly (readonly [name: string, value: string])[];

interface Node {
  value: string | undefined;
  readonly parts: Map<string, Node>;
}

/** Deeper than anything that EC2 takes. */
const deepest = 10;
/** EC2's own largest requests have a few thousand. */
const mostFields = 5_000;

/** What every request may carry besides what its action takes. */
const envelope =
  /^(Action|Version|AWSAccessKeyId|Signature|SignatureMethod|SignatureVersion|Timestamp|Expires|SecurityToken|X-Amz-.*)$/i;

export function readInput<Name extends ActionName>(action: Name, fields: Fields): Inputs[Name] {
  const root = treeOf(fields.filter(([name]) => !envelope.test(name)));
  const [input] = operations[action];
  return structure(input, root, "") as Inputs[Name]; // Its types are made from the same table.
}

export function treeOf(fields: Fields): Node {
  if (fields.length > mostFields)
    throw refuse("InvalidParameterValue", `A request has at most ${mostFields} parameters`);
  const root = newNode();
  for (const [name, value] of fields) {
    if (unreadable.test(value) || unreadable.test(name))
      throw badValue(
        shortened(name.replace(unreadables, "?")),
        "",
        "It holds characters that no text has.",
      );
    const parts = name.split(".", deepest + 1);
    if (parts.length > deepest || parts.includes("")) throw unknownParameter(name);
    let node = root;
    for (const part of parts) {
      const next = node.parts.get(part) ?? newNode();
      node.parts.set(part, next);
      node = next;
    }
    if (node.value !== undefined)
      throw refuse(
        "InvalidParameterCombination",
        `The parameter ${shortened(name)} is given twice`,
      );
    node.value = value;
  }
  return root;
}

function structure(name: string, node: Node, path: string): Readonly<Record<string, unknown>> {
  const { members, byQuery } = structureOf(name);
  const found: [string, unknown][] = [];
  if (node.value) throw unknownParameter(path);
  for (const [part, child] of node.parts) {
    const member = byQuery.get(part);
    if (!member) throw unknownParameter(path + part);
    const value = memberValue(member, child, path + part, name);
    if (value !== undefined) found.push([member.name, value]);
  }
  const lacking = members.find(
    (member) => member.isRequired && !found.some(([had]) => had === member.name),
  );
  if (lacking) throw missing(path + lacking.query);
  return Object.fromEntries(found);
}

function memberValue(member: Member, node: Node, path: string, owner: string): unknown {
  if (member.item === undefined) return single(member.type, node, path);
  const nodes = elements(node, path);
  // Empty text is something to look for in a filter, and a mistake wherever else a list holds it.
  const isFilter = owner === "Filter";
  return nodes.map(([element, at]) => {
    const value = single(member.type, element, at);
    if (value !== undefined) return value;
    if (isFilter) return "";
    if (isScalar(member.type)) throw badValue(at, "", "A list must not hold an empty value.");
    return {};
  });
}

function elements(node: Node, path: string): readonly (readonly [Node, string])[] {
  if (node.value !== undefined && node.parts.size > 0)
    throw badValue(path, node.value, "It is given as one value and as a list.");
  if (node.value !== undefined) return [[node, path]];
  return [...node.parts]
    .map(([part, child]) => {
      if (!index.test(part)) throw unknownParameter(`${path}.${part}`);
      return { at: Number(part), child };
    })
    .sort((a, b) => a.at - b.at)
    .map(({ at, child }) => [child, `${path}.${at}`] as const);
}

function single(type: string, node: Node, path: string): unknown {
  if (!isScalar(type)) {
    const value = structure(type, node, `${path}.`);
    return Object.keys(value).length > 0 ? value : undefined;
  }
  for (const part of node.parts.keys()) throw unknownParameter(`${path}.${part}`);
  const { value = "" } = node;
  if (value === "") return undefined;
  switch (type) {
    case "s":
      return value;
    case "b":
      if (/^(true|false)$/i.test(value)) return value.toLowerCase() === "true";
      throw badValue(path, value, "It must be true or false.");
    case "i":
      if (/^[+-]?\d{1,15}$/.test(value)) return Number(value);
      throw badValue(path, value, "It must be a whole number.");
    case "d":
      if (/^[+-]?\d{1,15}(\.\d{1,15})?$/.test(value)) return Number(value);
      throw badValue(path, value, "It must be a number.");
    case "t": {
      const moment = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?$/.test(
        value,
      )
        ? Date.parse(/(Z|[+-]\d\d:?\d\d)$/.test(value) ? value : `${value}Z`)
        : Number.NaN;
      if (Number.isNaN(moment))
        throw badValue(path, value, "It must be a time: 2027-01-02T03:04:05Z.");
      return moment;
    }
  }
}

const newNode = (): Node => ({ value: undefined, parts: new Map() });
const index = /^(0|[1-9]\d{0,4})$/;
/** No database and no XML can hold these. */
const unreadable = /(?![\t\n\r])\p{Cc}|\p{Surrogate}|\p{Noncharacter_Code_Point}/u;
const unreadables = new RegExp(unreadable, "gu");

const unknownParameter = (name: string) =>
  refuse("UnknownParameter", `The parameter ${shortened(name)} is not recognized`);
