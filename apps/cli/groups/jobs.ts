/** `jobs`, `job` and `cancel`: what has been asked for, how far it is, and taking it back. */
import { cancelJob, getJob, type JobView, jobStates, listJobs } from "@holdfast/cloud/jobs/api";
import { Option } from "commander";
import { exitOfJob } from "../exits.ts";
import type { Group } from "../group.ts";
import { whole } from "../options.ts";
import type { Session } from "../session.ts";
import { jobDetails, jobTable } from "../text/jobs.ts";
import { waitForJobs } from "../wait.ts";

export const jobsGroup: Group = (program, open) => {
  program
    .command("jobs")
    .summary("list jobs")
    .description("Lists the jobs of the project, newest first.")
    .addOption(new Option("--state <state>", "only those in this state").choices(jobStates))
    .option("-n, --limit <n>", "how many", whole, 50)
    .action(async ({ state, limit }: { state?: JobView["state"]; limit: number }, command) => {
      const session = open(command);
      const params = { project: session.options.project };
      const reply = await session.call(listJobs, { params, query: { state, limit } });
      session.show(reply, () =>
        reply.jobs.length > 0 ? jobTable(reply.jobs, session.now(), session.paint) : "No jobs.",
      );
    });

  program
    .command("job")
    .summary("show a job")
    .description("Shows a job. With --wait, until it is over; then the exit code is the job's.")
    .argument("<job>", "its id")
    .option("--wait", "wait until it is over")
    .action(async (job: string, { wait }: { wait?: true }, command) => {
      const session = open(command);
      const params = { project: session.options.project, job };
      const reply = await session.named("job", job, session.call(getJob, { params }));
      if (wait && reply.state === "running") return waitFor(session, job);
      session.show(reply, () => jobDetails(reply, session.now(), session.paint));
      if (wait) session.leaveWith(exitOfJob(reply));
    });

  program
    .command("cancel")
    .summary("take a job back")
    .description(cancelJob.summary)
    .argument("<job>", "its id")
    .action(async (job: string, _, command) => {
      const session = open(command);
      const params = { project: session.options.project, job };
      const reply = await session.named("job", job, session.call(cancelJob, { params }));
      session.show(reply, () => jobDetails(reply, session.now(), session.paint));
    });
};

async function waitFor(session: Session, job: string): Promise<void> {
  await waitForJobs(session, [{ job, instances: [] }]);
}
