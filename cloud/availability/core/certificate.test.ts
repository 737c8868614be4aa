/** What is signed says everything that the certificate says, and cannot be read in two ways. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import type { Instant } from "@holdfast/kernel/time";
import { coverOf, type FenceCertificate, meaningOf, proofs, statementOf } from "./certificate.ts";

const certificate: FenceCertificate = {
  id: "0197a000-0000-7000-8000-0000000000f1",
  host: "0197a000-0000-7000-8000-0000000000d1" as HostId,
  epoch: 3,
  proof: "attested",
  covers: "everything",
  silentSince: 1_000 as Instant,
  provenAt: 9_000 as Instant,
  manager: "manager-1",
  evidence: { reason: "it burnt", by: "operator" },
};

test("a statement is every field on a line of its own, and evidence by name", () => {
  assert.equal(
    statementOf(certificate),
    [
      "holdfast fence certificate 1",
      certificate.id,
      certificate.host,
      "3",
      "attested",
      "everything",
      "1970-01-01T00:00:01.000Z",
      "1970-01-01T00:00:09.000Z",
      "manager-1",
      'by="operator"',
      'reason="it burnt"',
      "",
    ].join("\n"),
  );
});

test("a change of any field changes the statement", () => {
  const changes: readonly Partial<FenceCertificate>[] = [
    { id: "x" },
    { host: "0197a000-0000-7000-8000-0000000000d2" as HostId },
    { epoch: 4 },
    { proof: "power-off" },
    { covers: "shared" },
    { silentSince: 1_001 as Instant },
    { provenAt: 9_001 as Instant },
    { manager: "manager-2" },
    { evidence: {} },
    { evidence: { ...certificate.evidence, by: "somebody" } },
    { evidence: { ...certificate.evidence, more: null } },
  ];
  const statements = changes.map((change) => statementOf({ ...certificate, ...change }));
  assert.equal(new Set([...statements, statementOf(certificate)]).size, changes.length + 1);
});

test("no text in the evidence passes for other evidence", () => {
  const [one, other] = [
    { by: "a", reason: 'b"\nby="c' },
    { by: "a", reason: 'b"', by2: "c" },
  ].map((evidence) => statementOf({ ...certificate, evidence }));
  assert.notEqual(one, other);
  assert.equal(one?.split("\n").length, statementOf(certificate).split("\n").length);
  const kinds = [true, "true", null, "null", 1, "1"].map((value) =>
    statementOf({ ...certificate, evidence: { value } }),
  );
  assert.equal(new Set(kinds).size, kinds.length);
});

test("only what ended the whole host covers the guests on its own disks", () => {
  const everything = proofs.filter((proof) => coverOf(proof) === "everything");
  assert.deepEqual(everything, ["power-off", "boot-id", "attested"]);
  for (const proof of proofs) assert.ok(meaningOf(proof).length > 10);
});
