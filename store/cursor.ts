/**
 * Where a page of a list ends: opaque text, which the next page begins after.
 *
 * It holds the key of the last row that was shown and not a number of rows, so a page is neither shifted by what comes
 * and goes before it nor the dearer the later it comes. It names its list: one of another is refused and not guessed at.
 */
import { problem } from "@holdfast/kernel/problem";

export interface CursorOf<Key> {
  write(key: Key): string;
  /** Rejects with `cursor_not_valid`. */
  read(cursor: string): Key;
}

/** `list`: the name of the list and of whatever else it goes by, such as its project. `isKey`: of a row in that order. */
export function cursorOf<Key>(
  list: string,
  isKey: (value: unknown) => value is Key,
): CursorOf<Key> {
  return {
    write: (at) => Buffer.from(JSON.stringify([list, at])).toString("base64url"),
    read(cursor) {
      const content = contentOf(cursor);
      if (Array.isArray(content) && content.length === 2 && content[0] === list) {
        const key: unknown = content[1];
        if (isKey(key)) return key;
      }
      throw problem(
        "invalid",
        "cursor_not_valid",
        "`after` is no cursor of this list: it is of another one, or was changed on its way.",
        {
          fix: "Begin without it, and give back the `next` of each page as it is.",
          faults: [{ field: "query.after", reason: "must be the `next` of a page of this list" }],
        },
      );
    },
  };
}

function contentOf(cursor: string): unknown {
  try {
    return JSON.parse(Buffer.from(cursor, "base64url").toString());
  } catch {
    return undefined;
  }
}

/** A UUID as PostgreSQL writes it. */
export const isUuid = (value: unknown): value is string =>
  typeof value === "string" && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(value);

/** Any text that PostgreSQL can hold. */
export const isText = (value: unknown): value is string =>
  typeof value === "string" && !value.includes("\0");
