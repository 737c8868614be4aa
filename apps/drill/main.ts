/**
 * `holdfast drill`: breaks something on purpose and prints how long each step back took. Apart from the CLI
 * because it lays hands on processes of this machine, and the CLI only ever talks to the API.
 *
 * HOLDFAST_STATE                state directory (default /var/lib/holdfast)
 * HOLDFAST_URL, HOLDFAST_TOKEN  another manager or token than those that `holdfast up` has written down
 * HOLDFAST_BMC_PASSWORD         password for --bmc
 */
import { createInterface } from "node:readline/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { connect } from "@holdfast/client/client";
import { redfishPower } from "@holdfast/drivers/power/redfish";
import { Problem, problem, viewOf } from "@holdfast/kernel/problem";
import { Command } from "commander";
import { perform } from "./drill.ts";
import { type DrillName, drillOf, drills } from "./drills.ts";
import { connectionAt, type Given, parse } from "./input.ts";
import { siteAt } from "./site.ts";
import { catalogueText, expected, reportText } from "./text.ts";

const { env } = process;
/** As of other commands that were interrupted. */
const interruptedExit = 130;

interface Options extends Given {
  readonly state: string;
  readonly project: string;
  readonly yes: boolean;
  readonly json: boolean;
  readonly deadBmc: boolean;
}

const stop = new AbortController();
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => {
    if (stop.signal.aborted) process.exit(interruptedExit); // Twice means now.
    console.error("\n  … interrupted: what was broken is put right (again, to leave at once)");
    stop.abort(interrupted());
  });

const program = new Command("holdfast drill")
  .description(
    "Breaks something on purpose, watches how it is noticed, explained and mended, and prints how long each step took. Without a name: lists the drills.",
  )
  .argument("[drill]", `one of: ${Object.keys(drills).join(", ")}`)
  .argument("[subject]", "the instance, or the host")
  .option("--state <directory>", "state directory", env.HOLDFAST_STATE ?? "/var/lib/holdfast")
  .option("--project <project>", "the project of the instance", "default")
  .option("--yes", "do not ask", false)
  .option("--json", "print the report as JSON", false)
  .option("--seconds <n>", "how long whatever lasts, lasts (default: 12)")
  .option("--dead-bmc", "for simulated hosts: its BMC does not answer either", false)
  .option("--bmc <url>", "for host-power-loss on real hosts: http(s)://BMC/redfish/v1/Systems/ID")
  .option("--bmc-user <name>", "its user; the password is taken from HOLDFAST_BMC_PASSWORD")
  .action(run);

await program
  .parseAsync(process.argv.filter((word, index) => index !== 2 || word !== "drill"))
  .catch((error: unknown) => {
    if (!(error instanceof Problem)) throw error;
    process.exitCode = 1;
    if (program.opts<Options>().json) return console.error(JSON.stringify(viewOf(error), null, 2));
    console.error(`error:   ${error.message}`);
    if (error.details.fix) console.error(`next:    ${error.details.fix}`);
    console.error(`more:    docs/problems/${error.code}.md`);
  });
// Whatever still watches is not waited for.
if (stop.signal.aborted) process.exit(interruptedExit);

async function run(
  name: string | undefined,
  subject: string | undefined,
  options: Options,
): Promise<void> {
  if (name === undefined) return console.log(catalogueText());
  const wanted = parse(name, subject, options);
  const connection = await connectionAt(options.state, env);
  if (!options.yes) await confirm(connection.url, wanted.drill, wanted.subject);
  const stage = {
    client: connect(connection),
    site: await siteAt(options.state),
    project: options.project,
    interrupted: stop.signal,
    say: (line: string) => {
      if (!options.json && !stop.signal.aborted) console.error(`  … ${line}`);
    },
  };
  const power =
    wanted.bmc &&
    redfishPower({
      ...wanted.bmc,
      password: env.HOLDFAST_BMC_PASSWORD ?? "",
      ticks: () => performance.now(),
      sleep: (duration) => sleep(duration),
    });
  const { lasting } = wanted;
  const report = await perform(stage, wanted.drill, wanted.subject, {
    ...{ power, isBmcDead: options.deadBmc },
    ...(lasting === undefined ? {} : { lasting }),
  });
  console.log(options.json ? JSON.stringify(report, null, 2) : reportText(report));
  if (!report.isAsExpected) process.exitCode = 1;
}

/** Rejects with `drill_not_confirmed`. */
async function confirm(url: string, name: DrillName, subject: string): Promise<void> {
  const refusal = problem("conflict", "drill_not_confirmed", "Nothing was done.", {
    fix: "A drill breaks real things. If that is what you want: --yes",
  });
  if (!process.stdin.isTTY) throw refusal;
  console.error(
    `${name} on ${subject || "the platform"}, at ${url}: ${drillOf(name).does}. Expected: ${expected(name)}.`,
  );
  const lines = createInterface({ input: process.stdin, output: process.stderr });
  // The terminal is its own while it asks, and Ctrl-C with it.
  const answer = await new Promise<string>((resolve) => {
    lines.once("SIGINT", () => resolve(""));
    lines.once("close", () => resolve(""));
    lines.question("Go on? Type yes: ").then(resolve, () => resolve(""));
  }).finally(() => lines.close());
  if (answer.trim() !== "yes") throw refusal;
}

/** A declaration, because signals and the command line come before the end of this file is reached. */
function interrupted(): Problem {
  return problem("conflict", "drill_interrupted", "The drill was interrupted.", {
    fix: "What it broke is put right; the platform does the rest by itself. See holdfast health.",
  });
}
