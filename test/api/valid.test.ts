/**
 * Input that fits the OpenAPI document: whatever it is, the answer is what the document says, and a fault of
 * ours never.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import { decent } from "./decent.ts";
import { asAsk, type Desk, openDesk, type Request } from "./desk.ts";
import { fits, type Operation } from "./document.ts";
import { holds, name } from "./holds.ts";
import { poolsOf, requestsFor, somethingNew } from "./requests.ts";
import { jsonOf } from "./values.ts";

let desk: Desk;
before(async () => {
  desk = await openDesk();
});
after(async () => {
  await desk.close();
  await stopTestServer();
});

const send = (operation: Operation, request: Request) =>
  desk.wire.ask(asAsk(operation, request, desk.platform.token, jsonOf));

test("what fits the schemas is answered, with what they say, and never with a fault of ours", async () => {
  const carriedOut = new Set<Operation>();
  for (const operation of desk.operations) {
    const pools = poolsOf(await somethingNew(desk, operation));
    await holds(name(operation), requestsFor(operation, pools), 15, async (request) => {
      const { body, problem } = decent(await send(operation, request), operation);
      if (!problem) carriedOut.add(operation);
      if (!problem) assert.ok(fits(operation.reply.schema, body), JSON.stringify(body));
      if (operation.path === "/v1/settings/{name}" && !problem)
        await send(operation, { ...request, body: { value: null } }); // The others need them as they were.
    });
  }
  const never = desk.operations.filter((operation) => !carriedOut.has(operation)).map(name);
  assert.deepEqual(never, [], "what is only ever refused shows nothing");
});
