/**
 * Webhooks over HTTP and HTTPS.
 *
 * A name is looked up by the connection itself, and what it stands for is checked there: a name that was
 * harmless when somebody checked it can stand for another address a second later.
 */
import { type LookupAddress, lookup } from "node:dns";
import { request as plainRequest } from "node:http";
import { request as tlsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { codeOf } from "@holdfast/kernel/code-of";
import { type Problem, problem } from "@holdfast/kernel/problem";
import { isWithinReach } from "./addresses.ts";
import type { Delivery, Reach, Webhooks } from "./driver.ts";

/** From the connection to the end of the answer, in milliseconds. */
const patience = 10_000;

export function httpWebhooks(): Webhooks {
  return { post };
}

function post({ url, body, headers, reach }: Delivery): Promise<void> {
  const target = new URL(url);
  const literal = target.hostname.replace(/^\[|\]$/g, "");
  if (isIP(literal) && !isWithinReach(literal, reach))
    return Promise.reject(outOfReach(literal, reach));
  const request = target.protocol === "https:" ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const call = request(
      target,
      {
        method: "POST",
        agent: false,
        lookup: guarded(reach),
        signal: AbortSignal.timeout(patience),
        headers: {
          ...headers,
          "content-type": "application/json",
          "content-length": Buffer.byteLength(body),
        },
      },
      (answer) => {
        const { statusCode = 0 } = answer;
        answer.destroy(); // Only the status matters.
        if (statusCode >= 200 && statusCode < 300) resolve();
        else reject(failed(`${target.host} answered ${statusCode}`));
      },
    );
    call.on("error", (error) =>
      reject(isOutOfReach(error) ? error : failed(`${target.host}: ${error.message}`, error)),
    );
    call.end(body);
  });
}

/** Looks a name up, and fails if any of its addresses is out of reach. */
function guarded(reach: Reach): LookupFunction {
  return (name, options, done) => {
    lookup(name, { ...options, all: true }, (error, found: LookupAddress[]) => {
      const [first] = found ?? [];
      if (error || !first) return done(error ?? new Error(`${name} has no address`), []);
      const bad = found.find(({ address }) => !isWithinReach(address, reach));
      if (bad) return done(outOfReach(`${name} (${bad.address})`, reach), []);
      if (options.all) return done(null, found);
      done(null, first.address, first.family);
    });
  };
}

const isOutOfReach = (error: unknown): error is Problem => codeOf(error) === "webhook_out_of_reach";

const outOfReach = (where: string, reach: Reach): Problem =>
  problem(
    "forbidden",
    "webhook_out_of_reach",
    `${where} may not be called: webhooks may go to ${reach} addresses.`,
    { fix: "An operator can widen that: holdfast settings set alarms.webhook_reach private" },
  );

const failed = (what: string, cause?: unknown): Problem =>
  problem("unavailable", "webhook_failed", `The webhook was not taken: ${what}.`, {}, cause);
