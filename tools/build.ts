/**
 * Bundles each program into one file under dist/, so that it starts in a tenth of a second and nothing is
 * compiled at run time. Our own packages are bundled, everybody else's stay in node_modules.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

const root = join(import.meta.dirname, "..");
const folders = [
  "cloud",
  "drivers",
  "kernel",
  "store",
  "client",
  ...apps().map((app) => `apps/${app}`),
];
const external = folders
  .flatMap((folder) => Object.keys(dependenciesOf(folder)))
  .filter((name) => !name.startsWith("@holdfast/"));

await build({
  entryPoints: apps().map((app) => ({ in: join(root, "apps", app, "main.ts"), out: app })),
  outdir: join(root, "dist"),
  bundle: true,
  platform: "node",
  target: "node20",
  format: "esm",
  sourcemap: true,
  external: [...new Set(external)],
  logLevel: "warning",
});

function apps(): string[] {
  const names = readdirSync(join(root, "apps"));
  return names.filter((name) => readdirSync(join(root, "apps", name)).includes("main.ts"));
}

function dependenciesOf(folder: string): Record<string, string> {
  const text = readFileSync(join(root, folder, "package.json"), "utf8");
  return (JSON.parse(text) as { dependencies?: Record<string, string> }).dependencies ?? {}; // npm's own shape.
}
