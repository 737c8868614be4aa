/** The limits of the door, made small: whoever is slow, too many or too big is refused in EC2's words. */
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import type { Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { after, test } from "node:test";
import type { Caller } from "@holdfast/kernel/route";
import { textTwo } from "../core/sign-two.ts";
import { type DoorDeps, ec2Door } from "./door.ts";

const answers: { status: number; code: string | undefined; action: string }[] = [];
const silent = () => {};
/** Whose name stands twice in an answer, which is more than sockets hold. */
const long = { secret: "secret", caller: { name: "a".repeat(8_000_000) } as Caller };
const gate = { admitNobody: () => {}, enter: async () => "00000000-0000-4000-8000-000000000000" };
const small = { connections: 20, requests: 5, bodyBytes: 1_000, allBytes: 3_000 };
const doors: Server[] = [];

async function openDoor(
  limits: NonNullable<DoorDeps["limits"]>,
): Promise<{ server: Server; port: number }> {
  const server = ec2Door({
    database: {} as DoorDeps["database"], // Nobody gets as far as to be asked for anything.
    gate: gate as unknown as DoorDeps["gate"],
    clock: { now: () => 0 as never, sleep: async () => {} },
    mintId: () => "request" as never,
    mintSecret: () => "",
    typeAliases: () => "",
    checkLimits: () => ({}) as never,
    signers: { find: async (key) => (key === "LONG" ? long : undefined) },
    log: { info: silent, warn: silent, error: silent },
    onAnswered: async ({ status, code, action }) => {
      answers.push({ status, code, action });
    },
    limits,
  });
  doors.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { server, port: (server.address() as AddressInfo).port }; // It listens on one.
}
const { port } = await openDoor({ ...small, headersMs: 300, requestMs: 600 });
after(async () => {
  for (const server of doors) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

interface Line {
  readonly socket: Socket;
  /** All that has come when the other side has ended it. */
  readonly ended: Promise<string>;
}

async function open(text: string, at = port): Promise<Line> {
  const socket = connect(at, "127.0.0.1");
  let heard = "";
  socket.on("data", (chunk) => {
    heard += chunk;
  });
  socket.on("error", silent); // To be cut off is what is expected here.
  const ended = new Promise<string>((resolve) => socket.on("close", () => resolve(heard)));
  await new Promise<void>((resolve) => socket.once("connect", () => resolve()));
  socket.write(text);
  return { socket, ended };
}

const begun = (length: number) => `POST / HTTP/1.1\r\nhost: x\r\ncontent-length: ${length}\r\n\r\n`;

test("headers and bodies that do not arrive in time are refused", async () => {
  const [head, body] = [await open("POST / HTTP/1.1\r\nhost: x\r\n"), await open(`${begun(10)}A`)];
  assert.match(await head.ended, /408[\s\S]*<Code>RequestTimeout<\/Code>/);
  assert.match(await body.ended, /408[\s\S]*<Code>RequestTimeout<\/Code>/);
});

test("a body that is too big is refused before it is read, and one that says nothing of its size as it comes", async () => {
  const { ended } = await open(begun(1_001));
  assert.match(await ended, /413[\s\S]*<Code>RequestEntityTooLarge<\/Code>/);
  const chunked = await open(
    `POST / HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n7d0\r\n${"x".repeat(2_000)}\r\n`,
  );
  assert.match(await chunked.ended, /413[\s\S]*<Code>RequestEntityTooLarge<\/Code>/);
});

test("headers that are too big are refused", async () => {
  const { ended } = await open(
    `GET / HTTP/1.1\r\nhost: x\r\nx-long: ${"x".repeat(40_000)}\r\n\r\n`,
  );
  assert.match(await ended, /431[\s\S]*<Code>RequestHeaderSectionTooLarge<\/Code>/);
});

test("one request and one connection more than there may be are told to come again", async () => {
  const waiting = await Promise.all(Array.from({ length: 5 }, () => open(`${begun(10)}A`)));
  const sixth = await open("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  assert.match(await sixth.ended, /503[\s\S]*<Code>RequestLimitExceeded<\/Code>/);
  for (const { socket } of waiting) socket.destroy();
  await Promise.all(waiting.map(({ ended }) => ended));

  const idle = await Promise.all(Array.from({ length: 20 }, () => open("")));
  const last = await open("");
  assert.match(await last.ended, /503[\s\S]*<Code>RequestLimitExceeded<\/Code>/);
  for (const { socket } of idle) socket.destroy();
  await Promise.all(idle.map(({ ended }) => ended));
});

test("a request that nobody has signed is refused and told of, without a name that is none of ours", async () => {
  const { ended } = await open(
    "GET /?Action=%3Cx%3E HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
  );
  assert.match(await ended, /401[\s\S]*<Code>AuthFailure<\/Code>/);
  assert.deepEqual(answers.at(-1), { status: 401, code: "AuthFailure", action: "none" });
});

/** A request by the one with the long name, for that name. */
function whoAmI(): string {
  const fields = Object.entries({
    ...{ AWSAccessKeyId: "LONG", Action: "GetCallerIdentity", SignatureMethod: "HmacSHA256" },
    ...{ SignatureVersion: "2", Timestamp: "1970-01-01T00:00:00Z", Version: "2011-06-15" },
  });
  const request = { method: "GET", path: "/", query: [], headers: [["host", "x"]] } as const;
  const signature = createHmac("sha256", long.secret).update(textTwo(request, fields));
  const query = new URLSearchParams([...fields, ["Signature", signature.digest("base64")]]);
  return `GET /?${query} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n`;
}

/** One who asks for that, and takes nothing of the answer. */
async function slow(at: number): Promise<Line> {
  const before = answers.length;
  const line = await open(whoAmI(), at);
  line.socket.pause();
  while (answers.length === before) await new Promise(setImmediate);
  return line;
}

test("answers that nobody takes are no more than there may be", { timeout: 60_000 }, async () => {
  const { port: at } = await openDoor({ answerBytes: 5 * long.caller.name.length });
  const one = await slow(at);
  const other = await slow(at);
  const third = await open(whoAmI(), at);
  assert.match((await third.ended).slice(0, 1_000), /503[\s\S]*<Code>RequestLimitExceeded<\/Code>/);
  one.socket.destroy();
  await one.ended;
  const again = async () => (await open(whoAmI(), at)).ended;
  while (!(await again()).startsWith("HTTP/1.1 200"));
  other.socket.resume();
  assert.ok((await other.ended).length > 2 * long.caller.name.length, "who is slow has all of it");
});

test("an answer that is not taken in time ends its connection", { timeout: 60_000 }, async () => {
  const { server, port: at } = await openDoor({ answerMs: 200 });
  const { socket, ended } = await slow(at);
  const count = () =>
    new Promise<number>((resolve) => server.getConnections((_, found) => resolve(found)));
  while ((await count()) > 0) await new Promise(setImmediate);
  socket.resume();
  assert.ok((await ended).length < 2 * long.caller.name.length, "it was cut off");
});
