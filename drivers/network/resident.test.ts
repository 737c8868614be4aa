/** That programs which stay answer for each order, say why one failed, and may end in any way. */
import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { milliseconds } from "@holdfast/kernel/time";
import { commands, environment, execute, namespaceFile } from "./commands.ts";
import { nftDialect } from "./dialects.ts";
import { until } from "./fixture-hosts.ts";
import { resident } from "./resident.ts";

async function place(t: TestContext) {
  const name = `hfd-${process.pid.toString(36)}r`;
  await execute(["ip", "netns", "add", name]);
  t.after(() => execute(["ip", "netns", "del", name]));
  const inside = [`nsenter`, `--net=${namespaceFile(name)}`];
  const kernel = commands(name);
  t.after(() => kernel.close());
  const nft = (...lines: string[]) =>
    kernel.promptly([{ where: undefined, program: "nft", lines }]);
  const ip = (...lines: string[]) => kernel.promptly([{ where: undefined, program: "ip", lines }]);
  return {
    ...{ name, inside, kernel, nft, ip },
    tables: () => execute([...inside, "nft", "list", "tables"]),
    links: () => execute([...inside, "ip", "-br", "link"]),
    programs: () => pidsIn(name),
  };
}

/** With their names. Who ends while they are read is none of them. */
async function pidsIn(namespace: string): Promise<ReadonlyMap<string, number>> {
  const pids = (await execute(["ip", "netns", "pids", namespace])).split("\n").filter(Boolean);
  const named = pids.map(async (pid) => {
    const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => undefined);
    return name === undefined ? [] : [[name.trim(), Number(pid)] as const];
  });
  return new Map((await Promise.all(named)).flat());
}

test("an order is all or nothing for nft and ends at the first error for ip; both say why", async (t) => {
  const { nft, ip, tables, links, programs } = await place(t);
  await nft("add table inet one");
  await ip("link add dev one type bridge");
  const before = await programs();
  await assert.rejects(
    nft("add table inet two", "delete table inet none", "add table inet three"),
    /No such file or directory/,
  );
  assert.equal(await tables(), "table inet one\n");
  await assert.rejects(
    ip("link add dev two type bridge", "link del none", "link add dev three type bridge"),
    /Cannot find device "none"/,
  );
  assert.match(await links(), /two/);
  assert.doesNotMatch(await links(), /three/);
  await nft("add table inet four");
  await ip("link add dev four type bridge");
  assert.equal(await tables(), "table inet one\ntable inet four\n");
  assert.match(await links(), /four/);
  const after = await programs();
  assert.equal(after.get("nft"), before.get("nft"), "it goes on after an error");
  assert.notEqual(after.get("ip"), before.get("ip"), "it ends at an error");
});

test("what is longer than a line may be is carried out as well", async (t) => {
  const { nft, inside } = await place(t);
  const many = Array.from({ length: 4_000 }, (_, index) => `10.${index >> 8}.${index & 255}.1`);
  await nft(
    "add table inet one",
    "add set inet one many { type ipv4_addr; }",
    `add element inet one many { ${many.join(", ")} }`,
  );
  const listed = await execute([...inside, "nft", "list", "set", "inet", "one", "many"]);
  assert.equal(listed.match(/10\.\d+\.\d+\.1\b/g)?.length, many.length);
});

test("after one that was killed there is another one", async (t) => {
  const { nft, ip, tables, programs } = await place(t);
  await nft("add table inet one");
  await ip("link set dev lo up");
  for (const pid of (await programs()).values()) process.kill(pid, "SIGKILL");
  await until(async () => (await programs()).size === 0);
  // Whoever has not been told yet that it is gone is refused, because what was done of it could not be known.
  await nft("add table inet two").catch(() => nft("add table inet two"));
  await ip("link set dev lo down").catch(() => ip("link set dev lo down"));
  assert.equal(await tables(), "table inet one\ntable inet two\n");
});

