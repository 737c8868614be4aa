/**
 * Writes the shapes of the EC2 actions that Holdfast answers, from the machine-readable description of the API that
 * Debian's python3-botocore carries: names, types and how they travel, and nothing else of it.
 *
 * Run by hand when an action is added; what it writes is committed, so nobody else needs that package.
 * Usage: node --import tsx tools/ec2-model.ts [service-2.json]
 */
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { actionNames } from "@holdfast/cloud/ec2";

interface Ref {
  readonly shape: string;
  readonly locationName?: string;
  readonly queryName?: string;
}
interface Shape {
  readonly type: string;
  readonly members?: Readonly<Record<string, Ref>>;
  readonly member?: Ref;
  readonly required?: readonly string[];
}
interface Model {
  readonly operations: Readonly<Record<string, { input?: Ref; output?: Ref }>>;
  readonly shapes: Readonly<Record<string, Shape>>;
}

const usual = "/usr/lib/python3/dist-packages/botocore/data/ec2/2016-11-15/service-2.json";
const model = JSON.parse(readFileSync(process.argv[2] ?? usual, "utf8")) as Model;

/** What the API has got since that package was made. */
const later: Readonly<Record<string, Readonly<Record<string, Ref>>>> = {
  DescribeImagesRequest: {
    MaxResults: { shape: "Integer" },
    NextToken: { shape: "String" },
  },
  DescribeImagesResult: { NextToken: { shape: "String", locationName: "nextToken" } },
  InstanceStatus: {
    AttachedEbsStatus: { shape: "EbsStatusSummary", locationName: "attachedEbsStatus" },
  },
};
const more: Readonly<Record<string, Shape>> = {
  EbsStatusSummary: {
    type: "structure",
    members: {
      Details: { shape: "EbsStatusDetailsList", locationName: "details" },
      Status: { shape: "String", locationName: "status" },
    },
  },
  EbsStatusDetailsList: {
    type: "list",
    member: { shape: "EbsStatusDetails", locationName: "item" },
  },
  EbsStatusDetails: {
    type: "structure",
    members: {
      ImpairedSince: { shape: "DateTime", locationName: "impairedSince" },
      Name: { shape: "String", locationName: "name" },
      Status: { shape: "String", locationName: "status" },
    },
  },
};
const core = join(import.meta.dirname, "..", "cloud", "ec2", "core");

/** One letter for what is no structure. */
const letters: Readonly<Record<string, [letter: string, type: string]>> = {
  string: ["s", "string"],
  integer: ["i", "number"],
  long: ["i", "number"],
  float: ["d", "number"],
  double: ["d", "number"],
  boolean: ["b", "boolean"],
  timestamp: ["t", "Instant"],
  blob: ["s", "string"], // Base64, as it travels.
};

const structures = new Map<string, Shape>();
const lines: string[] = [];
for (const name of actionNames) {
  const operation = model.operations[name];
  if (!operation) throw new Error(`there is no action ${name} in this model`);
  for (const ref of [operation.input, operation.output]) if (ref) collect(ref.shape);
  const [input, output] = [operation.input?.shape ?? "", operation.output?.shape ?? ""];
  lines.push(`  ${name}: ["${input}", "${output}"],`);
}

const sorted = [...structures].sort(([a], [b]) => (a < b ? -1 : 1));
const heading = "Written by `node --import tsx tools/ec2-model.ts`; do not edit.";
write(
  "operations.ts",
  `/** What each action of the EC2 API takes and gives: names of ./shapes.ts, empty for nothing. ${heading} */
export const operations = {
${lines.join("\n")}
} as const;
`,
);
write(
  "shapes.ts",
  `/**
 * How what the actions of the EC2 API take and give travels. ${heading}
 *
 * Of each structure its members: \`Name:type\`, where \`s\` is text, \`i\` and \`d\` are numbers, \`b\` is a boolean, \`t\` a
 * time, and anything else a structure; \`*\` makes it a list, followed by the name of its elements where that is not
 * \`item\`. \`<xml\` and \`>query\` are its names on the wire where they do not follow from \`Name\`; \`!\`: it is required.
 */
export const structures: Readonly<Record<string, string>> = {
${sorted.map(([name, shape]) => `  ${name}:\n    "${membersOf(shape).join(" ")}",`).join("\n")}
};
`,
);
write(
  "words.ts",
  `/** What the actions of the EC2 API take and give, as types. ${heading} */
import type { Instant } from "@holdfast/kernel/time";

${sorted.map(([name, shape]) => typeText(name, shape)).join("\n\n")}

export interface Inputs {
${actionNames.map((name) => `  readonly ${name}: ${model.operations[name]?.input?.shape ?? "Nothing"};`).join("\n")}
}

export interface Outputs {
${actionNames.map((name) => `  readonly ${name}: ${model.operations[name]?.output?.shape ?? "Nothing"};`).join("\n")}
}

/** No member at all. */
export type Nothing = Readonly<Record<string, never>>;
`,
);
execFileSync("npx", ["biome", "format", "--write", core], { stdio: "inherit" });

function collect(name: string): void {
  const shape = shapeOf(name);
  if (shape.type === "list" && shape.member) collect(shape.member.shape);
  if (shape.type !== "structure" || structures.has(name)) return;
  structures.set(name, shape);
  for (const { shape: inner } of Object.values(shape.members ?? {})) collect(inner);
}

function membersOf({ members = {}, required = [] }: Shape): readonly string[] {
  return Object.entries(members).map(([name, ref]) => {
    const xml = ref.locationName ?? name;
    const query = ref.queryName ?? (ref.locationName ? capital(ref.locationName) : name);
    return [
      name,
      xml === small(name) ? "" : `<${xml}`,
      query === name ? "" : `>${query}`,
      required.includes(name) ? "!" : "",
      `:${typeOf(ref.shape)}`,
    ].join("");
  });
}

function typeOf(name: string): string {
  const { type, member } = shapeOf(name);
  if (type === "structure") return name;
  if (type !== "list") return letterOf(type)[0];
  const item = member?.locationName ?? "item";
  return `${typeOf(member?.shape ?? "")}*${item === "item" ? "" : item}`;
}

function typeText(name: string, { members = {} }: Shape): string {
  const entries = Object.entries(members);
  if (entries.length === 0) return `export type ${name} = Nothing;`;
  const fields = entries.map(
    ([field, ref]) => `  readonly ${field}?: ${tsOf(ref.shape)} | undefined;`,
  );
  return `export interface ${name} {\n${fields.join("\n")}\n}`;
}

function tsOf(name: string): string {
  const { type, member } = shapeOf(name);
  if (type === "structure") return name;
  if (type === "list") return `readonly ${tsOf(member?.shape ?? "")}[]`;
  return letterOf(type)[1];
}

function letterOf(type: string): [letter: string, type: string] {
  const letter = letters[type];
  if (!letter) throw new Error(`nothing here is a ${type}`);
  return letter;
}

function shapeOf(name: string): Shape {
  const shape = model.shapes[name] ?? more[name];
  if (!shape) throw new Error(`there is no shape ${name} in this model`);
  return { ...shape, ...(shape.members ? { members: { ...shape.members, ...later[name] } } : {}) };
}

function write(file: string, text: string): void {
  writeFileSync(join(core, file), text);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function small(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
