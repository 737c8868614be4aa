/**
 * Power through Redfish (DMTF DSP0266): a BMC's HTTP interface.
 *
 * An order is a wish: it is given, and then the power state is read until it is as wished or the time is
 * up. Refusals (409 and 400 are what controllers say about a chassis that is off already) are only
 * remembered, for the case that the state never comes.
 */
import { type Problem, problem } from "@holdfast/kernel/problem";
import { type Duration, milliseconds, seconds, type Ticks } from "@holdfast/kernel/time";
import type { Power, PowerState } from "./driver.ts";
import { type BmcAnswer, type BmcDoor, bmcDoor } from "./redfish-door.ts";

export interface RedfishOptions extends BmcDoor {
  /** The machine, as the BMC calls it: `/redfish/v1/Systems/{system}`. */
  readonly system: string;
  readonly ticks: Ticks;
  readonly sleep: (duration: Duration) => Promise<void>;
  /** For a whole call, with all that is tried. Six seconds: a chassis takes two to five. */
  readonly deadline?: Duration;
  /** For one request. A BMC may take a second when it is busy. */
  readonly answerTime?: Duration;
}

/** Between two looks at the power state. */
const pause = milliseconds(200);
/** An order that was taken and did nothing for so long is given again. */
const orderAgain = seconds(2);

const orders = {
  off: ["ForceOff"],
  on: ["On", "ForceOn"],
} as const;

export function redfishPower(options: RedfishOptions): Power {
  const { ticks, sleep, deadline = seconds(6), answerTime = seconds(2) } = options;
  const path = `/redfish/v1/Systems/${encodeURIComponent(options.system)}`;
  const ask = bmcDoor(options);
  return {
    readPower: async () => (await retried(look)).state,
    powerOff: (isWanted) => bring("off", isWanted),
    powerOn: () => bring("on"),
  };

  /** Until it succeeds, is told that it may not, or the time is up. */
  async function retried<T>(attempt: (within: Duration) => Promise<T>): Promise<T> {
    const until = ticks() + deadline;
    for (;;) {
      try {
        return await attempt(patience(until));
      } catch (error) {
        if (isFinal(error) || ticks() + pause >= until) throw error;
        await sleep(pause);
      }
    }
  }

  async function bring(wanted: PowerState, isWanted = always): Promise<void> {
    const until = ticks() + deadline;
    let fault: unknown;
    let acceptedAt: number | undefined;
    do {
      try {
        const seen = await look(patience(until));
        if (seen.state === wanted) return;
        if (acceptedAt === undefined || ticks() - acceptedAt > orderAgain) {
          if (!(await isWanted())) return;
          await order(seen, wanted, patience(until));
          acceptedAt = ticks();
          fault = undefined;
        }
      } catch (error) {
        if (isFinal(error)) throw error;
        fault = error;
      }
      await sleep(pause);
      // A look that has no time to succeed would only hide what was wrong before.
    } while (ticks() + pause < until);
    throw fault ?? unchanged(wanted);
  }

  async function look(within: Duration): Promise<Seen> {
    const { status, body } = await ask("GET", path, undefined, within);
    if (status === 401 || status === 403) throw forbidden();
    const seen = status === 200 ? readSystem(body, path) : undefined;
    if (!seen) throw unreadable(options.system, status);
    return seen;
  }

  async function order({ resetAt, allowed }: Seen, wanted: PowerState, within: Duration) {
    const word = orders[wanted].find((one) => allowed?.includes(one)) ?? orders[wanted][0];
    const answer = await ask("POST", resetAt, { ResetType: word }, within);
    if (answer.status === 401 || answer.status === 403) throw forbidden();
    if (answer.status >= 300) throw refused(word, answer);
  }

  function patience(until: number): Duration {
    return milliseconds(Math.ceil(Math.max(1, Math.min(answerTime, until - ticks()))));
  }
}

const always = async () => true;

interface Seen {
  readonly state: PowerState;
  /** Where this BMC wants its orders. */
  readonly resetAt: string;
  readonly allowed: readonly string[] | undefined;
}

/** A ComputerSystem (DSP0268), as far as it is of interest. Undefined if it tells no power state. */
function readSystem(body: unknown, path: string): Seen | undefined {
  const state = at(body, "PowerState");
  if (typeof state !== "string") return undefined;
  const reset = at(at(body, "Actions"), "#ComputerSystem.Reset");
  const target = at(reset, "target");
  const allowed = at(reset, "ResetType@Redfish.AllowableValues");
  return {
    state: state === "Off" ? "off" : "on",
    // Only a path: a BMC does not get to send our password elsewhere.
    resetAt:
      typeof target === "string" && /^\/(?!\/)/.test(target)
        ? target
        : `${path}/Actions/ComputerSystem.Reset`,
    allowed: Array.isArray(allowed) ? allowed.map(String) : undefined,
  };
}

const at = (value: unknown, key: string): unknown =>
  typeof value === "object" && value !== null ? Reflect.get(value, key) : undefined;

const isFinal = (error: unknown) => (error as Partial<Problem>)?.code === "power_forbidden"; // Any error may come here.

const forbidden = () =>
  problem("forbidden", "power_forbidden", "The BMC does not accept the name and password.", {
    fix: "Set them again for this host.",
  });

const unreadable = (system: string, status: number) =>
  problem(
    "unavailable",
    "power_unreadable",
    `The BMC answers ${status} and no power state for the system ${system}.`,
    { fix: "See which systems it has: GET /redfish/v1/Systems" },
  );

const refused = (word: string, { status, body }: BmcAnswer) => {
  const said = at(at(body, "error"), "message");
  const why = typeof said === "string" ? `: ${said.slice(0, 200)}` : "";
  return problem("unavailable", "power_refused", `The BMC answers ${status} to ${word}${why}.`);
};

const unchanged = (wanted: PowerState) =>
  problem(
    "unavailable",
    "power_unchanged",
    `The BMC took the order, and the power is still not read back as ${wanted}.`,
    { fix: "Look at the machine, then attest what you saw." },
  );
