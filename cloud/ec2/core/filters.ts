/**
 * Filters: all of them must hold, of each any of its values, which may hold `*` and `?`.
 *
 * A filter that is not known is refused. To pass over one would show more than was asked for, and what a program is
 * shown it stops and ends.
 */
import { badValue, refuse, shortened } from "./errors.ts";

/** What a filter looks at. Several: one of them is enough. */
export type Values = string | number | boolean | undefined | readonly (string | undefined)[];
export type Known<T> = Readonly<Record<string, (one: T) => Values>>;

export interface AskedFilter {
  readonly Name?: string | undefined;
  readonly Values?: readonly string[] | undefined;
}

export interface Tag {
  readonly Key: string;
  readonly Value: string;
}

const mostFilters = 50;
const mostValues = 200;
const longestValue = 1_024;

/** Whether one passes all of them. Refuses those that nobody knows, and more than anybody needs. */
export function filtering<T>(
  asked: readonly AskedFilter[] | undefined,
  known: Known<T>,
  tagsOf?: (one: T) => readonly Tag[],
): (one: T) => boolean {
  const filters = asked ?? [];
  const count = filters.reduce((sum, { Values = [] }) => sum + Values.length, 0);
  if (filters.length > mostFilters || count > mostValues)
    throw refuse(
      "FilterLimitExceeded",
      `A request has at most ${mostFilters} filters with ${mostValues} values together`,
    );
  const tests = filters.map((filter) => testOf(filter, known, tagsOf));
  return (one) => tests.every((test) => test(one));
}

/** The values of a filter that must be one of these, for asking the database for no more than that. */
export const plainValues = (asked: readonly AskedFilter[] | undefined, name: string) => {
  const values = asked?.find((filter) => filter.Name === name)?.Values;
  return values?.every((value) => !/[*?\\]/.test(value)) ? values : undefined;
};

/** A tag that what is shown must have, with any of these values: whatever has not need not be looked at. */
export interface WantedTag {
  readonly key: string;
  readonly values: readonly string[];
}

export function wantedTag(asked: readonly AskedFilter[] | undefined): WantedTag | undefined {
  for (const { Name: name = "" } of asked ?? []) {
    const values = name.startsWith("tag:") ? plainValues(asked, name) : undefined;
    if (values) return { key: name.slice("tag:".length), values };
  }
  return undefined;
}

function testOf<T>(
  { Name: name, Values: values }: AskedFilter,
  known: Known<T>,
  tagsOf: ((one: T) => readonly Tag[]) | undefined,
): (one: T) => boolean {
  if (name === undefined) throw refuse("InvalidParameterValue", "A filter has no name");
  if (values === undefined || values.length === 0)
    throw refuse("InvalidParameterValue", `The filter '${shortened(name)}' has no values`);
  for (const value of values)
    if (value.length > longestValue)
      throw badValue("Filter.Value", value, `It is longer than ${longestValue} characters.`);
  const patterns = values.map(patternOf);
  const matches = (value: string) => patterns.some((pattern) => isLike(value, pattern));
  const look = lookOf(name, known, tagsOf);
  if (!look) throw refuse("InvalidParameterValue", `The filter '${shortened(name)}' is invalid`);
  return (one) => {
    const found = look(one);
    if (found === undefined) return false;
    if (Array.isArray(found)) return found.some((value) => value !== undefined && matches(value));
    return matches(String(found));
  };
}

function lookOf<T>(
  name: string,
  known: Known<T>,
  tagsOf: ((one: T) => readonly Tag[]) | undefined,
): ((one: T) => Values) | undefined {
  if (Object.hasOwn(known, name)) return known[name];
  if (!tagsOf) return undefined;
  if (name === "tag-key") return (one) => tagsOf(one).map(({ Key }) => Key);
  if (name === "tag-value") return (one) => tagsOf(one).map(({ Value }) => Value);
  if (!name.startsWith("tag:")) return undefined;
  const key = name.slice("tag:".length);
  return (one) => tagsOf(one).flatMap(({ Key, Value }) => (Key === key ? [Value] : []));
}

/** Undefined stands for any text; null for any one character. */
type Pattern = readonly (string | null | undefined)[];

function patternOf(value: string): Pattern {
  const pattern: (string | null | undefined)[] = [];
  const characters = [...value];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at];
    if (character === "\\" && at + 1 < characters.length) pattern.push(characters[++at]);
    else if (character === "*") {
      if (pattern.length === 0 || pattern.at(-1) !== undefined) pattern.push(undefined);
    } else pattern.push(character === "?" ? null : character);
  }
  return pattern;
}

/** Goes back to the last `*` only, so its time is bounded by the product of the lengths. */
export function isLike(value: string, pattern: Pattern): boolean {
  const text = [...value];
  let [at, star, resume] = [0, -1, 0];
  let index = 0;
  while (index < text.length) {
    if (at < pattern.length && pattern[at] === undefined) {
      star = at++;
      resume = index;
    } else if (at < pattern.length && (pattern[at] === null || pattern[at] === text[index])) {
      at++;
      index++;
    } else if (star >= 0) {
      at = star + 1;
      index = ++resume;
    } else return false;
  }
  while (at < pattern.length && pattern[at] === undefined) at++;
  return at === pattern.length;
}

export const likeOf = patternOf;
