/** What JSON says. Undefined for what is no JSON, which JSON cannot say itself. */
export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
