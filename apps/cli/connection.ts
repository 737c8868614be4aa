/**
 * Which manager to talk to, and as whom: from the environment, from what `holdfast login` kept for this person, or from
 * what `holdfast up` wrote down. Where a state directory is named, that installation is meant, and no login.
 *
 * `client.json` holds somebody's token, so it is readable for its owner alone. It is written to a
 * new file and moved into place: a command that runs meanwhile reads the old one or the new one.
 */
import { chmod, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { unreachable } from "@holdfast/client/answer";
import { fetchTrusting, learnAuthority } from "@holdfast/client/authority";
import type { Connection } from "@holdfast/client/client";
import { codeOf } from "@holdfast/kernel/code-of";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Environment } from "./world.ts";

export const defaultState = "/var/lib/holdfast";
/** Where `holdfast up` has the manager listen when nobody says otherwise. */
export const defaultUrl = "http://127.0.0.1:7070";

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

/** Where the login of this person is kept; undefined where nobody has a home. */
export function loginFile({ XDG_CONFIG_HOME: given, HOME: home }: Environment): string | undefined {
  const folder = given || (home && join(home, ".config"));
  return folder ? fileIn(join(folder, "holdfast")) : undefined;
}

/**
 * `state`: the directory that was named; undefined: none was. Throws a Problem that says what to do when there is
 * nothing to find.
 */
export async function findConnection(
  state: string | undefined,
  environment: Environment,
): Promise<Settings> {
  const { HOLDFAST_URL: url, HOLDFAST_TOKEN: token, HOLDFAST_CA: fingerprint } = environment;
  const pinned = fingerprint ? { fingerprint } : {};
  if (url && token) return { url, token, ...pinned };
  const written =
    (state === undefined ? await findLogin(environment) : undefined) ??
    (await readConnection(fileIn(state ?? defaultState)));
  return { ...written, ...(url && { url }), ...(token && { token }), ...pinned };
}

/** Undefined for somebody who has not logged in. */
export async function findLogin(environment: Environment): Promise<Settings | undefined> {
  const file = loginFile(environment);
  if (file === undefined) return undefined;
  return readConnection(file).catch((error: unknown) => {
    if (error instanceof Problem && error.code === "no_connection") return undefined;
    throw error;
  });
}

export const writeConnection = (state: string, settings: Settings) =>
  writeSettings(fileIn(state), settings);

export async function forgetLogin(environment: Environment): Promise<void> {
  const file = loginFile(environment);
  if (file !== undefined) await rm(file, { force: true });
}

export async function writeSettings(file: string, settings: Settings): Promise<void> {
  await mkdir(dirname(file), { recursive: true });
  await writeFile(`${file}.tmp`, `${JSON.stringify(settings)}\n`, { mode: 0o600 });
  await chmod(`${file}.tmp`, 0o600); // The mode above does nothing to a file that a crash left behind.
  await rename(`${file}.tmp`, file);
}

async function readConnection(file: string): Promise<Settings> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    throw unreadable(file, error);
  }
  const read = parsed(text);
  if (typeof read?.url === "string" && typeof read.token === "string")
    return {
      ...{ url: read.url, token: read.token },
      ...(typeof read.fingerprint === "string" && { fingerprint: read.fingerprint }),
    };
  throw problem("invalid", "connection_unreadable", `${file} does not hold a url and a token.`, {
    fix: "Have it written again: holdfast up, or holdfast login for your own.",
  });
}

function unreadable(file: string, error: unknown): Problem {
  const code = codeOf(error);
  if (code === "ENOENT" || code === "ENOTDIR")
    return problem(
      "unavailable",
      "no_connection",
      `There is no ${file}: no platform has been started with this state directory.`,
      {
        fix: "Start one: holdfast up. Or come in to another: holdfast login NAME --url URL, or HOLDFAST_URL and HOLDFAST_TOKEN.",
      },
      error,
    );
  return problem(
    "forbidden",
    "connection_unreadable",
    `${file} cannot be read (${code ?? "unknown error"}): it belongs to whoever started the platform.`,
    {
      fix: "Run this as that user (usually root), or come in as yourself: holdfast login NAME --url URL",
    },
    error,
  );
}

function parsed(text: string): { readonly [Name in keyof Settings]?: unknown } | undefined {
  try {
    const read: unknown = JSON.parse(text);
    return typeof read === "object" && read !== null ? read : undefined;
  } catch {
    return undefined; // The caller says what is wrong with it.
  }
}
