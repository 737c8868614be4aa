/** A guard asks a manager by itself: the real door, over mutual TLS, with certificates made for the occasion. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, type TestContext, test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import { problem } from "@holdfast/kernel/problem";
import pino from "pino";
import type { GuardRenewal as Asked } from "../apps/guard/guard.ts";
import { managerDoor } from "../apps/guard/renew.ts";
import { type AgentPortDeps, agentPort } from "../apps/manager/agents.ts";

const folder = mkdtempSync(join(tmpdir(), "hf-door-"));
after(() => rmSync(folder, { recursive: true }));
const authority = issue("authority");
const manager = issue("manager", authority);
const host = issue("host", authority);
const stranger = issue("stranger", issue("other-authority"));
const terms = { lease: 5_000, killBudget: 3_000, watchdog: 10_000 };
const asked: Asked = {
  ...{ epoch: 3, bootId: "b", stamped: ["shared"] },
  watchdog: { kind: "hardware", isArmed: true },
};

test("a host that is known by its certificate is granted the terms", async (t) => {
  const heard: unknown[] = [];
  const address = await open(t, async (id, renewal) => {
    heard.push(id, renewal);
    return terms;
  });
  assert.deepEqual(await as(host)(address, asked), terms);
  assert.deepEqual(heard, ["host-1", asked]);
});

test("a refusal is no renewal", async (t) => {
  const address = await open(t, async () => {
    throw problem("conflict", "lease_void", "This host was fenced.");
  });
  await assert.rejects(as(host)(address, asked), /it answers 409.*lease_void/);
});

test("strangers and nonsense are refused", async (t) => {
  const address = await open(t, async () => terms);
  await assert.rejects(as(stranger)(address, asked), /403|alert|certificate/);
  await assert.rejects(as(host)(address, { ...asked, epoch: 1.5 }), /400/);
});

test("a manager that does not answer is given up before the lease has run out", async (t) => {
  const address = await open(t, () => new Promise(() => {}));
  const began = performance.now();
  await assert.rejects(as(host)(address, asked));
  assert.ok(performance.now() - began < 2_000);
});

const as = ({ certificate, key }: Issued) =>
  managerDoor(async () => ({ certificate, key, authority: authority.certificate }));

async function open(t: TestContext, renew: AgentPortDeps["onGuardRenewal"]): Promise<string> {
  const known = new X509Certificate(host.certificate).fingerprint256;
  const { server, close } = agentPort({
    identity: { certificate: manager.certificate, key: manager.key } as AgentPortDeps["identity"],
    authority: authority.certificate,
    enrolment: {
      isWelcome: async (fingerprint: string) =>
        fingerprint === known.replaceAll(":", "").toLowerCase() ? ("host-1" as HostId) : undefined,
    } as AgentPortDeps["enrolment"], // The only question that this door asks.
    hub: {} as AgentPortDeps["hub"],
    blobs: {} as AgentPortDeps["blobs"],
    onGuardRenewal: renew,
    log: pino({ level: "silent" }),
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(close);
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

interface Issued {
  readonly name: string;
  readonly key: string;
  readonly certificate: string;
}

function issue(name: string, by?: Issued): Issued {
  const [key, certificate, request] = ["key", "crt", "csr"].map((end) =>
    join(folder, `${name}.${end}`),
  );
  const openssl = (...words: (string | undefined)[]) =>
    execFileSync("openssl", words.map(String), { stdio: "ignore" });
  openssl("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key);
  if (by) {
    writeFileSync(join(folder, "extensions"), "basicConstraints=CA:FALSE\n");
    const signedBy = [
      "-CA",
      join(folder, `${by.name}.crt`),
      "-CAkey",
      join(folder, `${by.name}.key`),
    ];
    openssl("req", "-new", "-key", key, "-subj", `/CN=${name}`, "-out", request);
    openssl(
      ...["x509", "-req", "-in", request, ...signedBy, "-CAcreateserial", "-days", "2"],
      ...["-extfile", join(folder, "extensions"), "-out", certificate],
    );
  } else
    openssl(
      "req",
      "-x509",
      "-new",
      "-key",
      key,
      "-subj",
      `/CN=${name}`,
      "-days",
      "2",
      "-out",
      certificate,
    );
  const read = (file: string | undefined) => readFileSync(String(file), "utf8");
  return { name, key: read(key), certificate: read(certificate) };
}
