/** Whether this host holds its lease, by a steady clock that is handed in. Pure but for what it remembers. */
export interface LeaseClock {
  /** The lease was renewed by something sent at `sentAt`; all in milliseconds of the steady clock. */
  renewed(sentAt: number, length: number, now: number): void;
  /** Call often: this is what notices that it has run out. */
  look(now: number): void;
}

/** `onChange` is called when it begins to be held and when it runs out, never twice in a row with the same. */
export function leaseClock(onChange: (isValid: boolean) => void): LeaseClock {
  let expiresAt = Number.NEGATIVE_INFINITY;
  let isValid = false;
  const look = (now: number) => {
    if (isValid === now < expiresAt) return;
    isValid = !isValid;
    onChange(isValid);
  };
  return {
    look,
    renewed(sentAt, length, now) {
      // What was sent earlier may arrive later; a sender from the future is not believed.
      expiresAt = Math.max(expiresAt, Math.min(sentAt, now) + length);
      look(now);
    },
  };
}
