/**
 * Draws the state machines into docs/lifecycle.md from the tables themselves, and those parts of
 * docs/availability.md that can be drawn, so that pictures and numbers cannot lie.
 * `--check` fails when a file is not what would be drawn.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import {
  coverOf,
  proofs as hostProofs,
  meaningOf,
  watchdogBound,
} from "@holdfast/cloud/availability";
import { hostLifecycle, hostModes } from "@holdfast/cloud/hosts";
import {
  commands,
  homed,
  lifecycle,
  proofs,
  timers,
  transitional,
} from "@holdfast/cloud/instances";
import { definitions } from "@holdfast/cloud/settings";
import { volumeLifecycle } from "@holdfast/cloud/volumes";
import { draw } from "@holdfast/kernel/fsm";
import { seconds } from "@holdfast/kernel/time";

const fileOf = (name: string) => join(import.meta.dirname, "..", "docs", name);
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

const meanings: Readonly<Record<(typeof hostLifecycle.states)[number], string>> = {
  up: "Its lease holds. Instances are placed there and run.",
  suspect:
    "Its lease ran out. Its instances are `lost`: they may be running, and are not started elsewhere.",
  down: "It is proven dead. What the proof covers is started elsewhere; it is back with a new epoch.",
};

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

${hostLifecycle.states.map((state) => `- **${state}**: ${meanings[state]}`).join("\n")}

Silence alone never leads to \`down\`; one of these does, and is kept as a [certificate](availability.md):

| proof | what was seen | covers |
|---|---|---|
${hostProofs.map((proof) => `| \`${proof}\` | ${meaningOf(proof)} | ${coverOf(proof)} |`).join("\n")}

What its operators want of it:

${fence(draw(hostModes))}

## Volumes

${fence(draw(volumeLifecycle))}
`;

const byDefault = (name: keyof typeof definitions) => Number(definitions[name].byDefault);
const timer = (name: keyof typeof definitions, from: string) =>
  `\`${name}\` | ${byDefault(name)} s | ${from}`;
const bound = watchdogBound({
  lease: seconds(byDefault("hosts.lease")),
  killBudget: seconds(byDefault("hosts.kill_budget")),
  watchdog: seconds(byDefault("hosts.watchdog")),
});

/** What stands in docs/availability.md between `<!-- drawn: NAME -->` and `<!-- drawn -->`. */
const drawn: Readonly<Record<string, string>> = {
  hosts: fence(draw(hostLifecycle)),
  timers: `| | Setting | Default | Measured from |
|---|---|---:|---|
| H | ${timer("hosts.heartbeat", "")} |
| A | ${timer("hosts.lease", "on the host: when the renewal was *sent*; for managers: when it was *handled*, which is later")} |
| K | ${timer("hosts.kill_budget", "the end of the lease: fenceable guests are gone")} |
| W | ${timer("hosts.watchdog", "the last petting: the machine is reset")} |
| S | | ${bound / seconds(1)} s | the last renewal that was handled: managers accept the watchdog as a proof |`,
};

function redrawn(page: string): string {
  return page.replace(
    /(<!-- drawn: (\w+) -->\n)(?:(?!<!-- drawn)[\s\S])*(<!-- drawn -->)/g,
    (_, begin: string, name: string, end: string) =>
      `${begin}${drawn[name] ?? `no drawing ${name}`}\n${end}`,
  );
}

const availability = readFileSync(fileOf("availability.md"), "utf8");
for (const [name, wanted] of [
  ["lifecycle.md", text],
  ["availability.md", redrawn(availability)],
] as const) {
  const file = fileOf(name);
  if (!process.argv.includes("--check")) writeFileSync(file, wanted);
  else if (readFileSync(file, "utf8") !== wanted) {
    console.error(
      `docs/${name} is not what the tables say; draw it again: node --import tsx tools/diagrams.ts`,
    );
    process.exitCode = 1;
  }
}
