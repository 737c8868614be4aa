/**
 * Where a route is found: the manager's address, the path with its names filled in, and the query.
 *
 * A name is never trusted to be one path segment. `encodeURIComponent` leaves dots alone and URLs
 * fold `..` away, so a name made of dots would call a different route; such names are refused here.
 */
import { problem } from "@holdfast/kernel/problem";

/** The names in a path, and what is asked of it. Values that are undefined are left out. */
export interface Place {
  readonly params?: Readonly<Record<string, unknown>>;
  readonly query?: Readonly<Record<string, unknown>>;
}

/** The whole address of `path` at the manager at `url`. Throws `not_holdfast` for a `url` that is none. */
export function addressOf(url: string, path: string, { params = {}, query = {} }: Place): URL {
  const address = baseOf(url);
  address.pathname = `${address.pathname.replace(/\/+$/, "")}${fill(path, params)}`;
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) address.searchParams.set(name, String(value));
  return address;
}

function baseOf(url: string): URL {
  const base = URL.canParse(url) ? new URL(url) : undefined;
  if (base && /^https?:$/.test(base.protocol)) return base;
  throw problem("invalid", "not_holdfast", `"${url}" is not the address of a manager.`, {
    fix: "Set HOLDFAST_URL to something like http://127.0.0.1:7070, or unset it to use what `holdfast up` wrote down.",
  });
}

function fill(path: string, params: Readonly<Record<string, unknown>>): string {
  return path.replace(/:(\w+)/g, (_, name: string) => {
    const value = String(params[name] ?? "");
    if (!/^\.*$/.test(value)) return encodeURIComponent(value);
    const reason = value === "" ? "is missing" : "cannot consist of dots";
    throw problem("invalid", "invalid_request", `The name of the ${name} ${reason}.`, {
      fix: `Name the ${name}.`,
      faults: [{ field: `params.${name}`, reason }],
    });
  });
}
