/** What the set-up tells whoever watches: one line for each step, with how long it took. */
export interface Say {
  /** Does the work and prints the step with its time when it is done. */
  step<T>(what: string, work: () => Promise<T>): Promise<T>;
  line(text?: string): void;
}

export function sayOn(out: NodeJS.WriteStream): Say {
  return {
    async step(what, work) {
      const start = performance.now();
      if (out.isTTY) out.write(`  … ${what}`);
      try {
        const result = await work();
        const took = `${((performance.now() - start) / 1_000).toFixed(1)} s`;
        out.write(`${out.isTTY ? "\r\x1b[K" : ""}  ✓ ${what.padEnd(58)} ${took.padStart(7)}\n`);
        return result;
      } catch (error) {
        out.write(`${out.isTTY ? "\r\x1b[K" : ""}  ✗ ${what}\n`);
        throw error;
      }
    },
    line: (text = "") => void out.write(`${text}\n`),
  };
}
