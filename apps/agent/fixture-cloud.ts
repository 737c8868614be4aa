/** An authority for tests: memberships of hosts, as a cloud would sign them. Not for anything but tests. */
import { webcrypto } from "node:crypto";
import type { Membership } from "@holdfast/cloud/agent/edge";
import * as x509 from "@peculiar/x509";

const algorithm = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const day = 86_400_000;

/** Gives the membership of a host, by its id. */
export async function fixtureCloud(): Promise<(host: string) => Promise<Membership>> {
  x509.cryptoProvider.set(webcrypto as unknown as typeof globalThis.crypto); // Node's is one.
  const generate = () => webcrypto.subtle.generateKey(algorithm, true, ["sign", "verify"]);
  const validity = {
    notBefore: new Date(Date.now() - day),
    notAfter: new Date(Date.now() + day),
  };
  const own = await generate();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...{ ...validity, name: "CN=Test", keys: own, signingAlgorithm: algorithm },
    extensions: [new x509.BasicConstraintsExtension(true, 1, true)],
  });
  return async (host) => {
    const keys = await generate();
    const certificate = await x509.X509CertificateGenerator.create({
      ...{ ...validity, subject: `CN=${host}`, issuer: authority.subject },
      ...{ signingKey: own.privateKey, signingAlgorithm: algorithm },
      publicKey: keys.publicKey,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
      ],
    });
    const der = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
    return {
      certificate: certificate.toString("pem"),
      key: x509.PemConverter.encode(der, "PRIVATE KEY"),
      authority: authority.toString("pem"),
    };
  };
}
