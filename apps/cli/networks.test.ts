/** The commands about networks: what they ask, what they print, and what they say when it cannot be. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { exits } from "./exits.ts";
import { fakeCloud } from "./fake-cloud.ts";
import { anInstance } from "./samples.ts";
import { desk, run } from "./testing.ts";

async function given(t: TestContext) {
  const one = await desk(fakeCloud(anInstance()));
  t.after(() => one.stop());
  return one;
}

const answers: readonly [line: string, says: RegExp][] = [
  ["networks", /^NAME {2}ADDRESSES(.|\n)*\nblue {2}10\.16\.0\.0\/24 {2}3 of 253 {2}h1 {6}203/],
  [
    "networks --project blue",
    /^No networks in project blue\. Make one: holdfast networks create\n$/,
  ],
  [
    "networks create red --cidr 10.1.0.0/20",
    /^red {2}10\.1\.0\.0\/20\n(.|\n)*NAME\.red\.holdfast\.internal\n/,
  ],
  ["networks create red --vlan 7", /network id +4096, on VLAN 7\n/],
  ["networks show blue", /^blue {2}10\.16\.0\.0\/24\n(.|\n)*router +h1\n/],
  ["networks delete blue", /^blue is deleted; network id 4096 is free\.\n$/],
  ["networks ids", /^Of the network ids from 4096 to 16777215, 1 are held(.|\n)*\n4096 +default/],
  ["forward list blue", /^PROTOCOL(.|\n)*\ntcp +8080 +203\.0\.113\.9 +10\.16\.0\.2:80 +web/],
  ["forward create blue 443 web", / 443 +203(.|\n)*:443 +web/],
  ["forward create blue 53 web:5353 --udp", /\nudp +53 (.|\n)*:5353 +web/],
  ["forward delete blue 8080", /^tcp port 8080 of blue leads to web no longer\.\n$/],
  ["addresses", /^ {4}ADDRESS(.|\n)*\n203\.0\.113\.4 +front +static +nothing/],
  ["addresses --project blue", /^No public addresses in project blue\. Take one: /],
  ["addresses allocate back", /\n203\.0\.113\.4 +back +static/],
  ["addresses attach front web --network blue", /^203\.0\.113\.4 is web\.\n$/],
  ["addresses detach 203.0.113.4", /^203\.0\.113\.4 is nobody's; it stays the project's\.\n$/],
  ["addresses release front", /^203\.0\.113\.4 is given back\.\n$/],
  [
    "groups",
    /^NAME {3}RULES {2}INSTANCES {2}DESCRIPTION\nfront {6}1 {10}1 {2}what the world may see\n$/,
  ],
  ["groups --project blue", /^No security groups in project blue/],
  ["groups create db --description store", /^db {2}store\n\nNothing may come in\.\n/],
  ["groups show front", /^front {2}what(.|\n)*\nin {3}tcp 22 {2}10\.0\.0\.0\/8 {2}0197a000/],
  ["groups delete front", /^front is deleted\.\n$/],
  ["groups allow front icmp --from anywhere", /\nin +icmp +anywhere +0\n/],
  ["groups deny front tcp:22 --from 10.0.0.0/8", /^front {2}[^\n]*\n\nNothing may come in\.\n/],
  ["groups set web front db", /^web is in front, db\.\n$/],
  ["groups set web --none", /^web is in no security group: everything may pass\.\n$/],
  ["ranges", /^RANGE(.|\n)*\n203\.0\.113\.0\/24 +2 +254 +5 s\n$/],
  ["ranges add 198.51.100.0/24", /\n198\.51\.100\.0\/24 +0 +256/],
  ["ranges remove 198.51.100.0/24", /^198\.51\.100\.0\/24 is removed\.\n$/],
];
for (const [line, says] of answers)
  test(`"holdfast ${line}" asks the manager and prints its answer`, async (t) => {
    const { type } = await given(t);
    const { code, out, err } = await type(line);
    assert.equal(code, 0, err);
    assert.match(out, says);
  });

const endings: readonly [line: string, code: number, says: RegExp][] = [
  ["networks show bleu", exits.notFound.code, /no network bleu(.|\n)*Did you mean blue\?/],
  ["networks create", exits.usage.code, /missing required argument 'name'/],
  ["networks create Red", exits.invalid.code, /FIELD +REASON\n +name/],
  [
    "networks create red --cidr 10.0.0.300/8",
    exits.invalid.code,
    /cidr +must be a network such as/,
  ],
  ["networks create red --vlan blue", exits.usage.code, /must be a whole number/],
  ["forward create bleu 80 web", exits.notFound.code, /Did you mean blue\?/],
  ["forward create blue 80 wbe", exits.notFound.code, /Did you mean web\?/],
  ["forward create blue 80 web:http", exits.usage.code, /'http' is no port/],
  ["forward delete blue 8080 --udp", exits.notFound.code, /does not forward udp port 8080/],
  ["addresses attach fornt web", exits.notFound.code, /Did you mean front\?/],
  ["groups show frnot", exits.notFound.code, /Did you mean front\?/],
  ["groups allow front tcp:22", exits.usage.code, /say from where or to where: --from anywhere/],
  ["groups allow front ssh --from anywhere", exits.usage.code, /must be like tcp:22/],
  ["groups allow front icmp:8 --from anywhere", exits.usage.code, /must be like tcp:22/],
  ["groups allow front tcp:0 --from anywhere", exits.invalid.code, /rules\.0\.fromPort/],
  ["groups deny front", exits.usage.code, /say what: tcp:22/],
  ["groups deny front tcp:23 --from 10.0.0.0/8", exits.notFound.code, /no rule for tcp 23 from 10/],
  ["groups set web", exits.usage.code, /name the groups, or give --none/],
  ["groups set web front --none", exits.usage.code, /--none stands alone/],
];
for (const [line, code, says] of endings)
  test(`"holdfast ${line}" ends with ${code} and says what to do`, async (t) => {
    const { type } = await given(t);
    const ran = await type(line);
    assert.match(ran.err, says);
    assert.deepEqual([ran.code, ran.out], [code, ""]);
  });

test("allow asks for each thing with each side, in both directions", async (t) => {
  const { type, manager } = await given(t);
  const line = "groups allow front tcp:80 udp:5000-6000 --from 192.0.2.7 --from db --to anywhere";
  assert.equal((await type(line)).code, 0);
  const [heard] = manager.heard;
  assert.equal(heard?.line, "POST /v1/projects/default/security-groups/front/rules");
  const http = { protocol: "tcp", fromPort: 80, toPort: 80 };
  const media = { protocol: "udp", fromPort: 5_000, toPort: 6_000 };
  assert.deepEqual(heard?.body, {
    rules: [
      { direction: "ingress", ...http, cidr: "192.0.2.7/32" },
      { direction: "ingress", ...media, cidr: "192.0.2.7/32" },
      { direction: "ingress", ...http, group: "db" },
      { direction: "ingress", ...media, group: "db" },
      { direction: "egress", ...http, cidr: "0.0.0.0/0" },
      { direction: "egress", ...media, cidr: "0.0.0.0/0" },
    ],
  });
});

test("deny removes rules by what they say, and by their ids", async (t) => {
  const { type, manager } = await given(t);
  const id = "0197a000-0000-7000-8000-000000000103";
  await type("groups deny front tcp:22 --from 10.0.0.0/8");
  assert.deepEqual(manager.heard.at(-1)?.body, { rules: [id] });
  const count = manager.heard.length;
  await type(`groups deny front --rule ${id}`);
  assert.deepEqual(
    [manager.heard.length, manager.heard.at(-1)?.body],
    [count + 1, { rules: [id] }],
  );
});

test("run is connected to what it names, to nothing, or to what there is by default", async (t) => {
  const { type, manager } = await given(t);
  const body = async (line: string) => {
    assert.equal((await type(line)).code, 0);
    return manager.heard.at(-1)?.body;
  };
  assert.deepEqual(await body("run db --network blue,red --network green --public --group a,b"), {
    name: "db",
    networks: ["blue", "red", "green"],
    isPublic: true,
    groups: ["a", "b"],
  });
  assert.deepEqual(await body("run db --no-network"), { name: "db", networks: [] });
  assert.deepEqual(await body("run db"), { name: "db" });
});

const offers: readonly [line: string, offers: readonly string[]][] = [
  ["networks ", ["create", "show", "delete", "ids"]],
  ["networks show ", ["blue"]],
  ["run --network ", ["blue"]],
  ["run --group ", ["front"]],
  ["run --anti-affinity ", []],
  ["forward ", ["list", "create", "delete"]],
  ["forward create ", ["blue"]],
  ["forward create blue 80 ", ["web"]],
  ["addresses attach ", ["front"]],
  ["addresses attach front ", ["web"]],
  ["addresses release ", ["front"]],
  ["groups set web ", ["front"]],
  ["groups allow ", ["front"]],
  ["ranges ", ["add", "remove"]],
];
for (const [line, words] of offers)
  test(`after "holdfast ${line}" it offers ${words.join(", ") || "nothing"}`, async (t) => {
    const { manager } = await given(t);
    // A space at the end becomes an empty word: the one under the cursor.
    const typed = ["__complete", ...line.split(" ")];
    const environment = { HOLDFAST_URL: manager.url, HOLDFAST_TOKEN: "secret" };
    const { out } = await run(typed, { environment });
    assert.deepEqual(out.split("\n").filter(Boolean), words);
  });
