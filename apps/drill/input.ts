/** What was typed, read: which drill on what, and where the platform is. Nothing is asked of anybody here. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { z } from "zod";
import { type DrillName, drillOf, isDrill } from "./drills.ts";

export interface Given {
  readonly seconds?: string;
  readonly bmc?: string;
  readonly bmcUser?: string;
}

export interface Wanted {
  readonly drill: DrillName;
  /** Empty for the platform. */
  readonly subject: string;
  /** Milliseconds; absent is as usual. */
  readonly lasting?: number;
  readonly bmc?: { readonly url: string; readonly user: string; readonly system: string };
}

/** Throws `drill_not_found`, `drill_subject_wrong`, `drill_option_wrong`. */
export function parse(
  drill: string,
  subject: string | undefined,
  { seconds, bmc, bmcUser = "" }: Given,
): Wanted {
  if (!isDrill(drill)) throw unknownDrill(drill);
  if ((drillOf(drill).on !== "platform") !== (subject !== undefined)) throw wrongSubject(drill);
  return {
    drill,
    subject: subject ?? "",
    ...(seconds === undefined ? {} : { lasting: lastingOf(seconds) }),
    ...(bmc === undefined ? {} : { bmc: bmcAt(bmc, bmcUser) }),
  };
}

const ClientFile = z.object({ url: z.string(), token: z.string() });

/** Rejects with `no_connection`. */
export async function connectionAt(
  state: string,
  { HOLDFAST_URL: url, HOLDFAST_TOKEN: token }: NodeJS.ProcessEnv,
): Promise<z.output<typeof ClientFile>> {
  if (url && token) return { url, token };
  const file = join(state, "client.json");
  const text = await readFile(file, "utf8").catch((error: unknown) => {
    const fix =
      "Say where the platform keeps its state: --state DIRECTORY. Or start one: holdfast up";
    throw problem("unavailable", "no_connection", `${file} cannot be read.`, { fix }, error);
  });
  const written = ClientFile.parse(JSON.parse(text));
  return { url: url || written.url, token: token || written.token };
}

/** A lease is 5 s, so less shows nothing; more than ten minutes is no drill. */
function lastingOf(text: string): number {
  const seconds = Number(text);
  if (seconds >= 1 && seconds <= 600) return seconds * 1_000;
  throw wrongOption(`--seconds ${text} is not a number from 1 to 600.`);
}

function bmcAt(text: string, user: string) {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const [, system] = /^\/redfish\/v1\/Systems\/([^/]+)\/?$/.exec(url?.pathname ?? "") ?? [];
  if (url && system) return { url: url.origin, user, system: decodeURIComponent(system) };
  throw wrongOption("--bmc takes the address of a system: https://BMC/redfish/v1/Systems/ID");
}

const unknownDrill = (name: string): Problem =>
  problem("not_found", "drill_not_found", `There is no drill ${name}.`, {
    fix: "See them: holdfast drill",
  });

function wrongSubject(name: DrillName): Problem {
  const { on } = drillOf(name);
  const isPlatform = on === "platform";
  const about = isPlatform ? "the platform, so nothing is named" : `one ${on}: say which`;
  return problem("invalid", "drill_subject_wrong", `${name} is about ${about}.`, {
    fix: `holdfast drill ${isPlatform ? name : `${name} ${on.toUpperCase()}`}`,
  });
}

const wrongOption = (message: string): Problem =>
  problem("invalid", "drill_option_wrong", message, { fix: "See: holdfast drill --help" });
