/**
 * What to send: values that fit a schema, and values that no careful program would send.
 *
 * JSON has no way to write some of what arrives in practice (numbers too large to be one, `__proto__`, a
 * thousand brackets), so such values travel as a marker that `jsonOf` replaces by the bytes themselves.
 */
import fc, { type Arbitrary } from "fast-check";
import type { Schema } from "./document.ts";

const marker = "raw-json:";
export const raw = (text: string) => marker + text;
export const isRaw = (value: unknown) => typeof value === "string" && value.startsWith(marker);

export function jsonOf(value: unknown): string {
  const text = JSON.stringify(value) ?? "";
  return text.replaceAll(
    new RegExp(`"${marker}((?:[^"\\\\]|\\\\.)*)"`, "g"),
    (_, inner: string) => JSON.parse(`"${inner}"`) as string, // It was a string when it was written.
  );
}

/** Never valid anywhere. */
const rawValues = [
  raw("1e999"),
  raw("-1e999"),
  raw('{"__proto__":{"isOperator":true}}'),
  raw('{"__proto__":null}'),
  raw('{"constructor":{"prototype":{"x":1}}}'),
  raw("[".repeat(5_000) + "]".repeat(5_000)),
  raw(`${'{"a":'.repeat(5_000)}1${"}".repeat(5_000)}`),
];

const numbers = [
  ...[0, -0, -1, 1.5, -0.5, 1e-300, 1e21, 1e308, -1e308],
  ...[2 ** 31, 2 ** 32, 2 ** 53, -(2 ** 53), 2 ** 63],
];

export const hostileStrings: readonly string[] = [
  ...["", " ", "\t", "NaN", "Infinity", "-1", "1e999", "0x10", "1,5", "null", "undefined", "true"],
  ...[
    "\u0000",
    "a\u0000b",
    "\ud800",
    "x\udc00y",
    "\u202eabc",
    "\ufeff",
    "💥".repeat(40),
    "ﷺ",
    "ı",
    "K",
  ],
  ...["'; drop table instance; --", "' or '1'='1", '") or ("1"="1', "1; select pg_sleep(9)", "$1"],
  ...[
    "../../../../etc/passwd",
    "..%2f..%2fetc",
    "/etc/passwd",
    "file:///etc/passwd",
    ".",
    "..",
    "a/b",
  ],
  ...["{{7*7}}", "$(reboot)", "`id`", "%00", "%n%s%x", "\r\nx-injected: yes", "<b>&amp;"],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "a".repeat(64), "a".repeat(10_000)],
  ...[
    "00000000-0000-0000-0000-000000000000",
    "ABCDEFGH",
    "-",
    "a-",
    "javascript:alert(1)",
    "http://",
    "http://a/\u0000b",
  ],
];

const objects: readonly unknown[] = [
  ...[null, true, false, [], [[]], [null], {}, { a: 1 }, { length: 3 }, { toString: "x" }],
  ...[Array.from({ length: 5_000 }, () => "a"), { value: { value: {} } }],
  Object.fromEntries(Array.from({ length: 2_000 }, (_, index) => [`k${index}`, index])),
];

/** Text that fits many a schema, and that no database can keep. */
export const unkeepable: readonly string[] = ["\u0000", "a\u0000b", "\ud800", "x\udc00y"];

/** A megabyte: more than any body may be. */
export const huge = "a".repeat(2 ** 20);

export const hostileText: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...hostileStrings) },
  { weight: 2, arbitrary: fc.string({ unit: "binary", maxLength: 80 }) },
  { weight: 1, arbitrary: fc.string({ unit: "grapheme", maxLength: 80 }) },
);

export const hostileValue: Arbitrary<unknown> = fc.oneof(
  { weight: 5, arbitrary: hostileText },
  { weight: 4, arbitrary: fc.constantFrom(...numbers) },
  { weight: 4, arbitrary: fc.constantFrom(...objects) },
  { weight: 3, arbitrary: fc.constantFrom(...rawValues) },
  { weight: 1, arbitrary: fc.constant(huge) },
  { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);

/** Values that fit. `pools` holds, by the name of a field, values that mean something to the platform. */
export function valid(
  schema: Schema,
  pools: Readonly<Record<string, Arbitrary<unknown>>>,
  name = "",
): Arbitrary<unknown> {
  const pool = pools[name];
  return pool
    ? fc.oneof({ weight: 3, arbitrary: pool }, { weight: 1, arbitrary: made(schema, pools) })
    : made(schema, pools);
}

function made(
  schema: Schema,
  pools: Readonly<Record<string, Arbitrary<unknown>>>,
): Arbitrary<unknown> {
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map((inner) => valid(inner, pools)));
  switch (schema.type) {
    case "null":
      return fc.constant(null);
    case "boolean":
      return fc.boolean();
    case "integer":
      return number(schema).map(Math.ceil);
    case "number":
      return number(schema);
    case "string":
      return text(schema);
    case "array":
      return fc.array(valid(schema.items ?? {}, pools), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 4, Math.max(schema.minItems ?? 0, 4)),
      });
    case "object":
      return fc.record(
        Object.fromEntries(
          Object.entries(schema.properties ?? {}).map(([key, inner]) => [
            key,
            valid(inner, pools, key),
          ]),
        ),
        { requiredKeys: [...(schema.required ?? [])] },
      );
    default:
      return fc.jsonValue({ maxDepth: 2 });
  }
}

function number({ minimum, maximum, exclusiveMinimum }: Schema): Arbitrary<number> {
  const min = minimum ?? (exclusiveMinimum === undefined ? -1e6 : exclusiveMinimum + 1);
  const max = maximum ?? 1e6;
  return fc.oneof(fc.constantFrom(min, max), fc.double({ min, max, noNaN: true }));
}

function text({ pattern, format, minLength = 0, maxLength = 200 }: Schema): Arbitrary<string> {
  if (format === "uri") return fc.webUrl();
  if (pattern) return fc.stringMatching(new RegExp(pattern));
  return fc
    .string({ unit: "grapheme", minLength, maxLength: Math.min(maxLength, 200) })
    .filter((made) => made.length <= maxLength);
}
