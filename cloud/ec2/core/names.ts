/**
 * Names as EC2's clients choose them, and as Holdfast keeps them: in lower case, without spaces, for it is also the
 * name of a thing in its networks. What is no name of ours becomes one that is made from it, so the same name is
 * taken twice by nobody.
 */

/** `digest`: digits that stand for a text. */
export function nativeName(name: string, noun: string, digest: (text: string) => string): string {
  if (/^[a-z]([a-z0-9-]{0,61}[a-z0-9])?$/.test(name)) return name;
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^[^a-z]+/, "")
    .slice(0, 46)
    .replace(/-+$/, "");
  return `${plain || noun}-${digest(name).slice(0, 12)}`;
}

/** Of a key pair: what is a name of ours stays one, and more is than of other things. */
export const nativeKeyName = (name: string, digest: (text: string) => string): string =>
  /^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$/.test(name) ? name : nativeName(name, "key", digest);
