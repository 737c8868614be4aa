/** Hosts that are told only what they do not know have the pictures that all of it would have drawn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { HostId, NetworkId, NicId, SecurityGroupId } from "@holdfast/kernel/ids";
import fc from "fast-check";
import { knownBy } from "./known.ts";
import type { Facts, Nic } from "./model.ts";
import { type NetworkPicture, picturesOf } from "./picture.ts";

const hosts = ["h1", "h2", "h3", "h4"] as HostId[]; // Names are enough here.
const nets = ["n1", "n2"] as NetworkId[]; // The same.
const group = "g" as SecurityGroupId; // The same.
const guests = 6;

/** Where each guest is: a host, or nowhere. */
type Seats = readonly (HostId | undefined)[];

const factsAt = (seats: Seats, isByGroup: boolean): Facts => ({
  networks: nets.map((id, n) => ({
    ...{ id, vni: n + 1, vlan: null, cidr: `10.${n}.0.0/24`, domain: "x" },
  })),
  nics: seats.map(
    (host, n): Nic => ({
      ...{ id: `c${n}` as NicId, network: nets[n % 2] ?? ("n1" as NetworkId), instance: `i${n}` }, // As above.
      ...{ name: `vm${n}`, address: `10.${n % 2}.0.${n + 2}`, mac: `m${n}`, host, groups: [group] },
    }),
  ),
  rules: isByGroup
    ? [{ group, direction: "ingress", protocol: "tcp", ports: undefined, peer: { group } }]
    : [],
  routers: [
    { network: "n1" as NetworkId, host: hosts[0] as HostId, generation: 1, address: undefined },
  ], // The first.
  forwards: [],
  oneToOne: [],
  underlays: new Map(hosts.map((host, n) => [host, `192.0.2.${n}`])),
});

const seat = fc.constantFrom(...hosts, undefined);
const move = fc.record({ guest: fc.nat(guests - 1), to: seat, isHeardLater: fc.boolean() });

test("whatever guests come and go, and whenever that is heard, hosts end up with whole pictures", () => {
  fc.assert(
    fc.property(
      fc.array(seat, { minLength: guests, maxLength: guests }),
      fc.array(fc.array(move, { maxLength: 4 }), { maxLength: 8 }),
      fc.boolean(),
      (begin, steps, isByGroup) => {
        const seats = [...begin];
        const held = new Map(
          hosts.map((host) => {
            const pictures = picturesOf(factsAt(seats, isByGroup)).get(host) ?? [];
            return [host, new Map(pictures.map((picture) => [picture.id, picture]))] as const;
          }),
        );
        let late = new Set<string>();
        for (const step of [...steps, [], []]) {
          const instances = late;
          late = new Set();
          for (const { guest, to, isHeardLater } of step) {
            seats[guest] = to;
            (isHeardLater ? late : instances).add(`i${guest}`);
          }
          tell(held, factsAt(seats, isByGroup), instances);
        }
        const whole = picturesOf(factsAt(seats, isByGroup));
        for (const [host, pictures] of held)
          assert.deepEqual(
            [...pictures.values()].sort(byId),
            [...(whole.get(host) ?? [])].sort(byId),
          );
      },
    ),
    { numRuns: 2_000 },
  );
});

type Held = ReadonlyMap<HostId, Map<NetworkId, NetworkPicture>>;

/** As a manager does, and as hosts take it. */
function tell(held: Held, facts: Facts, instances: ReadonlySet<string>): void {
  const told = new Map(
    [...held].map(([host, pictures]) => [
      host,
      new Map([...pictures].map(([id, { ports }]) => [id, { ports: ports.length }])),
    ]),
  );
  const networks = new Set(nets);
  const isKnown = knownBy((host) => told.get(host), facts, { networks, instances });
  const pictures = picturesOf(facts, new Set(hosts), isKnown);
  for (const [host, mine] of held) {
    const now = pictures.get(host) ?? [];
    for (const id of mine.keys()) if (!now.some((one) => one.id === id)) mine.delete(id);
    for (const one of now) {
      const known = mine.get(one.id);
      if ("ports" in one) mine.set(one.id, one);
      else if (known) mine.set(one.id, { ...known, underlays: one.underlays });
      else assert.fail("of a network that it does not know it is told the hosts");
    }
  }
}

const byId = (a: NetworkPicture, b: NetworkPicture) => (a.id < b.id ? -1 : 1);
