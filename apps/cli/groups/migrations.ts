/** `migrate` and `migrations`: moving instances to other hosts while they run. */
import { migrationLifecycle } from "@holdfast/cloud/instances";
import {
  abortMigration,
  getMigration,
  listMigrations,
  type MigrationView,
  migrateInstance,
} from "@holdfast/cloud/instances/migration-api";
import { milliseconds } from "@holdfast/kernel/time";
import { Option } from "commander";
import { exits } from "../exits.ts";
import { type Group, listing } from "../group.ts";
import { whole } from "../options.ts";
import { patientCall, type Session } from "../session.ts";
import {
  isOpen,
  migrationDetails,
  migrationTable,
  progressText,
  verdictOf,
} from "../text/migrations.ts";
import { Interrupted } from "../world.ts";

interface MigrateOptions {
  readonly bandwidth?: number;
  readonly network?: string;
  readonly allowPostcopy?: true;
  readonly wait?: true;
}

export const migrationsGroup: Group = (program, open) => {
  program
    .command("migrate")
    .summary("move an instance to another host while it runs")
    .description(
      `${migrateInstance.summary} For example: holdfast migrate web host-2 --bandwidth 800 --wait`,
    )
    .argument("<instance>", "its name or id")
    .argument("[host]", "where to; wherever there is room, if not said")
    .option("--bandwidth <mbps>", "send at most so many Mbit/s", whole)
    .option("--network <cidr>", "send it over this network of the hosts, such as 10.8.0.0/24")
    .option(
      "--allow-postcopy",
      "run it there before all of its memory is, where nothing else helps",
    )
    .option("--wait", "wait until it is over, and show how far it is")
    .action(
      async (instance: string, host: string | undefined, options: MigrateOptions, command) => {
        const session = open(command);
        const { bandwidth: bandwidthMbps, network, allowPostcopy = false, wait } = options;
        const body = { host, bandwidthMbps, network, allowPostcopy };
        const params = { project: session.options.project, instance };
        const idempotencyKey = session.world.mintId();
        const ask = () => session.call(migrateInstance, { params, body, idempotencyKey });
        const asked = wait ? patientCall(session, ask) : ask();
        const reply = await session.named("instance", instance, asked);
        const { migration } = reply;
        if (wait) return followOne(session, migration);
        session.show(
          reply,
          () => `${migration.instance}: is being moved to ${migration.to} (${migration.id})`,
        );
      },
    );

  const migrations = listing(
    program,
    "migrations",
    "list live migrations, or break one off",
    "Lists live migrations of the project, newest first. For example: holdfast migrations abort web",
    async (command) => {
      const session = open(command);
      const { instance, state, limit } = command.opts<ListOptions>();
      const params = { project: session.options.project };
      const reply = await session.call(listMigrations, {
        params,
        query: { instance, state, limit },
      });
      session.show(reply, () =>
        reply.migrations.length > 0
          ? migrationTable(reply.migrations, session.now(), session.paint)
          : "No migrations.",
      );
    },
  )
    .option("--instance <instance>", "only of this one")
    .addOption(
      new Option("--state <state>", "only those in this state").choices(migrationLifecycle.states),
    )
    .option("-n, --limit <n>", "how many", whole, 50);

  migrations
    .command("show")
    .summary("show a live migration")
    .description("Shows a live migration: how far it is, or what became of it.")
    .argument("<migration>", "its id, or the name of its instance for the latest")
    .option("--wait", "wait until it is over, and show how far it is")
    .action(async (named: string, { wait }: { wait?: true }, command) => {
      const session = open(command);
      const found = await find(session, named);
      if (wait) return followOne(session, found);
      session.show(found, () => migrationDetails(found, session.now(), session.paint));
    });

  migrations
    .command("abort")
    .summary("break a live migration off")
    .description(abortMigration.summary)
    .argument("<migration>", "its id, or the name of its instance for the latest")
    .option("--wait", "wait until the hosts have said what became of it")
    .action(async (named: string, { wait }: { wait?: true }, command) => {
      const session = open(command);
      const { id } = await find(session, named);
      const params = { project: session.options.project, migration: id };
      const reply = await session.call(abortMigration, { params, body: {} });
      if (wait) return followOne(session, reply.migration, "aborted");
      session.show(
        reply,
        () => `${reply.migration.instance}: is being broken off (job ${reply.job})`,
      );
    });
};

interface ListOptions {
  readonly instance?: string;
  readonly state?: MigrationView["state"];
  readonly limit: number;
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** By id, or the latest of the instance of that name. */
async function find(session: Session, named: string): Promise<MigrationView> {
  const { project } = session.options;
  if (!uuid.test(named)) {
    const query = { instance: named, limit: 1 };
    const { migrations } = await session.call(listMigrations, { params: { project }, query });
    if (migrations[0]) return migrations[0];
  }
  return session.call(getMigration, { params: { project, migration: named } });
}

/** A terminal is redrawn four times a second; a log needs a line only when something new is to be said. */
const lookEvery = milliseconds(250);
/** What it cost is known a moment after it is over: the source says so when its process is gone. */
const afterthought = 10_000;

async function followOne(
  session: Session,
  begun: MigrationView,
  wanted: "moved" | "aborted" = "moved",
): Promise<void> {
  const { world, progress, options } = session;
  const params = { project: options.project, migration: begun.id };
  let now = begun;
  try {
    while (!isSettled(now, session)) {
      if (isOpen(now))
        progress.say(
          `${now.instance} to ${now.to}: ${world.stderr.isTTY ? progressText(now) : now.state}`,
        );
      await world.clock.sleep(lookEvery);
      world.interrupted.throwIfAborted();
      now = await patientCall(session, () => session.call(getMigration, { params }));
    }
  } catch (error) {
    if (error instanceof Interrupted)
      session.note(
        `Interrupted. It goes on: holdfast migrations show ${begun.instance} --wait. To break it off: holdfast migrations abort ${begun.instance}`,
      );
    throw error;
  }
  session.show(now, () => verdictOf(now));
  const isMoved = now.state === "switched" || now.state === "done";
  session.leaveWith(isMoved === (wanted === "moved") ? exits.ok.code : exits.failed.code);
}

function isSettled(one: MigrationView, session: Session): boolean {
  if (isOpen(one)) return false;
  if (one.state !== "switched" || one.downtimeMs !== null || one.endedAt === null) return true;
  return session.now() - one.endedAt > afterthought;
}
