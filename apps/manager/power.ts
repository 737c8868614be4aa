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
  const { origin, pathname, hash } = new URL(url);
  const [, system] = /^\/redfish\/v1\/Systems\/([^/]+)\/?$/.exec(pathname) ?? [];
  if (!system) throw notASystem(url);
  const fingerprint = /^#sha256=([0-9a-fA-F:]+)$/.exec(hash)?.[1];
  return redfishPower({
    url: origin,
    system: decodeURIComponent(system),
    user,
    password,
    ticks,
    sleep: (duration) => sleep(duration),
    ...(fingerprint ? { fingerprint } : {}),
  });
}

const notASystem = (url: string) =>
  problem("invalid", "bmc_url_invalid", `${url} is not the address of a Redfish system.`, {
    fix: "Give it whole, for example https://bmc-7.example/redfish/v1/Systems/1; for a certificate of its own add #sha256=FINGERPRINT.",
  });
