/** EC2's names of types, as an operator has configured them: `t3.nano=small t3.small=medium`. */

export interface Aliases {
  /** Ours, of a name that may be either. */
  typeOf(name: string): string;
  /** The first of EC2's names for it, or its own. */
  aliasOf(type: string): string;
  readonly all: readonly (readonly [alias: string, type: string])[];
}

export function readAliases(text: string): Aliases {
  const all = text
    .split(/[\s,]+/)
    .filter(Boolean)
    .map((pair): readonly [string, string] => {
      const at = pair.indexOf("=");
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
  const types = new Map(all);
  return {
    all,
    typeOf: (name) => types.get(name) ?? name,
    aliasOf: (type) => all.find(([, own]) => own === type)?.[0] ?? type,
  };
}

export const aliasesShape =
  /^\s*([a-z0-9][a-z0-9.-]{0,62}=[a-z0-9][a-z0-9.-]{0,62}([\s,]+|$)){0,100}$/;
