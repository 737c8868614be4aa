/** What an error is called by whoever made it: `ENOENT`, `EEXIST`. Undefined if it has no such name. */
export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error ? String(error.code) : undefined;
}
