/**
 * Writes docs/cli.md from the help of every command, so that the manual cannot know other options than
 * the program. With `--check` it writes nothing and fails when the manual is out of date.
 * Usage: node --import tsx tools/cli-docs.ts [--check]
 */
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { programOf } from "../apps/cli/commands.ts";
import { exits } from "../apps/cli/exits.ts";
import { pathOf } from "../apps/cli/group.ts";

type Command = ReturnType<typeof programOf>;

const file = fileURLToPath(new URL("../docs/cli.md", import.meta.url));
const wanted = manual();
const isCheck = process.argv.includes("--check");
const isCurrent = existing() === wanted;
if (!isCheck) writeFileSync(file, wanted);
if (isCheck && !isCurrent)
  console.error("docs/cli.md is out of date: node --import tsx tools/cli-docs.ts");
console.log(
  `cli-docs: ${wanted.split("\n## ").length - 1} sections, ${isCheck ? (isCurrent ? "current" : "out of date") : "written"}`,
);
process.exitCode = isCheck && !isCurrent ? 1 : 0;

function manual(): string {
  const program = programOf(() => {
    throw new Error("the manual runs no command");
  });
  const sections = [program, ...program.commands.flatMap(withChildren)].map(section);
  const rows = Object.values(exits).map(({ code, means }) => `| ${code} | ${means} |`);
  return `# The command line

<!-- Made by tools/cli-docs.ts from the help of the program. Change that, not this. -->

Every command takes the options of \`holdfast\` itself, before or after its own words; only where a command
has an option of the same name (\`list --state\`, \`keys create --project\`) must the general one come first.

Tables and progress are for people and may change; \`--json\` is for programs. Results go to standard output,
everything else (progress, hints, errors) to standard error, so \`holdfast list --json | jq\` works while
something is waited for. With \`--json\` an error is the problem as JSON, on standard error.

## Exit codes

| Code | Meaning |
|---:|---|
${rows.join("\n")}

${sections.join("\n\n")}
`;
}

function withChildren(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap(withChildren)];
}

function section(command: Command): string {
  let text = "";
  command.configureOutput({
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
    writeOut: (piece) => {
      text += piece;
    },
  });
  command.outputHelp();
  return `## ${["holdfast", ...pathOf(command)].join(" ")}\n\n\`\`\`text\n${text.trimEnd()}\n\`\`\``;
}

function existing(): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // Not written yet: out of date.
  }
}
