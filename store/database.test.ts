/** Connections that break in the moment in which they are made; what a real server seldom does when it is asked to. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { type TestContext, test } from "node:test";
import pg from "pg";
import { type Connections, connectDatabase, databaseOn } from "./database.ts";

/** One message of PostgreSQL's protocol: its letter, its length, and what it says. */
function message(letter: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(letter), length, body]);
}
const welcome = [message("R", Buffer.alloc(4)), message("Z", Buffer.from("I"))];
const ends = ["SFATAL", "C57P01", "Mterminating connection due to unexpected postmaster exit", ""];
const farewell = message("E", Buffer.from(ends.map((field) => `${field}\0`).join("")));

/** Of a server that lets everybody in, and ends. */
async function dyingServer(t: TestContext): Promise<string> {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([...welcome, farewell])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const { port } = server.address() as AddressInfo; // It listens on a port.
  return `postgresql://holdfast@127.0.0.1:${port}/holdfast`;
}

test("a server that dies in the same breath in which it lets one in is away, and nobody dies with it", async (t) => {
  const database = connectDatabase({ url: await dyingServer(t) });
  t.after(() => database.close());
  const asked = database.transaction((sql) => sql.query("select"));
  await assert.rejects(asked, { code: "database_unavailable" });
});

test("whoever is given a connection that has just ended is told that the database is away", async (t) => {
  const client = new pg.Client({ connectionString: await dyingServer(t), pipeline: true });
  client.on("error", () => {});
  const ended = new Promise((resolve) => client.once("end", resolve));
  await client.connect();
  await ended;
  const asked = databaseOn(client as unknown as Connections).query("select"); // All that is asked of a pool here.
  await assert.rejects(asked, { code: "database_unavailable" });
});
