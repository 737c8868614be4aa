/** What a process wires together to keep jobs. */
export {
  countOutcomes,
  countRunningJobs,
  findJob,
  findRepeats,
  forgetJobs,
  insertJobs,
  type NewJob,
  type Outcome,
  pageOfJobs,
  type Repeat,
} from "./jobs.ts";
