/**
 * The shapes of ./shapes.ts, ready to walk. Each is taken apart once, when it is first asked for.
 */
import { structures } from "./shapes.ts";

export type Scalar = "s" | "i" | "d" | "b" | "t";

export interface Member {
  /** As it is called in the types of ./words.ts. */
  readonly name: string;
  readonly xml: string;
  readonly query: string;
  readonly isRequired: boolean;
  /** A letter, or the name of a structure. */
  readonly type: string;
  /** The name of its elements, if it is a list. */
  readonly item: string | undefined;
}

export interface Structure {
  readonly members: readonly Member[];
  readonly byQuery: ReadonlyMap<string, Member>;
}

const known = new Map<string, Structure>();
const memberShape = /^(\w+)(?:<([\w-]+))?(?:>([\w-]+))?(!)?:(\w+)(?:(\*)(\w*))?$/;

export function structureOf(name: string): Structure {
  const before = known.get(name);
  if (before) return before;
  const text = structures[name];
  if (text === undefined) throw new Error(`there is no structure ${name}`);
  const members = text.split(" ").filter(Boolean).map(memberOf);
  const structure = { members, byQuery: new Map(members.map((one) => [one.query, one])) };
  known.set(name, structure);
  return structure;
}

function memberOf(text: string): Member {
  const [, name, xml, query, required, type, list, item] = memberShape.exec(text) ?? [];
  if (name === undefined || type === undefined) throw new Error(`${text} is no member`);
  return {
    name,
    xml: xml ?? name.charAt(0).toLowerCase() + name.slice(1),
    query: query ?? name,
    isRequired: required !== undefined,
    type,
    item: list === undefined ? undefined : item || "item",
  };
}

export const isScalar = (type: string): type is Scalar => /^[sidbt]$/.test(type);
