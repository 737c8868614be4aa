/**
 * What happens in a world, as it happens: lines for people, counts, and a fingerprint of all of it.
 *
 * Two runs are the same if their fingerprints are. Every statement that PostgreSQL is sent goes into it, so a run that
 * has gone another way anywhere is seen here, even if its story reads the same.
 */
import { createHash } from "node:crypto";
import { Problem } from "@holdfast/kernel/problem";
import { sqlState } from "@holdfast/store/database";
import type { Logger } from "pino";
import { worldTime } from "./time.ts";

export interface Line {
  /** Milliseconds since the world began. */
  readonly at: number;
  readonly who: string;
  readonly what: string;
}

export interface Story {
  readonly lines: readonly Line[];
  /** Something that must never be. Said once. */
  readonly violations: readonly string[];
  tell(who: string, what: string): void;
  accuse(what: string): void;
  /** Into the fingerprint only. */
  mark(text: string): void;
  /** For the processes of the world. What they call a bug is one. */
  readonly log: Logger;
  /** Whether somebody could have acted for long enough: what a manager finds broken before that is told, and not judged. */
  couldAct: () => boolean;
  fingerprint(): string;
}

export function newStory(onLine: (line: Line) => void = () => {}): Story {
  const lines: Line[] = [];
  const violations: string[] = [];
  const hash = createHash("sha256");
  const story: Story = {
    lines,
    violations,
    tell(who, what) {
      const line = { at: worldTime(), who, what };
      lines.push(line);
      hash.update(`${line.at} ${who} ${what}\n`);
      onLine(line);
    },
    accuse(what) {
      if (violations.includes(what)) return;
      violations.push(what);
      story.tell("judge", `VIOLATION: ${what}`);
    },
    mark: (text) => void hash.update(text),
    log: loggerOf("world"),
    couldAct: () => true,
    fingerprint: () => hash.copy().digest("hex").slice(0, 16),
  };
  return story;

  function loggerOf(who: string): Logger {
    const say = (level: "warn" | "error") => (about: unknown, message?: string) => {
      if (typeof about === "string") return story.tell(who, about);
      const { error, ...rest } = (about ?? {}) as { error?: unknown };
      const details = error ? textOf(error) : JSON.stringify(rest);
      const isNobodysFault = "violation" in rest && !story.couldAct();
      if (level === "error" && isBug(error) && !isNobodysFault)
        story.accuse(`${who}: ${message ?? ""}: ${details}`);
      else story.tell(who, `${message ?? ""} ${details}`);
    };
    const nothing = () => {};
    const log = {
      ...{ trace: nothing, debug: nothing, info: nothing, level: "warn" },
      ...{ warn: say("warn"), error: say("error"), fatal: say("error") },
      child: (about: Record<string, unknown>) =>
        loggerOf(String(about.manager ?? about.host ?? who)),
    };
    return log as unknown as Logger; // What the platform uses of one.
  }
}

/** A Problem is life, and so is what PostgreSQL breaks off by itself. */
const isBug = (error: unknown) =>
  !(error instanceof Problem) && !["40P01", "40001", "25P03"].includes(sqlState(error) ?? "");

const textOf = (error: unknown) =>
  error instanceof Problem
    ? error.code
    : error instanceof Error
      ? (error.stack ?? error.message).split("\n").slice(0, 4).join(" | ")
      : String(error);
