/**
 * Where Debian's packages come from: the mirror that this machine uses itself, because that is one that it
 * can reach. Other sources of this machine have no place in an image that is said to be Debian.
 */

/** For apt-get; `parseTargets` reads what it prints. */
export const targetsArgv: readonly string[] = [
  "apt-get",
  "indextargets",
  "--format",
  "$(ORIGIN) $(CODENAME) $(COMPONENT) $(REPO_URI)",
  "Identifier: Packages",
];

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";
const usual = "http://deb.debian.org/debian";

/**
 * Lines of a sources.list. `mirror` is an address like http://deb.debian.org/debian; security updates are
 * taken from `mirror`-security, as on Debian's own.
 */
export function sourcesFor(release: string, mirror: string): readonly string[] {
  const at = mirror.replace(/\/+$/, "");
  return [
    [at, release],
    [at, `${release}-updates`],
    [`${at}-security`, `${release}-security`],
  ].map(([address, suite]) => `deb [signed-by=${keyring}] ${address} ${suite} main`);
}

/** The mirror of `release` that apt knows here, or Debian's own if it knows none. */
export function mirrorIn(targets: string, release: string): string {
  const known = targets.split("\n").find((line) => line.startsWith(`Debian ${release} main `));
  const [, , , address = usual] = known?.split(" ") ?? [];
  return /^https?:/.test(address) ? address.replace(/\/+$/, "") : usual;
}
