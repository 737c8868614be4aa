/** What people read about networks, to the letter. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { aForward, aGroup, aNetwork, anAddress, aRule } from "../fake-networks.ts";
import { anInstance, moment } from "../samples.ts";
import { instanceDetails } from "./instances.ts";
import {
  addressTable,
  forwardTable,
  groupDetails,
  groupTable,
  idTable,
  networkDetails,
  networkTable,
  rangeTable,
} from "./networks.ts";
import { noPaint } from "./table.ts";

const golden = (text: string, ...lines: readonly string[]) => assert.equal(text, lines.join("\n"));

const router = aNetwork(moment).router;
assert.ok(router);

test("networks are a table, with where their routers are and how these are", () => {
  const some = [
    aNetwork(moment),
    aNetwork(moment, { name: "new", router: { ...router, isUp: null, publicAddress: null } }),
    aNetwork(moment, { name: "sick", router: { ...router, isUp: false }, vlan: 7 }),
    aNetwork(moment, { name: "idle", router: null, guests: 0 }),
  ];
  golden(
    networkTable(some, moment, noPaint),
    "NAME  ADDRESSES     GUESTS    ROUTER                OUTSIDE AS   ID            AGE",
    "blue  10.16.0.0/24  3 of 253  h1                    203.0.113.9  4096          2 h",
    "new   10.16.0.0/24  3 of 253  h1: not heard of yet  h1           4096          2 h",
    "sick  10.16.0.0/24  3 of 253  h1: down              203.0.113.9  4096, VLAN 7  2 h",
    "idle  10.16.0.0/24  0 of 253  -                     -            4096          2 h",
  );
});

test("a network says what its guests are told, who routes it, and what the outside sees", () => {
  golden(
    networkDetails(
      aNetwork(moment, { router: { ...router, says: "dnsmasq has ended" } }),
      moment,
      noPaint,
    ),
    "blue  10.16.0.0/24",
    "  addresses       3 of 253 are taken",
    "  gateway         10.16.0.1",
    "  names           guests find each other as NAME.blue.holdfast.internal",
    "  largest packet  1450 bytes",
    "  router          h1",
    "  since           60 s ago, made 2 times",
    "  says            dnsmasq has ended",
    "  outside as      203.0.113.9",
    "  network id      4096",
    "  id              0197a000-0000-7000-8000-000000000101",
    "  project         default",
    "  created         2 h ago",
  );
  const idle = networkDetails(aNetwork(moment, { router: null }), moment, noPaint);
  assert.match(idle, /router +none: it appears when a guest runs\n +network id/);
  const without = aNetwork(moment, { router: { ...router, publicAddress: null } });
  assert.match(networkDetails(without, moment, noPaint), /outside as +h1, the host of its router/);
});

test("an instance shows each of its connections", () => {
  const [address, mac] = ["10.16.0.2", "02:1d:0a:10:00:02"];
  const nics = [
    { network: "blue", address, mac, publicAddress: "203.0.113.4", groups: ["front", "ssh"] },
    { network: "red", address, mac, publicAddress: null, groups: [] },
  ];
  const lines = instanceDetails(anInstance({ nics }), moment, noPaint).split("\n");
  assert.deepEqual(
    lines.filter((line) => / network /.test(line)).map((line) => line.trim()),
    [
      "network    blue as 10.16.0.2 (02:1d:0a:10:00:02), outside as 203.0.113.4, security groups front, ssh",
      "network    red as 10.16.0.2 (02:1d:0a:10:00:02), no security group: everything may pass",
    ],
  );
});

test("forwards say from where to where", () => {
  golden(
    forwardTable(
      [
        aForward(moment),
        aForward(moment, { protocol: "udp", publicPort: 53, publicAddress: null }),
      ],
      moment,
      noPaint,
    ),
    "PROTOCOL  PORT  FROM               TO            INSTANCE  AGE",
    "tcp       8080  203.0.113.9        10.16.0.2:80  web       5 min",
    "udp         53  no public address  10.16.0.2:80  web       5 min",
  );
});

test("addresses say who has them", () => {
  golden(
    addressTable(
      [
        anAddress(moment),
        anAddress(moment, {
          address: "203.0.113.5",
          name: null,
          instance: "web",
          kind: "automatic",
        }),
        anAddress(moment, { address: "203.0.113.9", name: null, network: "blue", kind: "router" }),
      ],
      moment,
      noPaint,
    ),
    "    ADDRESS  NAME   KIND       HELD BY       AGE",
    "203.0.113.4  front  static     nothing       24 h",
    "203.0.113.5  -      automatic  web           24 h",
    "203.0.113.9  -      router     network blue  24 h",
  );
});

test("a security group says what may pass, also where it has no rule", () => {
  const rules = [
    aRule(),
    aRule({ id: "2", protocol: "any", fromPort: null, toPort: null, cidr: null, group: "db" }),
    aRule({ id: "3", protocol: "udp", fromPort: 5_000, toPort: 6_000, cidr: "0.0.0.0/0" }),
    aRule({ id: "4", direction: "egress", protocol: "icmp", fromPort: null, toPort: null }),
  ];
  golden(
    groupDetails(aGroup(moment, { rules }), noPaint),
    "front  what the world may see",
    "",
    "WAY  WHAT           OTHER SIDE  ID",
    "in   tcp 22         10.0.0.0/8  0197a000-0000-7000-8000-000000000103",
    "in   everything     group db    2",
    "in   udp 5000-6000  anywhere    3",
    "out  icmp           10.0.0.0/8  4",
    "",
    "In it: web",
  );
  golden(
    groupDetails(aGroup(moment, { rules: [], instances: [], description: "" }), noPaint),
    "front",
    "",
    "Nothing may come in.",
    "Everything may go out, unless another group says what may.",
    "No instance is in it.",
  );
  golden(
    groupTable([aGroup(moment)], noPaint),
    "NAME   RULES  INSTANCES  DESCRIPTION",
    "front      1          1  what the world may see",
  );
});

test("ranges and network ids say how much is left", () => {
  golden(
    rangeTable(
      [{ cidr: "203.0.113.0/29", size: 8, taken: 8, createdAt: moment - 9_000 }],
      moment,
      noPaint,
    ),
    "RANGE           TAKEN  FREE  AGE",
    "203.0.113.0/29      8     0  9 s",
  );
  const pool = { first: 7_000, last: 7_001, free: 0 };
  const held = ["idle", "busy"].map((network, guests) => ({
    ...{ vni: 7_000 + guests, network, project: "default", guests },
    createdAt: moment - 9_000,
  }));
  golden(
    idTable({ ...pool, held }, moment, noPaint),
    "Of the network ids from 7000 to 7001, 2 are held and 0 are free.",
    "",
    "  ID  PROJECT  NETWORK  GUESTS  AGE",
    "7000  default  idle     none    9 s",
    "7001  default  busy     1       9 s",
  );
  golden(
    idTable({ first: 9, last: 1, free: 0, held: [] }, moment, noPaint),
    "The pool is empty: it begins at 9 and ends at 1.",
  );
});
