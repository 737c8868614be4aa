/**
 * The commands that set up and take down: `up`, `down`, `join`, and `room` for a simulated machine room. Apart from the CLI because they
 * touch the machine, and the CLI only ever talks to the API. `build-image` is for the CLI, which asks for it.
 *
 * HOLDFAST_STATE  state directory (default /var/lib/holdfast)
 * DATABASE_URL    use this PostgreSQL (15 or later) and not the embedded one
 */
import { randomUUID } from "node:crypto";
import { prepareBackups } from "@holdfast/drivers/volumes/backups";
import { Problem } from "@holdfast/kernel/problem";
import { Command } from "commander";
import { buildImage } from "./build-image.ts";
import { down } from "./down.ts";
import { blockPoolIn, poolIn, recallEquipment, standbyIn, watchdogIn } from "./equipment.ts";
import { hostCount, mustFit } from "./hosts.ts";
import { joinCloud } from "./join.ts";
import { missing } from "./needs.ts";
import { recoverKey } from "./owner.ts";
import { paths, recallPlace, usualState } from "./place.ts";
import { orderOf, orderWords, tell } from "./room.ts";
import { sayOn } from "./say.ts";
import { up } from "./up.ts";

const version = "0.1.0";
const say = sayOn(process.stdout);
const program = new Command("holdfast").description("Set up Holdfast on this machine.");
const port = (text: string) => {
  const number = Number(text);
  if (Number.isInteger(number) && number > 0 && number < 65_536) return number;
  throw new Problem("invalid", "port_invalid", `${text} is not a port.`, {
    fix: "Give a number from 1 to 65535.",
  });
};
/** An address of this machine, with a port. */
function outsideOf(text: string): string {
  if (text === "nobody") return text;
  const [, address = "", given = "7443"] =
    /^(\[[0-9a-f:]+\]|[^:\s]+)(?::(\d+))?$/i.exec(text) ?? [];
  if (address !== "") return `${address.replaceAll(/[[\]]/g, "")}:${port(given)}`;
  throw new Problem("invalid", "address_unreadable", `${text} is no address to listen on.`, {
    fix: "Give an address of this machine, for example --listen 10.0.0.5 or --listen 10.0.0.5:7443",
  });
}

const stateOption = [
  "--state <directory>",
  "state directory",
  process.env.HOLDFAST_STATE ?? usualState,
] as const;

const poolOption = [
  "--pool <name=directory>",
  "a shared pool that this machine reaches, for example fast=/srv/fast; may be repeated; remembered",
  poolIn,
] as const;
const blockPoolOption = [
  "--block-pool <name=place>",
  "a pool that a storage host serves, for example disks=10.0.0.5:7075, or on that host disks=/srv/disks@10.0.0.5:7075; may be repeated; remembered",
  blockPoolIn,
] as const;
const watchdogOption = [
  "--watchdog <device>",
  "what resets this machine when its guard stops, for example /dev/watchdog, or none; remembered",
  watchdogIn,
] as const;
const standbyOption = [
  "--standby <MiB>",
  "memory to set aside for guests of warm images that are loaded before anybody asks for them; 0 for none; remembered",
  standbyIn,
] as const;

program
  .command("up")
  .description("install what is missing, start the platform, and run a first instance")
  .option(...stateOption)
  .option(
    "--hosts <count>",
    "so many simulated hosts, each in a network of its own; 1 is this machine itself",
    hostCount,
    1,
  )
  .option("--no-install", "only say what is missing")
  .option("--api-port <port>", "port of the API on 127.0.0.1 (default: 7070)", port)
  .option(
    "--ec2-port <port>",
    "port for EC2's clients on 127.0.0.1 (default: that of the API + 3)",
    port,
  )
  .option(
    "--listen <address>",
    "also answer those who are not on this machine, over TLS: address or address:port (port: 7443, EC2's clients on the one after); nobody ends that; remembered",
    outsideOf,
  )
  .option("--agent-port <port>", "port that agents connect to (default: 7071)", port)
  .option("--database-port <port>", "port of the embedded PostgreSQL (default: 7072)", port)
  .option(...poolOption)
  .option(...blockPoolOption)
  .option(...watchdogOption)
  .option(...standbyOption)
  .action(async (options, command: Command) => {
    const { hosts } = options;
    const { pool, blockPool, watchdog, standby } = options;
    if (hosts > 1 && (pool || blockPool || watchdog || standby !== undefined))
      command.error(
        "error: simulated hosts have a pool and watchdogs of their own, and no standby",
      );
    if (!options.install) return sayWhatIsMissing();
    mustBeRoot();
    await mustFit(options.state, hosts);
    const place = await recallPlace(options.state, options);
    const equipment = await recallEquipment(options.state, options);
    await up({ ...place, databaseUrl: process.env.DATABASE_URL, version, hosts, equipment }, say);
  });

