/**
 * The platform's own certificate authority: it lets agents prove to managers who they are, and managers
 * to agents.
 *
 * The key lives in the database, because any manager must be able to sign and none keeps state of its
 * own. Revocation is a column, read at every connection, so it works at once and needs no lists.
 */
import "reflect-metadata"; // @peculiar/x509 asks for it to be loaded first.
import { createHash, randomBytes, sign, webcrypto } from "node:crypto";
import { problem } from "@holdfast/kernel/problem";
import type { Clock } from "@holdfast/kernel/time";
import type { Database } from "@holdfast/store/database";
import * as x509 from "@peculiar/x509";

// Node and the DOM describe the same object with different types.
x509.cryptoProvider.set(webcrypto as unknown as typeof globalThis.crypto);

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 86_400_000;
/** Agents renew by joining again; a year is long enough not to be the reason for an outage. */
const hostDays = 365;
const authorityDays = 3_650;

export interface Identity {
  /** PEM, both. */
  readonly certificate: string;
  readonly key: string;
}

export interface Authority {
  /** PEM of the authority's own certificate: what both sides trust. */
  readonly certificate: string;
  /** Hex SHA-256 of it; part of a join token, so that a machine knows whom it joins. */
  readonly fingerprint: string;
  /** For a manager, valid for these names and addresses. */
  issueServer(names: readonly string[]): Promise<Identity>;
  /** From a PKCS#10 request. Rejects with `signing_request_invalid`. */
  signHost(
    hostId: string,
    request: string,
  ): Promise<{ certificate: string; fingerprint: string; expiresAt: number }>;
  /** Base64 of an ECDSA signature with SHA-256 in DER, as `openssl dgst -verify` checks it (WebCrypto has another form). */
  sign(text: string): Promise<string>;
}

/** The one authority of this database, made by whoever comes first. */
export async function openAuthority(database: Database, clock: Clock): Promise<Authority> {
  const stored = await readIdentity(database);
  const identity = stored ?? (await makeAuthority(database, clock));
  const certificate = new x509.X509Certificate(identity.certificate);
  const privateKey = await importKey(identity.key);
  const issuer = {
    issuer: certificate.subject,
    signingKey: privateKey,
    signingAlgorithm: algorithm,
  };
  const validity = (days: number) => ({
    notBefore: new Date(clock.now() - day), // A machine whose clock is behind must be able to join.
    notAfter: new Date(clock.now() + days * day),
  });

  return {
    certificate: identity.certificate,
    fingerprint: fingerprintOf(certificate),
    async issueServer(names) {
      const keys = await generate();
      const made = await x509.X509CertificateGenerator.create({
        ...issuer,
        ...validity(hostDays),
        serialNumber: serial(),
        subject: "CN=holdfast manager",
        publicKey: keys.publicKey,
        extensions: [
          new x509.BasicConstraintsExtension(false),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
          new x509.SubjectAlternativeNameExtension(
            names.map((value) => ({ type: /^[\d.]+$|:/.test(value) ? "ip" : "dns", value })),
          ),
        ],
      });
      return { certificate: made.toString("pem"), key: await exportKey(keys.privateKey) };
    },
    async signHost(hostId, text) {
      const request = await parseRequest(text);
      const expires = validity(hostDays);
      const made = await x509.X509CertificateGenerator.create({
        ...issuer,
        ...expires,
        serialNumber: serial(),
        subject: `CN=${hostId}`, // Ours, whatever the request says.
        publicKey: request.publicKey,
        extensions: [
          new x509.BasicConstraintsExtension(false),
          new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        ],
      });
      return {
        certificate: made.toString("pem"),
        fingerprint: fingerprintOf(made),
        expiresAt: expires.notAfter.getTime(),
      };
    },
    sign: async (text) => sign("sha256", Buffer.from(text), identity.key).toString("base64"),
  };
}

async function readIdentity(database: Database): Promise<Identity | undefined> {
  const [row] = await database.query<{ value: string }>(
    "select value from secret where name = 'certificate-authority'",
  );
  return row && (JSON.parse(row.value) as Identity); // Written below.
}

async function makeAuthority(database: Database, clock: Clock): Promise<Identity> {
  const keys = await generate();
  const made = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serial(),
    name: "CN=Holdfast",
    notBefore: new Date(clock.now() - day),
    notAfter: new Date(clock.now() + authorityDays * day),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
    ],
  });
  const identity = { certificate: made.toString("pem"), key: await exportKey(keys.privateKey) };
  await database.query(
    "insert into secret (name, value) values ('certificate-authority', $1) on conflict do nothing",
    [JSON.stringify(identity)],
  );
  return (await readIdentity(database)) ?? identity; // Another manager may have been first.
}

async function parseRequest(text: string): Promise<x509.Pkcs10CertificateRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(text);
    if (await request.verify()) return request;
  } catch {
    // Falls through: whatever it is, it is not a request that somebody signed with its key.
  }
  throw problem(
    "invalid",
    "signing_request_invalid",
    "The signing request cannot be read or is not signed by its own key.",
    {
      fix: "Join again: holdfast join ADDRESS --token TOKEN",
    },
  );
}

const generate = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
const serial = () => `00${randomBytes(15).toString("hex")}`;

const fingerprintOf = (certificate: x509.X509Certificate) =>
  createHash("sha256").update(new Uint8Array(certificate.rawData)).digest("hex");

async function exportKey(key: webcrypto.CryptoKey): Promise<string> {
  const der = await webcrypto.subtle.exportKey("pkcs8", key);
  return x509.PemConverter.encode(der, "PRIVATE KEY");
}

function importKey(pem: string): Promise<webcrypto.CryptoKey> {
  const [der] = x509.PemConverter.decode(pem);
  if (!der) throw new Error("the authority's key is not PEM");
  return webcrypto.subtle.importKey("pkcs8", der, algorithm, true, ["sign"]);
}

/** For a machine that wants to join: a fresh key, and a request for a certificate. */
export async function makeSigningRequest(name: string): Promise<{ key: string; request: string }> {
  const keys = await generate();
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: `CN=${name}`,
    keys,
    signingAlgorithm: algorithm,
  });
  return { key: await exportKey(keys.privateKey), request: request.toString("pem") };
}
