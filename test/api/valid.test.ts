/**
 * Input that fits the OpenAPI document: whatever it is, the answer is what the document says, and a fault of
 * ours never.
 */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { stopTestServer } from "@holdfast/store/testing";
import fc, { type Arbitrary } from "fast-check";
import { decent } from "./decent.ts";
import { asAsk, type Desk, encode, openDesk, type Request } from "./desk.ts";
import { fits, type Operation } from "./document.ts";
import { holds, name } from "./holds.ts";
import { jsonOf, valid } from "./values.ts";

let desk: Desk;
let news = 0;
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
    const pools = poolsOf(await somethingNew(operation));
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

/** For each operation of its own, because the one before may have used up what there was. */
async function somethingNew({ parameters }: Operation): Promise<Record<string, readonly string[]>> {
  const at = "/v1/projects/default";
  const takes = (what: string) => parameters.some(({ name }) => name === what);
  const made: Record<string, readonly string[]> = {};
  if (takes("image")) {
    const image = { name: `new-${++news}` };
    await desk.platform.call("POST", `${at}/images`, image);
    made.image = [image.name];
  }
  if (takes("instance") || takes("job")) {
    const names = ["runs", "stops", "goes"].map((word) => `${word}-${++news}`);
    const [, stops, goes] = names;
    const jobs = await Promise.all(names.map((name) => order("", { name })));
    jobs.push(await order(`/${stops}/stop`, { force: true }), await order(`/${goes}/destroy`, {}));
    made.instance = names;
    made.job = jobs;
  }
  return made;
}

/** Given, and carried out. */
async function order(path: string, body: object): Promise<string> {
  const at = "/v1/projects/default";
  const { body: accepted } = await desk.platform.call<{ job: string }>(
    "POST",
    `${at}/instances${path}`,
    body,
  );
  const { body: job } = await desk.platform.call<{ state: string }>(
    "GET",
    `${at}/jobs/${accepted.job}?waitSeconds=30`,
  );
  assert.equal(job.state, "succeeded", path);
  return accepted.job;
}

type Pools = Readonly<Record<string, Arbitrary<unknown>>>;

function poolsOf(made: Record<string, readonly string[]>): Pools {
  const named: Record<string, readonly unknown[]> = {
    project: ["default"],
    type: ["tiny", "small"],
    image: ["tiny"],
    host: ["host-2"],
    zone: ["default"],
    cluster: ["default"],
    antiAffinityGroup: ["web"],
    value: [null, 10],
    digest: [desk.there.digest],
    ...made,
  };
  return Object.fromEntries(
    Object.entries(named).map(([name, values]) => [name, fc.constantFrom(...values)]),
  );
}

/** What would keep a test waiting, or is for a bench: there are enough small ones. */
const modest: Record<string, (value: unknown) => unknown> = {
  count: (count) => Math.min(Number(count), 3),
  waitSeconds: (seconds) => Math.min(Number(seconds), 0.01),
};
const modestly = ([name, value]: [string, unknown]) => [name, modest[name]?.(value) ?? value];

function requestsFor({ parameters, body }: Operation, pools: Pools): Arbitrary<Request> {
  const inPath = { ...pools, name: fc.constantFrom("manager.batch", "hosts.heartbeat") };
  const texts = (where: string) =>
    fc
      .record(
        Object.fromEntries(
          parameters
            .filter((one) => one.in === where)
            .map(({ name, schema }) => [
              name,
              valid(schema, where === "path" ? inPath : pools, name),
            ]),
        ),
        where === "path" ? {} : { requiredKeys: [] },
      )
      .map((parts) =>
        Object.fromEntries(
          Object.entries(parts)
            .map(modestly)
            .map(([name, value]) => [
              name,
              where === "path" ? encode(String(value)) : String(value),
            ]),
        ),
      );
  const bodies = body ? valid(body, pools) : fc.constant(undefined);
  return fc.record({
    path: texts("path"),
    query: texts("query"),
    headers: texts("header"),
    body: bodies.map((whole) =>
      whole ? Object.fromEntries(Object.entries(whole).map(modestly)) : whole,
    ),
  });
}
