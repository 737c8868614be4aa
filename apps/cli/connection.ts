/**
 * Which manager to talk to, and as whom: from the environment, or from what `holdfast up` wrote down.
 *
 * `client.json` holds an operator's token, so it is readable for its owner alone. It is written to a
 * new file and moved into place: a command that runs meanwhile reads the old one or the new one.
 */
import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { unreachable } from "@holdfast/client/answer";
import { fetchTrusting, learnAuthority } from "@holdfast/client/authority";
import type { Connection } from "@holdfast/client/client";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Environment } from "./world.ts";

export const defaultState = "/var/lib/holdfast";

export interface Settings {
  readonly url: string;
  readonly token: string;
  /** SHA-256 of the authority of the installation, where that is its own. */
  readonly fingerprint?: string | undefined;
}

/** With the authority, if it is known by its fingerprint. */
export async function trusting({ url, token, fingerprint }: Settings): Promise<Connection> {
  if (fingerprint === undefined || !url.startsWith("https:")) return { url, token };
  const authority = await learnAuthority(url, fingerprint).catch((error: unknown) => {
    throw error instanceof Problem ? error : unreachable(url, "It does not speak TLS.", error);
  });
  return { url, token, authority, fetch: fetchTrusting(authority) };
}

const fileIn = (state: string) => join(state, "client.json");

/** Throws a Problem that says what to do when there is nothing to find. */
export async function findConnection(state: string, environment: Environment): Promise<Settings> {
  const { HOLDFAST_URL: url, HOLDFAST_TOKEN: token, HOLDFAST_CA: fingerprint } = environment;
  const pinned = fingerprint ? { fingerprint } : {};
  if (url && token) return { url, token, ...pinned };
  const written = await readConnection(state);
  return { url: url || written.url, token: token || written.token, ...pinned };
}

/** For `holdfast up`: what every command after it uses. */
export async function writeConnection(state: string, { url, token }: Settings): Promise<void> {
  const file = fileIn(state);
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, `${JSON.stringify({ url, token })}\n`, { mode: 0o600 });
  await chmod(`${file}.tmp`, 0o600); // The mode above does nothing to a file that a crash left behind.
  await rename(`${file}.tmp`, file);
}

async function readConnection(state: string): Promise<Settings> {
  const file = fileIn(state);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
  const read = parsed(text);
  if (typeof read?.url === "string" && typeof read.token === "string")
    return { url: read.url, token: read.token };
  throw problem("invalid", "connection_unreadable", `${file} does not hold a url and a token.`, {
    fix: "Have it written again: holdfast up",
  });
}

function unreadable(file: string, error: unknown): Problem {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (code === "ENOENT" || code === "ENOTDIR")
    return problem(
      "unavailable",
      "no_connection",
      `There is no ${file}: no platform has been started with this state directory.`,
      {
        fix: "Start one: holdfast up. Or say where another is: HOLDFAST_URL and HOLDFAST_TOKEN, or --state DIR.",
      },
      error,
    );
  return problem(
    "forbidden",
    "connection_unreadable",
    `${file} cannot be read (${code ?? "unknown error"}): it belongs to whoever started the platform.`,
    { fix: "Run this as that user (usually root), or set HOLDFAST_URL and HOLDFAST_TOKEN." },
    error,
  );
}

function parsed(text: string): { url?: unknown; token?: unknown } | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null ? read : undefined;
  } catch {
    return undefined; // The caller says what is wrong with it.
  }
}
