/**
 * Lets so many in at a time; the others wait in the order in which they came.
 *
 * When a manager comes back, thousands of hosts say hello in the same second. All at once they would share the
 * connections to the database until none of them is answered in time, and begin again.
 */
export function door(most: number) {
  let inside = 0;
  const waiting: (() => void)[] = [];
  return async <T>(work: () => Promise<T>): Promise<T> => {
    if (inside >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else inside++;
    try {
      return await work();
    } finally {
      const next = waiting.shift(); // Its place is handed on.
      if (next) next();
      else inside--;
    }
  };
}