test("one that is killed while it works, or does not answer, rejects what it was told", async () => {
  const deaf = (patience: number) =>
    resident({
      argv: ["/bin/sh", "-c", "while read -r line; do :; done"],
      ...{ env: environment, on: ["stdout"] },
      say: (order) => `${order}\n`,
      hear: () => undefined,
      patience: milliseconds(patience),
    });
  const { order, close } = deaf(1);
  await assert.rejects(order("anything", "an order"), /the program for an order has ended/);
  await assert.rejects(order("anything", "another order"), /the program for another order has/);
  close();
});

test("one is replaced when it has read much, and does not hear of what the one before said", async (t) => {
  const { inside } = await place(t);
  const dialect = { ...nftDialect(inside, environment), wornAfter: 1 };
  const { order, close } = resident(dialect);
  for (let round = 0; round < 3; round++) {
    await order(`add table inet t${round}`, "an order");
    await assert.rejects(order("delete table inet none", "an order"), /No such file/);
  }
  close();
});

test("a namespace of the same name is another namespace", async (t) => {
  const { kernel, name } = await place(t);
  const other = `${name}x`;
  t.after(() => execute(["ip", "netns", "del", other]));
  const add = (link: string) =>
    kernel.promptly([{ where: other, program: "ip", lines: [`link add dev ${link} type bridge`] }]);
  await execute(["ip", "netns", "add", other]);
  await add("one");
  await execute(["ip", "netns", "del", other]);
  await execute(["ip", "netns", "add", other]);
  await add("two");
  const links = await execute(["ip", "-n", other, "-br", "link"]);
  assert.match(links, /two/);
  assert.doesNotMatch(links, /one/);
});

test("programs that stay end with whoever began them, and keep nobody alive", async (t) => {
  const { name, programs } = await place(t);
  const module = fileURLToPath(new URL("commands.ts", import.meta.url));
  const script = `
    import { commands } from ${JSON.stringify(module)};
    const kernel = commands(${JSON.stringify(name)});
    kernel.prepare([]);
    await kernel.promptly([{ where: undefined, program: "nft", lines: ["add table inet one"] }]);
    await kernel.promptly([{ where: undefined, program: "ip", lines: ["link set dev lo up"] }]);
    console.log("ready");
  `;
  const run = (more: string) =>
    ["--import", "tsx", "--input-type=module", "-e", script + more] as const;
  execFileSync(process.execPath, run(""), { stdio: "ignore" }); // It ends by itself.
  await until(async () => (await programs()).size === 0);
  const child = spawn(process.execPath, run("setInterval(() => {}, 1_000);"));
  await once(child.stdout, "data");
  assert.deepEqual([...(await programs()).keys()].sort(), ["ip", "nft"]);
  child.kill("SIGKILL");
  await until(async () => (await programs()).size === 0);
});

test("where no file is left, an order is refused and nothing else goes wrong, and the next one is carried out", () => {
  const module = (name: string) => JSON.stringify(fileURLToPath(new URL(name, import.meta.url)));
  const script = `
    import { closeSync, openSync } from "node:fs";
    import { environment, execute } from ${module("commands.ts")};
    import { resident } from ${module("resident.ts")};
    const echo = () => resident({
      argv: ["/bin/cat"], env: environment, on: ["stdout"], wornAfter: 1,
      say: (order) => order, hear: () => ({ complaints: undefined }),
    });
    const [early, late] = [echo(), echo()];
    early.begin();
    const files = [];
    try {
      for (;;) files.push(openSync("/dev/null"));
    } catch {}
    await early.order("one", "an order"); // After it there would be another one.
    late.begin();
    const said = (error) => error.message;
    console.log(await late.order("one", "an order").catch(said));
    console.log(await early.order("two", "an order").catch(said));
    console.log(await execute(["true"]).catch(said));
    for (const file of files) closeSync(file);
    for (const each of [early, late]) await each.order("three", "an order");
    console.log(await execute(["echo", "over"]));
  `;
  const node = [process.execPath, "--import", "tsx", "--input-type=module", "-e", script];
  const said = execFileSync("/bin/sh", ["-c", 'ulimit -n 64; exec "$@"', "sh", ...node], {
    encoding: "utf8",
  });
  const refused = "/bin/cat was not started: no file is left for it\n";
  assert.equal(said, `${refused}${refused}spawn true EMFILE\nover\n\n`);
});
