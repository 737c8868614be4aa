/**
 * From what a client sent to what a route declares, or to faults with field, reason and fix.
 *
 * A shape alone is not enough: it says nothing about text that no database can keep (NUL, halves of
 * characters), about keys that mean something to JavaScript, or about a thousand levels of brackets. So
 * every value is walked once before its shape sees it.
 */
import { isUtf8 } from "node:buffer";
import { type Fault, type Problem, problem } from "@holdfast/kernel/problem";
import type { z } from "zod";

/** Deeper than anything that a route declares; shallow enough for code that calls itself. */
const deepest = 32;
/** Enough to mend a request with. The rest is found when these are mended. */
const mostFaults = 20;

export function invalidRequest(faults: readonly Fault[], fix = seeWhatItTakes): Problem {
  const [first] = faults;
  const message = first ? `${first.field}: ${first.reason}.` : "The request cannot be read.";
  return problem("invalid", "invalid_request", message, { faults, fix });
}
const seeWhatItTakes = "See what this call takes: /openapi.json";

/** Rejects with `invalid_request`. `where` is where it came from: path, query or body. */
export function parse<Shape extends z.ZodType>(
  shape: Shape,
  value: unknown,
  where: string,
): z.output<Shape> {
  const strange = strangeParts(value, where);
  if (strange.length > 0) throw invalidRequest(strange);
  const parsed = shape.safeParse(value);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.flatMap((issue) => faultsOf(issue, where));
  throw invalidRequest(faults.slice(0, mostFaults));
}

/** The bytes of a body as a value; undefined for no bytes. Rejects with `invalid_request`. */
export function readJson(bytes: Buffer): unknown {
  if (bytes.length === 0) return undefined;
  if (!isUtf8(bytes)) throw invalidRequest([{ field: "body", reason: "is not UTF-8" }], sendJson);
  try {
    return JSON.parse(bytes.toString("utf8"));
  } catch (error) {
    const why = error instanceof Error ? error.message : "it cannot be read";
    throw invalidRequest([{ field: "body", reason: `is not JSON: ${shortened(why)}` }], sendJson);
  }
}
export const sendJson = "Send JSON of at most 512 KiB with content-type: application/json.";

function faultsOf(issue: z.core.$ZodIssue, where: string): readonly Fault[] {
  const path = [where, ...issue.path];
  if (issue.code !== "unrecognized_keys") return [{ field: named(path), reason: issue.message }];
  return issue.keys
    .slice(0, mostFaults)
    .map((key) => ({ field: named([...path, key]), reason: "is not known here" }));
}

interface Part {
  readonly path: readonly PropertyKey[];
  readonly value: unknown;
}

/** What no field of any route may be. Walks with a list of its own: the nesting is the client's. */
function strangeParts(value: unknown, where: string): readonly Fault[] {
  const faults: Fault[] = [];
  const left: Part[] = [{ path: [where], value }];
  for (let part = left.pop(); part && faults.length < mostFaults; part = left.pop()) {
    const { path, value } = part;
    const reason = strangeness(part);
    if (reason) faults.push({ field: named(path), reason });
    else if (typeof value === "object" && value !== null)
      for (const [key, item] of Object.entries(value))
        left.push({ path: [...path, key], value: item });
  }
  return faults;
}

function strangeness({ path, value }: Part): string | undefined {
  const key = path.at(-1);
  if (key === "__proto__") return "is not known here";
  if (path.length > deepest) return `is nested more than ${deepest} levels deep`;
  if (isUnkeepable(value)) return "must not contain NUL or half a character";
  if (isUnkeepable(key)) return "has a name with NUL or half a character in it";
  return undefined;
}

const isUnkeepable = (value: unknown) => typeof value === "string" && unkeepable.test(value);
/** In Unicode mode a surrogate only matches where its other half is missing. */
const unkeepable = /\0|\p{Surrogate}/u;

const named = (path: readonly PropertyKey[]) => shortened(path.map(String).join("."));

/** Names are the client's too, and an answer should not be longer than what helps. */
const shortened = (text: string) => (text.length > 200 ? `${text.slice(0, 200)}…` : text);
