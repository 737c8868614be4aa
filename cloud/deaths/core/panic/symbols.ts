/**
 * The readable name of a symbol that a compiler of C++ or Rust has mangled.
 *
 * Drivers in Rust arrive in guests' kernels, and `_RNvCs…` in a title says nothing to anybody. Only names are
 * decoded, no types: what cannot be decoded is given back as it is, never half.
 */

export function readable(symbol: string): string {
  if (symbol.startsWith("_Z")) return cpp(symbol) ?? symbol;
  if (symbol.startsWith("_R")) return rust(symbol) ?? symbol;
  return symbol;
}

/** `_Z3fooii` is `foo`, `_ZN1a1bE` is `a::b`; the hash that older Rust appends is left out. */
function cpp(symbol: string): string | undefined {
  const isNested = symbol[2] === "N";
  const parts: string[] = [];
  let at = isNested ? 3 : 2;
  for (;;) {
    const part = identifier(symbol, at);
    if (!part) break;
    parts.push(part.name);
    at = part.end;
    if (!isNested) break;
  }
  if (parts.length > 1 && /^h[0-9a-f]{16}$/.test(parts[parts.length - 1] ?? "")) parts.pop();
  return parts.length > 0 ? parts.join("::") : undefined;
}

interface Part {
  readonly name: string;
  readonly end: number;
}

/** A decimal length and that many characters. Rust puts `_` between when the name begins with a digit or `_`. */
function identifier(text: string, at: number, isRust = false): Part | undefined {
  const digits = /^\d{1,3}/.exec(text.slice(at, at + 3))?.[0];
  if (!digits) return undefined;
  let start = at + digits.length;
  if (isRust && text[start] === "_") start++;
  const end = start + Number(digits);
  return end <= text.length ? { name: text.slice(start, end), end } : undefined;
}

/** Rust's newer scheme: paths (`N`), crates (`C`), and implementations (`M`, `X`, `Y`) of types. */
function rust(symbol: string): string | undefined {
  return path(symbol, 2, 0)?.name;
}

function path(text: string, at: number, depth: number): Part | undefined {
  if (depth > 24) return undefined;
  switch (text[at]) {
    case "C":
      return identifier(text, disambiguated(text, at + 1), true);
    case "N": {
      const outer = path(text, at + 2, depth + 1);
      const inner = outer && identifier(text, disambiguated(text, outer.end), true);
      return inner && { name: `${outer.name}::${inner.name}`, end: inner.end };
    }
    case "M": {
      const where = path(text, disambiguated(text, at + 1), depth + 1);
      const type = where && named(text, where.end, depth + 1);
      return type && { name: `<${type.name}>`, end: type.end };
    }
    case "X": {
      const where = path(text, disambiguated(text, at + 1), depth + 1);
      return where && implementation(text, where.end, depth);
    }
    case "Y":
      return implementation(text, at + 1, depth);
    case "B":
      return backReference(text, at, depth, path);
    default:
      return undefined;
  }
}

function implementation(text: string, at: number, depth: number): Part | undefined {
  const type = named(text, at, depth + 1);
  const trait = type && path(text, type.end, depth + 1);
  return trait && { name: `<${type.name} as ${trait.name}>`, end: trait.end };
}

/** A type that is a path; tuples, references and the like are not needed to name a function. */
function named(text: string, at: number, depth: number): Part | undefined {
  return text[at] === "B" ? backReference(text, at, depth, named) : path(text, at, depth + 1);
}

/** `B` and a place in the symbol, counted behind `_R`: what stood there stands here again. */
function backReference(
  text: string,
  at: number,
  depth: number,
  read: (text: string, at: number, depth: number) => Part | undefined,
): Part | undefined {
  const number = base62(text, at + 1);
  if (!number || number.value + 2 >= at) return undefined;
  const target = read(text, number.value + 2, depth + 1);
  return target && { name: target.name, end: number.end };
}

function disambiguated(text: string, at: number): number {
  return text[at] === "s" ? (base62(text, at + 1)?.end ?? at) : at;
}

const digits62 = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** `_` is 0, `0_` is 1, and so on. */
function base62(text: string, at: number): { value: number; end: number } | undefined {
  const digits = /^[0-9A-Za-z]{0,12}_/.exec(text.slice(at, at + 13))?.[0];
  if (!digits) return undefined;
  let value = 0;
  for (const digit of digits.slice(0, -1)) value = value * 62 + digits62.indexOf(digit);
  return { value: digits === "_" ? 0 : value + 1, end: at + digits.length };
}
