/** Each row is a host, and what speaks against it as the destination of a guest that runs on `home`. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId } from "@holdfast/kernel/ids";
import { type Candidate, type Departing, staysFor, unsuitable } from "./destinations.ts";

const kvm = { kind: "kvm", reason: "" };
const host = (name: string, more: Partial<Candidate> = {}): Candidate => ({
  id: name as HostId,
  name,
  state: "up",
  mode: "enabled",
  pools: ["shared"],
  facts: {
    acceleration: kvm,
    hypervisor: "QEMU 7.2.22",
    cpu: { model: "x", flags: ["sse", "avx"] },
    migration: { mirrors: true },
  },
  ...more,
});
const home = host("home");
const from = (more: Partial<Departing> = {}): Departing => ({
  source: home,
  pool: "shared",
  hasLocalData: false,
  leftovers: [],
  ...more,
});
const facts = (more: Candidate["facts"]) => ({ facts: { ...home.facts, ...more } });

const table: Record<string, readonly [Candidate, RegExp | undefined, Departing?]> = {
  "one like it": [host("h2"), undefined],
  itself: [home, /there already/],
  "one that is silent": [host("h2", { state: "suspect" }), /is suspect/],
  "one in maintenance": [host("h2", { mode: "maintenance" }), /in maintenance/],
  "one that is being emptied": [host("h2", { mode: "draining" }), /being emptied/],
  "one without its pool": [host("h2", { pools: [] }), /does not reach the pool shared/],
  "one without its pool, for a local volume": [
    host("h2", { pools: [] }),
    undefined,
    from({ pool: "local" }),
  ],
  "one that cannot copy disks": [
    host("h2", facts({ migration: { mirrors: false } })),
    /h2 cannot copy those/,
    from({ pool: "local" }),
  ],
  "one that cannot copy disks, where there is none": [
    host("h2", facts({ migration: { mirrors: false } })),
    undefined,
  ],
  "one that still has an old copy": [
    host("h2"),
    /not yet removed the copy/,
    from({ leftovers: ["h2" as HostId] }),
  ],
  "one with another accelerator": [
    host("h2", facts({ acceleration: { kind: "tcg", reason: "" } })),
    /with tcg there, and with kvm on home/,
  ],
  "an older QEMU": [host("h2", facts({ hypervisor: "QEMU 7.2.9" })), /older than QEMU 7\.2\.22/],
  "a newer QEMU": [host("h2", facts({ hypervisor: "QEMU 8.0" })), undefined],
  "a QEMU of the same version in other words": [
    host("h2", facts({ hypervisor: "7.2.22 (Debian 1:7.2)" })),
    undefined,
  ],
  "one that does not say its version": [host("h2", facts({ hypervisor: "simulated" })), undefined],
  "a processor with less": [
    host("h2", facts({ cpu: { model: "y", flags: ["sse"] } })),
    /has no avx, as that of home has/,
  ],
  "a processor with more": [
    host("h2", facts({ cpu: { model: "y", flags: ["sse", "avx", "avx2"] } })),
    undefined,
  ],
  "a processor with less, for a guest that is emulated": [
    host(
      "h2",
      facts({ acceleration: { kind: "tcg", reason: "" }, cpu: { model: "y", flags: [] } }),
    ),
    undefined,
    from({ source: host("home", facts({ acceleration: { kind: "tcg", reason: "" } })) }),
  ],
};

for (const [title, [candidate, expected, departing = from()]] of Object.entries(table))
  test(title, () => {
    const why = unsuitable(departing, candidate);
    if (expected) assert.match(why ?? "", expected);
    else assert.equal(why, undefined);
  });

test("snapshots on the disks of its host keep it there, wherever it was to go", () => {
  assert.equal(staysFor(0), undefined);
  assert.match(
    staysFor(1) ?? "",
    /^a snapshot of it lies on the disks of its host, and would be lost/,
  );
  assert.match(
    staysFor(2) ?? "",
    /^2 snapshots of it lie on the disks of its host, and would be lost/,
  );
});
