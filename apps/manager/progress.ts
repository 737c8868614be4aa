/** Who waits for which job. A hint to look again, never an answer. */
export interface JobProgress {
  /** `moved` resolves when the job may have moved, or after so many milliseconds, or when forgotten. */
  wait(job: string, milliseconds: number): { readonly moved: Promise<void>; forget(): void };
  /** These have moved; undefined: any may have. */
  moved(jobs: readonly string[] | undefined): void;
}

export function jobProgress(): JobProgress {
  const waiting = new Map<string, Set<() => void>>();
  return {
    wait(job, milliseconds) {
      let forget = () => {};
      const moved = new Promise<void>((resolve) => {
        const others = waiting.get(job) ?? new Set();
        waiting.set(job, others);
        const timer = setTimeout(() => forget(), milliseconds);
        forget = () => {
          clearTimeout(timer);
          others.delete(forget);
          if (others.size === 0) waiting.delete(job);
          resolve();
        };
        others.add(forget);
      });
      return { moved, forget };
    },
    moved(jobs) {
      for (const job of jobs ?? [...waiting.keys()])
        for (const done of [...(waiting.get(job) ?? [])]) done();
    },
  };
}
