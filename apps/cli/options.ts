/**
 * How the text of an option becomes a value. Only the kind is checked here: whether 70 GiB are too many
 * is for the manager to say, so that there is one place that knows.
 */
import { InvalidArgumentError } from "commander";

export function whole(text: string): number {
  if (/^-?\d{1,15}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number.");
}

export function count(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a whole number from 1 on.");
}

export function seconds(text: string): number {
  if (/^\d{1,6}(\.\d{1,3})?$/.test(text)) return Number(text);
  throw new InvalidArgumentError("It must be a number of seconds.");
}

/** `20M`, `1G` or plain bytes; K, M and G are powers of 1,024, as they are for memory. */
export function bytesPerSecond(text: string): number {
  const [, count, unit = ""] = /^([1-9]\d{0,8})([KMG]?)$/i.exec(text) ?? [];
  if (count !== undefined)
    return Number(count) * 1_024 ** " KMG".indexOf(unit.toUpperCase() || " ");
  throw new InvalidArgumentError("It must be a number of bytes such as 20M or 1G.");
}

/** Tags of things, one with each `--tag KEY=VALUE`: a value may have commas in it. */
export function tag(
  text: string,
  before: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const [, key, value = ""] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
  if (key !== undefined) return { ...before, [key]: value };
  throw new InvalidArgumentError("A tag is KEY=VALUE; what a host must carry is a --host-tag.");
}

/** `--group a --group b` and `--group a,b` are the same. Not `--group a b`: that would swallow a name that follows. */
export const list = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  ...text.split(",").filter(Boolean),
];
