import type { Day } from "../stage/day.ts";

export const script = async ({ run, free, die, runs }: Day) => {
  await run("crash", "host-1");
  await run("kill", "host-2");
  await run("memory", "host-3");
  await free();
  die("crash", "crashed");
  await runs("crash", 2);
  die("kill", "killed");
  await runs("kill", 2);
  die("memory", "starved");
  await runs("memory", 2);
};
