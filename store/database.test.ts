/** Connections that break in the moment in which they are made; what a real server seldom does when it is asked to. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { test } from "node:test";
import { connectDatabase } from "./database.ts";

/** One message of PostgreSQL's protocol: its letter, its length, and what it says. */
function message(letter: string, body: Buffer): Buffer {
  const length = Buffer.alloc(4);
  length.writeInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(letter), length, body]);
}
const welcome = [message("R", Buffer.alloc(4)), message("Z", Buffer.from("I"))];
const ends = ["SFATAL", "C57P01", "Mterminating connection due to unexpected postmaster exit", ""];
const farewell = message("E", Buffer.from(ends.map((field) => `${field}\0`).join("")));

test("a server that dies in the same breath in which it lets one in is away, and nobody dies with it", async (t) => {
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.end(Buffer.concat([...welcome, farewell])));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo; // It listens on a port.
  const database = connectDatabase({ url: `postgresql://holdfast@127.0.0.1:${port}/holdfast` });
  t.after(async () => {
    await database.close();
    server.close();
  });
  const asked = database.transaction((sql) => sql.query("select"));
  await assert.rejects(asked, { code: "database_unavailable" });
});
