/**
 * Every command, as a table of groups. This is the seam: a new group is a function in a file of its own
 * and one line in `groups`.
 */
import { Command } from "commander";
import { exitText } from "./exits.ts";
import { finish, globals } from "./globals.ts";
import { type Group, unknownWord } from "./group.ts";
import { accessGroup } from "./groups/access.ts";
import { addressesGroup } from "./groups/addresses.ts";
import { alarmsGroup } from "./groups/alarms.ts";
import { auditGroup } from "./groups/audit.ts";
import { availabilityGroup } from "./groups/availability.ts";
import { backupsGroup } from "./groups/backups.ts";
import { completionGroup } from "./groups/completion.ts";
import { consoleGroup } from "./groups/console.ts";
import { deathsGroup } from "./groups/deaths.ts";
import { eventsGroup } from "./groups/events.ts";
import { healthGroup } from "./groups/health.ts";
import { historyGroup } from "./groups/history.ts";
import { hostsGroup } from "./groups/hosts.ts";
import { imagesGroup } from "./groups/images.ts";
import { instancesGroup } from "./groups/instances.ts";
import { invariantsGroup } from "./groups/invariants.ts";
import { jobsGroup } from "./groups/jobs.ts";
import { journalGroup } from "./groups/journal.ts";
import { keypairsGroup } from "./groups/keypairs.ts";
import { keysGroup } from "./groups/keys.ts";
import { loginGroup } from "./groups/login.ts";
import { maintenanceGroup } from "./groups/maintenance.ts";
import { membersGroup } from "./groups/members.ts";
import { migrationsGroup } from "./groups/migrations.ts";
import { networksGroup } from "./groups/networks.ts";
import { ordersGroup } from "./groups/orders.ts";
import { placementGroup } from "./groups/placement.ts";
import { platformGroup } from "./groups/platform.ts";
import { quotasGroup } from "./groups/quotas.ts";
import { recoveryGroup } from "./groups/recovery.ts";
import { runGroup } from "./groups/run.ts";
import { securityGroupsGroup } from "./groups/security-groups.ts";
import { settingsGroup } from "./groups/settings.ts";
import { signInGroup } from "./groups/sign-in.ts";
import { snapshotsGroup } from "./groups/snapshots.ts";
import { tagsGroup } from "./groups/tags.ts";
import { typesGroup } from "./groups/types.ts";
import { volumesGroup } from "./groups/volumes.ts";
import type { Session } from "./session.ts";

/** In the order of `holdfast --help`. */
export const groups: readonly Group[] = [
  platformGroup,
  runGroup,
  instancesGroup,
  ordersGroup,
  migrationsGroup,
  recoveryGroup,
  consoleGroup,
  healthGroup,
  historyGroup,
  deathsGroup,
  invariantsGroup,
  jobsGroup,
  alarmsGroup,
  hostsGroup,
  maintenanceGroup,
  eventsGroup,
  journalGroup,
  availabilityGroup,
  typesGroup,
  imagesGroup,
  volumesGroup,
  snapshotsGroup,
  backupsGroup,
  networksGroup,
  addressesGroup,
  securityGroupsGroup,
  keypairsGroup,
  placementGroup,
  settingsGroup,
  accessGroup,
  membersGroup,
  loginGroup,
  keysGroup,
  signInGroup,
  auditGroup,
  quotasGroup,
  tagsGroup,
  completionGroup,
];

export const version = "0.1.0";

/** The whole program. It does nothing until it is told to parse. */
export function programOf(
  open: (command: Command) => Session,
  more: readonly Group[] = groups,
): Command {
  const program = new Command("holdfast")
    .description("A private cloud: virtual machines on a fleet of hosts.")
    .version(version, "--version", "print the version")
    .helpOption("-h, --help", "print help")
    .helpCommand(false)
    .enablePositionalOptions()
    .showHelpAfterError("next:    holdfast help")
    .exitOverride();
  for (const option of globals()) program.addOption(option);
  for (const group of more) group(program, open);
  helpCommand(program);
  for (const command of program.commands) finish(command);
  return program;
}

function helpCommand(program: Command): void {
  program
    .command("help")
    .summary("print help for a command, or `help exit-codes`")
    .description("Prints help for a command, or what exit codes mean.")
    .argument("[words...]", "a command, or exit-codes")
    .action((words: readonly string[]) => {
      const write = program.configureOutput().writeOut ?? (() => {});
      if (words[0] === "exit-codes") return write(`${exitText()}\n`);
      let at = program;
      for (const word of words) {
        const next = at.commands.find((one) => one.name() === word || one.aliases().includes(word));
        if (!next) return unknownWord(at, word);
        at = next;
      }
      at.outputHelp();
    });
}
