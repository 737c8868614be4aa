/**
 * Asking one manager to renew the lease, with the host's own certificate and past the agent.
 *
 * Every attempt is a connection of its own with a deadline, because the old ones are what has just
 * failed. The certificate is read again each time: the agent may have got a new one.
 */
import { request } from "node:https";
import type { Granted, GuardRenewal } from "./guard.ts";

/** All PEM; what a host got when it joined. */
export interface GuardMembership {
  readonly certificate: string;
  readonly key: string;
  readonly authority: string;
}

/** Shorter than what is left of a lease when asking begins. */
const answerTime = 1_500;
const largestAnswer = 65_536;

/** Rejects if it does not grant the lease, for whatever reason. */
export const managerDoor =
  (readMembership: () => Promise<GuardMembership>) =>
  async (address: string, renewal: GuardRenewal): Promise<Granted> => {
    const { certificate, key, authority } = await readMembership();
    const text = JSON.stringify(renewal);
    return new Promise((resolve, reject) => {
      const ask = request(
        `https://${address}/guard/renew`,
        {
          method: "POST",
          agent: false,
          cert: certificate,
          key,
          ca: authority,
          // Any manager of the same cloud will do; it may be reached by many names.
          checkServerIdentity: () => undefined,
          minVersion: "TLSv1.3",
          signal: AbortSignal.timeout(answerTime),
          headers: {
            "content-type": "application/json",
            "content-length": Buffer.byteLength(text),
          },
        },
        (response) => {
          let body = "";
          response.setEncoding("utf8");
          response.on("data", (piece: string) => {
            body += piece;
            if (body.length > largestAnswer) ask.destroy(new Error("an endless answer"));
          });
          response.on("error", reject);
          response.on("end", () => {
            const granted = response.statusCode === 200 ? read(body) : undefined;
            if (granted) resolve(granted);
            else reject(new Error(`it answers ${response.statusCode}: ${body.slice(0, 200)}`));
          });
        },
      );
      ask.on("error", reject);
      ask.end(text);
    });
  };

function read(body: string): Granted | undefined {
  try {
    const { lease, killBudget, watchdog } = JSON.parse(body) as Partial<Granted>; // Looked at below.
    const isGiven = (value: unknown): value is number => typeof value === "number" && value >= 0;
    if (!isGiven(lease) || !isGiven(killBudget) || !isGiven(watchdog)) return undefined;
    return { lease, killBudget, watchdog };
  } catch {
    return undefined;
  }
}