program
  .command("down")
  .description("stop the platform; guests run on")
  .option(...stateOption)
  .option("--guests", "shut the guests down first", false)
  .action(({ state, guests }) => down(state, guests, say));

program
  .command("room")
  .description(
    "do something to a simulated host: pull its plug, cut its cable, freeze it (see: up --hosts)",
  )
  .argument("[host]", "host-1, host-2, ...; without one all are listed")
  .argument("[order...]", orderWords.join(", "))
  .option(...stateOption)
  .action((host: string | undefined, words: string[], { state }) =>
    tell(state, host, host === undefined ? undefined : orderOf(words), say),
  );

program
  .command("join")
  .description("make this machine a host of a cloud")
  .argument("<managers>", "address:port of its managers, with commas")
  .option("--token <token>", "from: holdfast hosts token; not needed to change pools or watchdog")
  .option("--name <name>", "the host's name (default: this machine's)")
  .option(...poolOption)
  .option(...blockPoolOption)
  .option(...watchdogOption)
  .option(...standbyOption)
  .option(...stateOption)
  .action(async (managers: string, { state, token, name, ...given }) => {
    mustBeRoot();
    await joinCloud({ state, managers: managers.split(","), token, name, given }, say);
  });

program
  .command("recover-key", { hidden: true })
  .option(...stateOption)
  .action(async ({ state }) => {
    mustBeRoot();
    await recoverKey(state, process.env.DATABASE_URL, say);
  });

program
  .command("prepare-backups", { hidden: true })
  .argument("<directory>", "where backups are kept; it exists and is mounted")
  .action(async (directory: string) => {
    mustBeRoot();
    await prepareBackups(directory, randomUUID());
    say.line(`${directory} is a place for backups.`);
    say.line(`next:    holdfast settings set backups.place ${directory}`);
  });

program
  .command("build-image", { hidden: true })
  .argument("<recipe>")
  .requiredOption("--work <directory>")
  .option("--mirror <address>")
  .action(async (_: string, { work, mirror }) => {
    const gone = new AbortController();
    process.stdin.on("end", () => gone.abort()).resume();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
      process.on(signal, () => gone.abort());
    process.stdout.on("error", () => gone.abort()); // Nobody listens any more.
    await buildImage({ work, mirror, files: paths(usualState).debian, gone: gone.signal }, (word) =>
      process.stdout.write(`${JSON.stringify(word)}\n`),
    );
    process.exit(); // Standard input may still be open, after a signal.
  });

await program.parseAsync().catch((error: unknown) => {
  if (!(error instanceof Problem)) throw error;
  console.error(`\nerror:   ${error.message}`);
  if (error.details.fix) console.error(`next:    ${error.details.fix}`);
  console.error(`more:    docs/problems/${error.code}.md`);
  process.exitCode = 1;
});

async function sayWhatIsMissing(): Promise<void> {
  const lacking = await missing();
  if (lacking.length === 0) return say.line("Nothing is missing.");
  say.line("Missing Debian packages:");
  for (const { name, why } of lacking) say.line(`    ${name.padEnd(18)} ${why}`);
  process.exitCode = 1;
}

function mustBeRoot(): void {
  if (process.getuid?.() === 0) return;
  throw new Problem(
    "forbidden",
    "root_needed",
    "This sets up users, cgroups and guests, and needs root.",
    {
      fix: "sudo ./holdfast up",
    },
  );
}
