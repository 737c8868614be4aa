/**
 * Becoming a host: one request with the join token, over a connection whose other end is known by the
 * fingerprint in the token, before anything is said.
 */
import { createHash, X509Certificate } from "node:crypto";
import { request } from "node:https";
import { connect } from "node:tls";
import { JoinReply } from "@holdfast/cloud/hosts/api";
import { makeSigningRequest } from "@holdfast/cloud/hosts/edge";
import { Problem, problem } from "@holdfast/kernel/problem";
import type { Membership } from "./dial.ts";

export interface Joined extends Membership {
  readonly host: string;
  readonly name: string;
}

/** Rejects with what the manager says, or with `manager_not_trusted` if it is not the one that the token means. */
export async function join(manager: string, token: string, name: string): Promise<Joined> {
  const [version, , fingerprint] = token.split(".");
  if (version !== "hf1" || !fingerprint)
    throw problem("invalid", "join_token_malformed", "This is not a join token.", {
      fix: "It looks like hf1.….… and comes from: holdfast hosts token",
    });
  const authority = await authorityOf(manager, fingerprint);
  const { key, request: signingRequest } = await makeSigningRequest(name);
  const text = await post(manager, authority, JSON.stringify({ token, name, signingRequest }));
  const reply = JoinReply.parse(JSON.parse(text));
  return {
    host: reply.host,
    name,
    key,
    certificate: reply.certificate,
    authority: reply.authority,
  };
}

/** The authority's certificate, out of the chain that the manager shows, if it is the expected one. */
function authorityOf(manager: string, fingerprint: string): Promise<string> {
  const [host = "", port = ""] = manager.split(/:(?=\d+$)/);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port), rejectUnauthorized: false, timeout: 5_000 });
    socket.on("error", reject);
    socket.on("timeout", () => socket.destroy(new Error("the manager does not answer")));
    socket.on("secureConnect", () => {
      const issuer = socket.getPeerCertificate(true).issuerCertificate;
      socket.end();
      const raw = issuer?.raw;
      const isIt = raw && createHash("sha256").update(raw).digest("hex") === fingerprint;
      if (isIt) resolve(new X509Certificate(raw).toString());
      else reject(notTrusted(manager));
    });
  });
}

function post(manager: string, authority: string, body: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", ca: authority, checkServerIdentity: () => undefined };
    const ask = request(`https://${manager}/join`, options, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () => {
        if (response.statusCode === 201) return resolve(text);
        reject(refusalOf(text));
      });
    });
    ask.on("error", reject);
    ask.end(body);
  });
}

function refusalOf(text: string): Error {
  try {
    const { kind, code, message, ...details } = JSON.parse(text);
    return new Problem(kind, code, message, details);
  } catch {
    return new Error(`the manager refused: ${text.slice(0, 200)}`);
  }
}

const notTrusted = (manager: string) =>
  problem(
    "forbidden",
    "manager_not_trusted",
    `${manager} is not the cloud that this token is for.`,
    {
      fix: "Check the address, and ask for a new token: holdfast hosts token",
    },
  );
