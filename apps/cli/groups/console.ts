/** `console`: a terminal on the guest's serial port. `log`: what it has written there. */
import { openConsole } from "@holdfast/client/console";
import { pauseFor } from "@holdfast/client/patience";
import { getConsoleLog } from "@holdfast/cloud/instances/api";
import { seconds as secondsLong } from "@holdfast/kernel/time";
import type { Group } from "../group.ts";
import { attach } from "../keyboard.ts";
import { seconds, whole } from "../options.ts";
import { patientCall } from "../session.ts";
import { freshLines, logLine } from "../text/lines.ts";

/** The journal and the log have no waiting request, so whoever follows them looks this often. */
export const lookEvery = secondsLong(1);

export const consoleGroup: Group = (program, open) => {
  program
    .command("console")
    .summary("open the serial console of an instance")
    .description(
      "Opens the serial console of an instance. Ctrl-] leaves it; everything else goes to the guest. With piped input it leaves once the input has ended and the guest is silent.",
    )
    .argument("<instance>", "its name or id")
    .option(
      "--idle <seconds>",
      "how long the guest must be silent after piped input has ended",
      seconds,
      5,
    )
    .action(async (instance: string, { idle }: { idle: number }, command) => {
      const session = open(command);
      const { connection } = await session.client();
      const { stdin, stdout } = session.world;
      let heard = () => {};
      const opening = openConsole(connection, {
        project: session.options.project,
        instance,
        onOutput: (bytes) => {
          heard();
          return stdout.write(bytes)
            ? undefined
            : new Promise((resolve) => stdout.once("drain", resolve));
        },
      });
      const console = await session.named("instance", instance, opening);
      if (stdin.isTTY) session.note(`Connected to ${instance}. Leave with Ctrl-].\r`);
      const attached = attach(stdin, console, idle * 1_000);
      heard = attached.heard;
      const interrupt = () => console.close();
      session.world.interrupted.addEventListener("abort", interrupt, { once: true });
      try {
        // Through `named` once more: the manager may find out that there is no such instance only now.
        await session.named("instance", instance, console.ended);
        session.world.interrupted.throwIfAborted();
      } finally {
        session.world.interrupted.removeEventListener("abort", interrupt);
        attached.detach();
      }
      if (stdin.isTTY) session.note("\nThe console is closed.");
    });

  program
    .command("log")
    .summary("show what a guest wrote to its console")
    .description("Shows the last lines that the guest wrote to its serial console.")
    .argument("<instance>", "its name or id")
    .option("-n, --lines <n>", "how many lines", whole, 100)
    .option("-f, --follow", "go on as more is written")
    .action(async (instance: string, options: { lines: number; follow?: true }, command) => {
      const session = open(command);
      const params = { project: session.options.project, instance };
      const ask = (lines: number) => session.call(getConsoleLog, { params, query: { lines } });
      const reply = await session.named("instance", instance, ask(options.lines));
      const print = (lines: typeof reply.lines) => {
        for (const line of lines)
          session.print(session.options.json ? JSON.stringify(line) : logLine(line, session.paint));
      };
      if (!options.follow) {
        if (session.options.json) session.show(reply, () => "");
        else print(reply.lines);
        return;
      }
      print(reply.lines);
      for (let before = reply.lines; ; ) {
        await pauseFor(session.world.clock, lookEvery, session.world.interrupted);
        const { lines } = await patientCall(session, () => ask(Math.max(options.lines, 1_000)));
        print([...freshLines(before, lines)]);
        before = lines;
      }
    });
};
