/**
 * How `nft` and `ip` are spoken to when they stay: lines are written to them, and neither says by itself that it is at the end
 * of them. So each order ends with a line that changes nothing and that they cannot pass over in silence.
 *
 * `nft -i` takes each line for a transaction and goes on after an error. `ip -batch` ends at the first, and the next order
 * has another one. It also keeps which number a device's name had: whoever removes devices by other means begins another.
 */
import { seconds } from "@holdfast/kernel/time";
import type { Dialect } from "./resident.ts";

/** Far longer than either takes for anything, on a machine that has much else to do. */
const patience = seconds(30);
/** `nft` keeps every line for whoever presses the arrow that leads back, and `ip` ten kilobytes of each order for nobody. */
const wornAfter = 500;
/** In characters: beyond that nft reads a file more quickly than a line, of which it reads one at a time. */
export const longestLine = 32_768;

/** All of an order is one transaction, whose lines have no line breaks in them. `argv` leads to the namespace. */
export const nftDialect = (
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Dialect => ({
  argv: [...argv, "nft", "-i"],
  // It writes what it has read into a file there when it ends.
  env: { ...env, HOME: "/dev/null" },
  // Whatever a line editor says for people is on the other one.
  on: ["stderr"],
  say: (order) => `${order.trim().replaceAll("\n", "; ")}\n${mark}\n`,
  hear(said) {
    const found = new RegExp(`Error: syntax error[^\\n]*\\n${mark}\\n *\\^+\\n`).exec(said);
    const complaints = said.slice(0, found?.index).trim();
    return found ? { complaints: complaints === "" ? undefined : complaints } : undefined;
  },
  ...{ patience, wornAfter },
});

/** A word that is no order, and that is repeated where this is said. */
const mark = "holdfast";

export const ipDialect = (
  argv: readonly string[],
  env: Readonly<Record<string, string>>,
): Dialect => ({
  ...{ argv: [...argv, "ip", "-batch", "-"], env, patience, wornAfter },
  on: ["stdout", "stderr"],
  // The kernel answers this without the lock that those hold who change devices.
  say: (order) => `${order}\nnetconf show dev lo\n`,
  hear: (said) => (/^inet lo .*\n/m.test(said) ? { complaints: undefined } : undefined),
});
