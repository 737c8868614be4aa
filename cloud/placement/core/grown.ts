/** A column of numbers with more room: what was there goes to the beginning of the new one. */
export function grown<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
