/** A host's power controller, from the address that an operator gave for it. */
import { setTimeout as sleep } from "node:timers/promises";
import type { PowerController } from "@holdfast/cloud/availability/edge";
import { redfishPower } from "@holdfast/drivers/power/redfish";
import { problem } from "@holdfast/kernel/problem";
import type { Ticks } from "@holdfast/kernel/time";

export interface BmcAccess {
  /** The Redfish system, for example `https://bmc-7.example/redfish/v1/Systems/1`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
}

/** Rejects with `bmc_url_invalid` if the address names no system. */
export function powerOf({ url, user, password }: BmcAccess, ticks: Ticks): PowerController {
  const { system, fingerprint, origin } = readAddress(url);
  return redfishPower({
    url: origin,
    system,
    user,
    password,
    ticks,
    sleep: (duration) => sleep(duration),
    ...(fingerprint ? { fingerprint } : {}),
  });
}

/** Everything in an address means something here, or is refused: a pin that is ignored protects nobody. */
function readAddress(url: string) {
  const { origin, pathname, search, hash, username, password } = new URL(url);
  const [, encoded = ""] = /^\/redfish\/v1\/Systems\/([^/]+)\/?$/.exec(pathname) ?? [];
  const [, fingerprint] = /^#sha256=((?:[0-9a-f]{2}:?){32})$/i.exec(hash) ?? [];
  const system = decoded(encoded);
  if (!system || search || (hash && !fingerprint)) throw notASystem("This");
  // An address is journaled and shown; a password is not.
  if (username || password) throw notASystem("An address with a password in it");
  return { origin, system, fingerprint };
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined; // A lone % is no encoding.
  }
}

const notASystem = (what: string) =>
  problem("invalid", "bmc_url_invalid", `${what} is not the address of a Redfish system.`, {
    fix: "Give it whole, for example https://bmc-7.example/redfish/v1/Systems/1; for a certificate of its own add #sha256=FINGERPRINT.",
  });
