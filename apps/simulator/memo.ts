/**
 * What is asked again, and nothing that it reads has changed since: then PostgreSQL's last answer is its answer.
 *
 * Managers look at everything every second, and almost always find nothing new; that would be nine tenths of what a
 * simulated day costs. A plain reading is remembered with the tables that its text names, and forgotten when a
 * transaction commits that has written to one of them. Both are taken too widely rather than too narrowly.
 *
 * What a newcomer would get wrong: a reading that looks at the clock, takes a lock or calls what is not a pure
 * function must never be remembered. `doubt` asks PostgreSQL all the same, and says when the two differ.
 */
import type pg from "pg";
import type { Statement } from "./backends.ts";

export interface Memo {
  /** The answer, if it is known. */
  recall(statement: Statement): pg.QueryResult | undefined;
  /** The statement was carried out outside of any transaction that has written, at this moment. */
  remember(statement: Statement, result: pg.QueryResult): void;
  /** Whether it only reads what a commit can change. */
  isPlain(text: string): boolean;
  /** The tables that it may have written to. */
  writesOf(text: string): readonly string[];
  /** These were written to, and it is committed. */
  changed(tables: readonly string[]): void;
  /** Anything may have been. */
  forget(): void;
  /** When anything that this reads has last changed, in changes. */
  versionOf(text: string): number;
  /** How many changes there were. */
  now(): number;
  /** A table without a row in which nothing is found, whatever is asked; undefined: this finds things elsewhere. */
  emptied(text: string): string | undefined;
  /** Whether it has no row, if that is known. */
  isEmpty(table: string): boolean | undefined;
  /** So it is at this moment. */
  noteEmpty(table: string, isEmpty: boolean): void;
}

/**
 * Stands for the transactions that are under way, as if they were a table: it has changed when one of them has ended.
 * How far the journal can be read depends on them. One that begins changes nothing of that.
 */
export const underWay = "pg_current_snapshot";
const settledBefore = `pg_snapshot_xmin(${underWay}())`;

interface Known {
  readonly version: number;
  readonly result: pg.QueryResult;
}

/** What is known of a text, whatever its values. */
interface Reading {
  readonly isPlain: boolean;
  readonly tables: readonly string[];
  readonly writes: readonly string[];
  readonly emptied: string | undefined;
  readonly answers: Map<string, Known>;
}

/** Of one text with different values. More than this is a question that never comes again. */
const mostAnswers = 200;

/** `cascades`: by table, those that are written to with it: they lose rows, or a trigger writes them. */
export function newMemo(
  tables: ReadonlySet<string>,
  cascades: ReadonlyMap<string, readonly string[]>,
): Memo {
  const readings = new Map<string, Reading>();
  const changes = new Map<string, number>();
  /** By table: since which change it is known to be empty. One that has had a row is taken to have one. */
  const empty = new Map<string, number | false>();
  let all = 0;
  let count = 0;
  return {
    recall(statement) {
      const reading = readingOf(statement.text);
      if (!reading.isPlain) return undefined;
      const known = reading.answers.get(keyOf(statement));
      return known && known.version === versionOf(reading) ? known.result : undefined;
    },
    remember(statement, result) {
      const reading = readingOf(statement.text);
      if (!reading.isPlain) return;
      if (reading.answers.size >= mostAnswers) reading.answers.clear();
      reading.answers.set(keyOf(statement), { version: versionOf(reading), result });
    },
    isPlain: (text) => readingOf(text).isPlain,
    writesOf: (text) => readingOf(text).writes,
    changed(written) {
      count++;
      for (const table of written) changes.set(table, count);
    },
    forget() {
      all = ++count;
    },
    versionOf: (text) => versionOf(readingOf(text)),
    now: () => count,
    emptied: (text) => readingOf(text).emptied,
    isEmpty(table) {
      const known = empty.get(table);
      if (known === false) return false;
      return known !== undefined && known >= Math.max(all, changes.get(table) ?? 0)
        ? true
        : undefined;
    },
    noteEmpty: (table, isEmpty) => void empty.set(table, isEmpty && count),
  };

  function versionOf({ tables }: Reading): number {
    return tables.reduce((latest, table) => Math.max(latest, changes.get(table) ?? 0), all);
  }

  function readingOf(text: string): Reading {
    const known = readings.get(text);
    if (known) return known;
    const words = new Set(text.match(/[a-z_]+/g) ?? []);
    const targets = [...text.matchAll(/\b(?:update|into|delete\s+from)\s+(?:only\s+)?([a-z_]+)/g)]
      .map(([, name = ""]) => name)
      .filter((name) => tables.has(name));
    const emptied = sourceOf(text);
    const rest = text.replaceAll(settledBefore, "");
    const reading = {
      emptied: emptied !== undefined && tables.has(emptied) ? emptied : undefined,
      isPlain: /^\s*(?:select|with)\b/.test(text) && !impure.test(rest),
      tables: [...words].filter((word) => tables.has(word) || word === underWay),
      writes: [...new Set(targets.flatMap((name) => [name, ...(cascades.get(name) ?? [])]))],
      answers: new Map<string, Known>(),
    };
    readings.set(text, reading);
    return reading;
  }
}

/** Whatever writes, locks, looks at a clock or has effects. */
const impure =
  /\b(?:update|insert|delete|merge|now|clock_timestamp|current_timestamp|current_date|localtimestamp|nextval|setval|set_config|gen_random_uuid|random|for\s+(?:update|share|no|key)|pg_\w+)\b/;

/** Without a group there is a row even of nothing; and these joins have rows of their own. */
const makesRows =
  /\b(?:count|max|min|sum|avg|\w+_agg|bool_or|bool_and|right\s+join|full\s+join|union|values)\b/;

/** The table whose rows this goes through: the first after a `from` that is in no brackets, or what it updates. */
function sourceOf(text: string): string | undefined {
  const flat = flattened(text);
  const [, updated] = /^\s*update\s+([a-z_]+)/.exec(flat) ?? [];
  if (updated) return updated;
  if (!/^\s*select\b/.test(flat)) return undefined;
  if (makesRows.test(text) && !/\bgroup\s+by\b/.test(flat)) return undefined;
  if (/\b(?:right|full)\s+join\b|\bunion\b/.test(flat)) return undefined;
  return /\bfrom\s+([a-z_]+)/.exec(flat)?.[1];
}

/** Without anything that is in brackets. */
function flattened(text: string): string {
  let depth = 0;
  let flat = "";
  for (const letter of text) {
    if (letter === "(") depth++;
    if (depth === 0) flat += letter;
    if (letter === ")") depth--;
  }
  return flat;
}

const keyOf = ({ values }: Statement) => (values ? JSON.stringify(values) : "");
