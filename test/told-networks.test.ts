/** What a host makes of differences is what its manager meant: picture after picture, whatever comes, is another, or goes. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { networker } from "@holdfast/cloud/agent/edge";
import { fromManager } from "@holdfast/cloud/hosts";
import type { NetworkPicture } from "@holdfast/cloud/networks";
import { simulatedKernel, simulatedNetworks } from "@holdfast/drivers/network/simulated";
import type { NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import fc from "fast-check";
import {
  newsOfNetworks,
  type ToldNetwork,
  wholeNetworks,
} from "../cloud/hosts/edge/told-networks.ts";

const idOf = (n: number) => `0190f5a0-0000-7000-8000-0000000000${10 + n}`;
const group = idOf(80) as SecurityGroupId; // These are shaped like ids.

const oneOf = <T>(...all: readonly T[]) => fc.constantFrom(...all);
const port = (n: number) =>
  fc.record({
    nic: fc.constant(idOf(n) as NicId),
    mac: fc.constant(`02:00:00:00:00:0${n}`),
    address: fc.constant(`10.1.0.1${n}`),
    publicAddress: oneOf(null, "203.0.113.2"),
    metadataHops: oneOf(null, 1),
    ingress: oneOf(null, [group]),
    egress: fc.constant(null),
  });
const some = <T>(all: readonly fc.Arbitrary<T>[]) =>
  fc
    .tuple(...all.map((each) => fc.option(each, { nil: undefined })))
    .map((found) => found.flatMap((each) => (each === undefined ? [] : [each])));
const guest = (n: number) =>
  oneOf("web", "db").map((name) => ({
    mac: `02:00:00:00:00:0${n}`,
    address: `10.1.0.1${n}`,
    name,
  }));
/** Whoever of it asks for this. */
const groupOf = (from: number, member: string): NetworkPicture["groups"] => {
  const ports = { from, to: from };
  const ingress = [{ protocol: "tcp" as const, ports, peer: { group } }];
  const egress = [{ protocol: "any" as const, ports: null, peer: { cidr: "0.0.0.0/0" } }];
  return [{ id: group, ingress, egress, members: [member] }];
};
const numbers = [0, 1, 2, 3];
const underlays = some([oneOf("192.0.2.1"), oneOf("192.0.2.2"), oneOf("192.0.2.3")]);
const network = (n: number): fc.Arbitrary<NetworkPicture> =>
  fc.record({
    id: fc.constant(idOf(50 + n) as NetworkId),
    vni: fc.constant(7 + n),
    vlan: fc.constant(null),
    cidr: fc.constant("10.1.0.0/24"),
    gateway: fc.constant("10.1.0.1"),
    domain: oneOf("blue.internal", "red.internal"),
    mtu: fc.constant(1_450),
    underlays,
    ports: some(numbers.map((at) => port(10 * n + at).map((one) => ({ ...one })))),
    groups: oneOf<NetworkPicture["groups"]>([], groupOf(22, "10.1.0.10"), groupOf(80, "10.1.0.11")),
    router: fc.option(
      fc.record({
        generation: oneOf(1, 2),
        mac: fc.constant("02:00:00:00:00:ff"),
        guests: some(numbers.map(guest)),
        sourceAddress: fc.constant(null),
        forwards: fc.constant([]),
        oneToOne: fc.constant([]),
      }),
    ),
  });

/** How a host comes to hear of it: of what is there only the hosts are others, or it is told all because it has come anew. */
const step = fc.record({
  how: oneOf("by differences", "by differences", "only hosts", "anew"),
  pictures: some([network(0), network(1)]),
  underlays,
});

/** Whom a router serves is a list in no order. */
const sorted = (pictures: readonly NetworkPicture[]) =>
  [...pictures]
    .sort((a, b) => (a.id < b.id ? -1 : 1))
    .map(({ router, ...picture }) => ({
      ...picture,
      router: router && {
        ...router,
        guests: [...router.guests].sort((a, b) => (a.address < b.address ? -1 : 1)),
      },
    }));

test("a host that is told only what is different has the pictures that its manager has", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2 }), async (steps) => {
      const told = new Map<NetworkId, ToldNetwork>();
      let kept: readonly NetworkPicture[] = [];
      const host = networker({
        networks: simulatedNetworks(simulatedKernel()),
        shelf: {
          load: async () => undefined,
          save: async (pictures) => {
            kept = pictures;
          },
          close: async () => {},
        },
        ...{ underlay: "192.0.2.1", forwarders: [], onLook() {}, log() {} },
      });
      const hear = (text: string) => {
        const message = fromManager.parse(JSON.parse(text));
        if (message.say === "networks") host.hear(message.networks);
        else if (message.say === "networks-changed") host.hearChanges(message);
      };
      hear('{"say":"networks","networks":[]}');
      let last: readonly NetworkPicture[] = [];
      for (const { how, underlays, ...step } of steps) {
        const pictures =
          how === "only hosts"
            ? last.map((picture) => ({ ...picture, underlays: [...underlays] })) // A list of its own, as everywhere.
            : step.pictures;
        last = pictures;
        if (how === "anew") {
          told.clear();
          hear(`{"say":"networks","networks":[${wholeNetworks(told, pictures) ?? []}]}`);
        } else {
          const ids = new Set([...told.keys(), ...pictures.map(({ id }) => id)]);
          const now = new Map(
            pictures.map((picture) => [
              picture.id,
              how === "only hosts" ? { id: picture.id, underlays: picture.underlays } : picture,
            ]),
          );
          const changes = new Map([...ids].map((id) => [id, now.get(id) ?? null]));
          const { fresh, peers, parts, gone } = newsOfNetworks(told, changes);
          hear(
            `{"say":"networks-changed","networks":[${fresh}],"peers":[${peers}],"parts":[${parts}],"gone":${JSON.stringify(gone)}}`,
          );
        }
        assert.equal(wholeNetworks(new Map(told), pictures), undefined, "it counts as told");
        await new Promise((resolve) => setImmediate(resolve));
        for (let tries = 0; tries < 100; tries++) {
          if (JSON.stringify(sorted(kept)) === JSON.stringify(sorted(pictures))) break;
          await new Promise((resolve) => setImmediate(resolve));
        }
        assert.deepEqual(sorted(kept), sorted(pictures));
      }
      await host.close();
    }),
    { numRuns: 200 },
  );
});
