/**
 * The OpenAPI document as tests use it: every operation with its fields, and whether a value fits a schema.
 *
 * The tests of the API know no route. What they send and what they expect comes from here, so a new route
 * or field is tested without asking for it.
 */

/** As much of JSON Schema as the document uses; `fits` fails loudly on anything else. */
export interface Schema {
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly const?: unknown;
  readonly anyOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean | Schema;
  readonly propertyNames?: Schema;
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly format?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly default?: unknown;
  readonly description?: string;
}
const known = new Set<string>([
  ...["type", "enum", "const", "anyOf", "properties", "required", "additionalProperties"],
  ...["propertyNames", "items", "minItems", "maxItems", "minLength", "maxLength"],
  ...["pattern", "format", "minimum", "maximum", "exclusiveMinimum", "default", "description"],
]);

export interface Parameter {
  readonly name: string;
  readonly in: "path" | "query" | "header";
  readonly required: boolean;
  readonly schema: Schema;
}

interface Media {
  readonly content: Readonly<Record<string, { readonly schema: Schema }>>;
}

/** An operation as it stands in the document. */
export interface Declared {
  readonly operationId: string;
  readonly summary: string;
  /** Empty for whoever is not known yet; absent, as the document says for all. */
  readonly security?: readonly unknown[];
  readonly parameters: readonly Parameter[];
  readonly requestBody?: Media & { readonly required: boolean };
  readonly responses: Readonly<Record<string, Partial<Media> & { readonly description: string }>>;
}

export interface Document {
  readonly openapi: string;
  readonly info: { readonly title: string; readonly version: string };
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Declared>>>>;
}

export interface Operation {
  readonly method: string;
  /** With `{names}` in it. */
  readonly path: string;
  readonly declared: Declared;
  readonly parameters: readonly Parameter[];
  readonly body: Schema | undefined;
  readonly reply: { readonly status: number; readonly schema: Schema };
  /** Every code that it may fail with, with its status. */
  readonly codes: ReadonlyMap<string, number>;
}

/** Those whose body is JSON, or that have none, and that answer with JSON. */
export function operationsOf({ paths }: Document): readonly Operation[] {
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods)
      .filter(([, { requestBody }]) => !requestBody || "application/json" in requestBody.content)
      .filter(([, { responses }]) => !("302" in responses))
      .map(([method, declared]) => operationOf(method.toUpperCase(), path, declared)),
  );
}

function operationOf(method: string, path: string, declared: Declared): Operation {
  const [success] = Object.entries(declared.responses).filter(([status]) => status < "300");
  const schema = success?.[1].content?.["application/json"]?.schema;
  if (!success || !schema) throw new Error(`${method} ${path} declares no success`);
  return {
    method,
    path,
    declared,
    parameters: declared.parameters,
    body: declared.requestBody?.content["application/json"]?.schema,
    reply: { status: Number(success[0]), schema },
    codes: new Map(
      Object.entries(declared.responses).flatMap(([status, { description }]) =>
        [...description.matchAll(/`(\w+)`/g)].map(([, code = ""]) => [code, Number(status)]),
      ),
    ),
  };
}

export interface BodyField {
  readonly path: readonly string[];
  readonly schema: Schema;
}

/** Every field of a body, at any depth, and the body itself; of an array, its first item. */
export function bodyFields(schema: Schema, path: readonly string[] = []): readonly BodyField[] {
  return [
    { path, schema },
    ...Object.entries(schema.properties ?? {}).flatMap(([name, inner]) =>
      bodyFields(inner, [...path, name]),
    ),
    ...(schema.items ? bodyFields(schema.items, [...path, "0"]) : []),
  ];
}

/** Whether a parsed JSON value is what the schema says. */
export function fits(schema: Schema, value: unknown): boolean {
  for (const word of Object.keys(schema))
    if (!known.has(word)) throw new Error(`the tests do not know \`${word}\` in a schema yet`);
  if (schema.anyOf) return schema.anyOf.some((inner) => fits(inner, value));
  if (Array.isArray(schema.type))
    return schema.type.some((type: string) => fits({ ...schema, type }, value));
  if (schema.enum && !schema.enum.includes(value)) return false;
  if ("const" in schema && schema.const !== value) return false;
  switch (schema.type) {
    case undefined:
      return true;
    case "null":
      return value === null;
    case "boolean":
      return typeof value === "boolean";
    case "integer":
      return Number.isSafeInteger(value) && isWithin(schema, value as number); // The first half says so.
    case "number":
      return typeof value === "number" && Number.isFinite(value) && isWithin(schema, value);
    case "string":
      return typeof value === "string" && isText(schema, value);
    case "array":
      return (
        Array.isArray(value) &&
        value.length >= (schema.minItems ?? 0) &&
        value.length <= (schema.maxItems ?? Number.POSITIVE_INFINITY) &&
        value.every((item) => fits(schema.items ?? {}, item))
      );
    case "object":
      return isObject(value) && hasParts(schema, value);
    default:
      throw new Error(`the tests do not know the type ${schema.type}`);
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isWithin = (
  {
    minimum = Number.NEGATIVE_INFINITY,
    maximum = Number.POSITIVE_INFINITY,
    exclusiveMinimum,
  }: Schema,
  value: number,
) => value >= minimum && value <= maximum && value > (exclusiveMinimum ?? Number.NEGATIVE_INFINITY);

const isText = ({ minLength = 0, maxLength = 2 ** 30, pattern, format }: Schema, value: string) =>
  [...value].length >= minLength && // Characters, as JSON Schema counts them.
  [...value].length <= maxLength &&
  (!pattern || new RegExp(pattern).test(value)) &&
  (format !== "uri" || /^https?:\/\/[^\s\0]+$/.test(value));

function hasParts(schema: Schema, value: Record<string, unknown>): boolean {
  const { properties = {}, required = [], additionalProperties = true } = schema;
  if (required.some((name) => !Object.hasOwn(value, name))) return false;
  return Object.entries(value).every(([name, part]) => {
    const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (inner) return fits(inner, part);
    return typeof additionalProperties === "object"
      ? fits(additionalProperties, part)
      : additionalProperties;
  });
}

/** Whether the text of a parameter is what its schema says: numbers are written out there. */
export function textFits(schema: Schema, text: string): boolean {
  const isNumber = schema.type === "integer" || schema.type === "number";
  return fits(schema, isNumber && text.trim() !== "" ? Number(text) : text);
}
