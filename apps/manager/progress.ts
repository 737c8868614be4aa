/** Who waits for which job. A hint to look again, never an answer. */
export interface JobProgress {
  /** Resolves when the job may have moved, or after so many milliseconds. */
  wait(job: string, milliseconds: number): Promise<void>;
  /** These have moved; undefined: any may have. */
  moved(jobs: readonly string[] | undefined): void;
}

export function jobProgress(): JobProgress {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait: (job, milliseconds) =>
      new Promise((resolve) => {
        if (milliseconds <= 0) return resolve();
        const others = waiting.get(job) ?? new Set();
        waiting.set(job, others);
        const done = () => {
          clearTimeout(timer);
          others.delete(done);
          if (others.size === 0) waiting.delete(job);
          resolve();
        };
        const timer = setTimeout(done, milliseconds);
        others.add(done);
      }),
    moved(jobs) {
      for (const job of jobs ?? [...waiting.keys()])
        for (const done of [...(waiting.get(job) ?? [])]) done();
    },
  };
}
