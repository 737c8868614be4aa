/**
 * Bugs that are planted on purpose: small patches of the protocol, one file each under planted/, and what catches them.
 *
 * A bug is planted in a bundle: the files that its patch touches are patched in a folder of their own, and esbuild is
 * given those instead of the real ones. Nothing in the tree is ever changed, so a test that is broken off leaves no bug.
 *
 * What a newcomer would get wrong: a patch is made for the code of today. When that changes so much that the patch does
 * not apply any more, plant the same bug in the new code; do not drop it.
 */
import { spawnSync } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { build } from "esbuild";
import { outputOf } from "./ended-program.ts";
import type { Orders, Seeded } from "./run-seeds.ts";

export const root = join(import.meta.dirname, "..", "..");
export const folder = join(import.meta.dirname, "planted");
/** Of those that nothing has caught yet; it is not there while there are none. */
export const freeFolder = join(folder, "free");
const bundles = join(root, "dist", "planted");

export interface Planted {
  readonly name: string;
  readonly file: string;
  /** Why it is a bug, in a sentence. */
  readonly why: string;
  /** In what kind of cloud it is hunted, where that is not the usual one. */
  readonly cloud: Orders["cloud"];
  /** A test of a model that is to catch it, where seeds are not; or a bad day, as the folder of its script. */
  readonly test: string | undefined;
}

export type Caught =
  | { readonly seed: number; readonly by: string }
  | { readonly test: string; readonly by: string };

/** In the order of their names. What a patch says of itself stands above it, a line for each thing. */
export function readPlanted(from = folder): readonly Planted[] {
  const files = (existsSync(from) ? readdirSync(from) : []).filter((name) =>
    name.endsWith(".patch"),
  );
  return files.sort().map((name) => {
    const file = join(from, name);
    const text = readFileSync(file, "utf8");
    const said = (what: string) => new RegExp(`^${what}: (.+)$`, "m").exec(text)?.[1];
    const cloud = said("Cloud");
    return {
      name: basename(name, ".patch"),
      file,
      why: said("Why") ?? "",
      cloud: cloud === undefined ? {} : (JSON.parse(cloud) as Orders["cloud"]), // As run-seeds.ts takes it.
      test: said("Test"),
    };
  });
}

export const caughtFile = join(folder, "caught.json");

export const readCaught = () =>
  JSON.parse(readFileSync(caughtFile, "utf8")) as Readonly<Record<string, Caught>>; // Written by hunt.ts.

/** Whether it can be planted in the code as it is; what git says if not. One line of context may be another by now. */
export function refusalOf({ file }: Planted): string | undefined {
  const { status, stderr } = spawnSync("git", ["apply", "--check", "-C1", file], {
    cwd: root,
    encoding: "utf8",
  });
  return status === 0 ? undefined : stderr;
}

/** Bundles a program of the tree, with a bug in it or without one. Resolves with the bundle's file. */
export async function sow(entry: string, planted?: Planted): Promise<string> {
  const patched = planted ? patch(planted) : new Map<string, string>();
  const outfile = join(bundles, `${planted?.name ?? "sound"}.${basename(entry, ".ts")}.mjs`);
  await build({
    entryPoints: [join(root, entry)],
    outfile,
    bundle: true,
    platform: "node",
    target: "node20",
    format: "esm",
    sourcemap: "inline",
    logLevel: "warning",
    // Relative ones, and our own packages; everybody else's stay where they are.
    plugins: [
      {
        name: "planting",
        setup(build) {
          build.onResolve({ filter: /^[^./]/ }, ({ path }) =>
            path.startsWith("@holdfast/") ? undefined : { path, external: true },
          );
          build.onLoad({ filter: /\.ts$/ }, ({ path }) => {
            const contents = patched.get(path);
            return contents === undefined ? undefined : { contents, loader: "ts" };
          });
        },
      },
    ],
    define: { "import.meta.dirname": JSON.stringify(dirname(join(root, entry))) },
  });
  return outfile;
}

/** What the files that it touches are with it. */
function patch({ name, file }: Planted): ReadonlyMap<string, string> {
  const touched = [...readFileSync(file, "utf8").matchAll(/^\+\+\+ b\/(.+)$/gm)].map(
    ([, path = ""]) => path,
  );
  const copy = mkdtempSync(join(tmpdir(), "hf-planted-"));
  try {
    for (const path of touched) {
      mkdirSync(dirname(join(copy, path)), { recursive: true });
      cpSync(join(root, path), join(copy, path));
    }
    const { status, stderr } = spawnSync("git", ["apply", "-C1", file], {
      cwd: copy,
      encoding: "utf8",
      env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) },
    });
    if (status !== 0) throw new Error(`${name} cannot be planted: ${stderr}`);
    return new Map(
      touched.map((path) => [join(root, path), readFileSync(join(copy, path), "utf8")]),
    );
  } finally {
    rmSync(copy, { recursive: true });
  }
}

/** How much longer a seed may take that was begun in time; milliseconds. One that goes round and round never ends. */
const grace = 120_000;

/** Runs seeds in a bundle of run-seeds.ts, each after the other until one breaks something. Rejects if one does not end. */
export async function runSeeds(bundle: string, orders: Orders): Promise<readonly Seeded[]> {
  const args = ["--enable-source-maps", bundle, JSON.stringify(orders)];
  const text = await output(args, orders.within + grace);
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as Seeded); // From run-seeds.ts.
}

/** The first thing that a test says is not as it should be with a bug in what it tests; undefined: it finds nothing. */
export async function failureOf(planted: Planted, test: string): Promise<string | undefined> {
  const isDay = !test.endsWith(".ts");
  const bundle = await sow(isDay ? "test/scenarios/scenarios.test.ts" : test, planted);
  // The script of a day is read when it is its turn, as it is.
  const args = [...(isDay ? ["--import", "tsx"] : []), "--test-reporter=tap", bundle];
  const text = await output(args, grace, isDay ? { ONLY: basename(test) } : {}).catch(
    (error: { readonly stdout?: string }) => error.stdout ?? "",
  );
  return [...text.matchAll(/^ *not ok \d+ - (.+)$/gm)].map(([, title]) => title).at(0);
}

function output(args: readonly string[], timeout: number, more: object = {}): Promise<string> {
  // It is no part of the tests that this may be one of: it says by itself what it finds.
  const { NODE_TEST_CONTEXT: _, ...own } = process.env;
  const env = { ...own, ...more };
  return outputOf(args, { cwd: root, env, limit: AbortSignal.timeout(timeout) });
}

/** What caught it, in few words: which rule, or what the judge saw. Names and numbers are of one run. */
export const wordsOf = (violation: string) =>
  (violation.split(/\n| +\| /)[0] ?? "")
    .replaceAll(/[0-9a-f]{8}-[0-9a-f-]{27}/g, "…")
    .slice(0, 160);
