/**
 * Draws the state machines into docs/lifecycle.md from the tables themselves, so the pictures cannot lie.
 * `--check` fails when the file is not what would be drawn.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { hostLifecycle, hostModes } from "@holdfast/cloud/hosts";
import {
  commands,
  homed,
  lifecycle,
  proofs,
  timers,
  transitional,
} from "@holdfast/cloud/instances";
import { volumeLifecycle } from "@holdfast/cloud/volumes";
import { draw } from "@holdfast/kernel/fsm";

const file = join(import.meta.dirname, "..", "docs", "lifecycle.md");
const fence = (text: string) => `\`\`\`mermaid\n${text}\n\`\`\``;
const list = (items: Iterable<string>) => [...items].map((item) => `\`${item}\``).join(", ");
const isCommand = (event: string) => commands.some((command) => command === event);

const rows = lifecycle.states.map((state) => {
  const arrows = lifecycle.events.flatMap((event) => {
    const to = lifecycle.next(state, event);
    if (!to) return [];
    const kind = isCommand(event)
      ? "command"
      : timers.has(event)
        ? "timer"
        : proofs.has(event)
          ? "proof"
          : "fact";
    return [`\`${event}\` (${kind}) → ${to}`];
  });
  return `| **${state}** | ${transitional.has(state) ? "yes" : ""} | ${homed.has(state) ? "yes" : ""} | ${arrows.join("<br>")} |`;
});

const text = `# The lives of instances, hosts and volumes

Drawn from the tables in the code by \`npm run docs\`; do not edit.

## Instances

Five records, never one enum: what is wanted (\`desired\`), where in its life it is (\`state\`, below), what
is being done about it (\`op\`), the process that was last launched (the *incarnation*), and its health.

${fence(draw(lifecycle))}

Something is under way, with a deadline and a next action, in: ${list(transitional)}.
A host may be running it, and holds its capacity, in: ${list(homed)}. Only a proof leads out of those:
${list(proofs)}.

| state | under way | has a home | what leads out |
|---|---|---|---|
${rows.join("\n")}

Every other pair of state and event has an answer too: it is ignored where it asks for what already is,
and refused with the state, the operation in the way and when to try again everywhere else.

## Hosts

What is known of a host:

${fence(draw(hostLifecycle))}

What its operators want of it:

${fence(draw(hostModes))}

## Volumes

${fence(draw(volumeLifecycle))}
`;

if (!process.argv.includes("--check")) writeFileSync(file, text);
else if (readFileSync(file, "utf8") !== text) {
  console.error(
    "docs/lifecycle.md is not what the tables say; draw it again: node --import tsx tools/diagrams.ts",
  );
  process.exitCode = 1;
}
