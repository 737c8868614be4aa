/** What no client of EC2 would send, and what somebody will: refused in EC2's words, with nothing done and nothing kept. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { readToken } from "@holdfast/cloud/access/edge";
import { sharedPlatform, until } from "../platform.ts";
import { endpoint } from "./clients.ts";
import { ask, send, signedHeaders, xmlFault } from "./signed.ts";
import { formOf, signedTwo } from "./signing.ts";

const platform = await sharedPlatform({ hosts: 1 });

const minutes = 60_000;

test("a signature is refused when it is wrong, too old, too new, somebody else's, or unreadable", async () => {
  const codeOf = async (
    ...bent: Parameters<typeof ask> extends [unknown, string, unknown?, (infer B)?] ? [B] : never
  ) => (await ask(platform, "DescribeRegions", [], ...bent)).code;
  assert.equal(await codeOf({}), undefined);
  assert.equal(await codeOf({ secret: "wrong" }), "SignatureDoesNotMatch");
  assert.equal(await codeOf({ token: "HFNOBODYHASTHISKEY00:secret" }), "AuthFailure");
  assert.equal(await codeOf({ at: Date.now() - 6 * minutes }), "RequestExpired");
  assert.equal(await codeOf({ at: Date.now() + 6 * minutes }), "RequestExpired");
  assert.equal(await codeOf({ at: Date.now() - 4 * minutes }), undefined);
  assert.equal(await codeOf({ service: "s3" }), "IncompleteSignature");
  assert.equal(await codeOf({ service: "sts" }), "IncompleteSignature");
  assert.equal(await codeOf({ body: "Action=TerminateInstances" }), "SignatureDoesNotMatch");
  assert.equal(
    await codeOf({ headers: { "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } }),
    "SignatureDoesNotMatch",
  );
  for (const authorization of [
    "",
    "AWS4-HMAC-SHA256",
    "Basic Zm9v",
    "AWS4-HMAC-SHA256 Credential=a",
    `AWS4-HMAC-SHA256 ${"x,".repeat(2_000)}`,
  ])
    assert.match(
      (await codeOf({ headers: { authorization } })) ?? "",
      /^(AuthFailure|IncompleteSignature)$/,
      authorization.slice(0, 60),
    );
});

test("a signature of version 2 is judged as one of version 4 is, in a query and in a form", async () => {
  const { id = "", secret = "" } = readToken(platform.token) ?? {};
  const by = { id, secret, host: new URL(endpoint(platform)).host };
  const regions = [
    ["Action", "DescribeRegions"],
    ["Version", "2016-11-15"],
  ] as const;
  const get = async (query: string) => (await send(platform, {}, "", `/?${query}`, "GET")).code;
  const post = async (body: string, query = "") =>
    (await send(platform, { "content-type": form }, body, `/${query}`)).code;
  const form = "application/x-www-form-urlencoded";
  assert.equal(await get(signedTwo(by, "GET", regions)), undefined);
  assert.equal(await post(signedTwo(by, "POST", regions)), undefined);
  const wrong = "SignatureDoesNotMatch";
  assert.equal(await get(signedTwo({ ...by, secret: "wrong" }, "GET", regions)), wrong);
  assert.equal(await get(signedTwo({ ...by, host: "elsewhere" }, "GET", regions)), wrong);
  assert.equal(await get(`${signedTwo(by, "GET", regions)}&DryRun=true`), wrong);
  assert.equal(await post(signedTwo(by, "POST", regions), "?DryRun=true"), wrong);
  assert.equal(await post(signedTwo(by, "GET", regions)), wrong);
  assert.equal(await get(signedTwo({ ...by, id: "NOBODY" }, "GET", regions)), "AuthFailure");
  for (const at of [Date.now() - 6 * minutes, Date.now() + 6 * minutes])
    assert.equal(await get(signedTwo({ ...by, at }, "GET", regions)), "RequestExpired");
  const make = [["Action", "CreateKeyPair"], ...regions.slice(1), ["KeyName", "two"]] as const;
  const once = signedTwo(by, "POST", make);
  assert.equal(await post(once), undefined);
  await until("it is an old one", async () => (await post(once)) === "RequestExpired");
});

test("a request that changes something is carried out once, however late it comes again", async () => {
  const body = formOf([
    ["Action", "CreateKeyPair"],
    ["Version", "2016-11-15"],
    ["KeyName", "replayed"],
  ]);
  const headers = signedHeaders(platform, body);
  assert.equal((await send(platform, headers, body)).status, 200);
  await ask(platform, "DeleteKeyPair", [["KeyName", "replayed"]]);
  // Within its second it may have been signed twice; so wait until nobody can have done that.
  await until("the signature is an old one", async () => {
    const again = await send(platform, headers, body);
    if (again.code !== "RequestExpired")
      await ask(platform, "DeleteKeyPair", [["KeyName", "replayed"]]);
    return again.code === "RequestExpired";
  });
  const { text } = await ask(platform, "DescribeKeyPairs");
  assert.doesNotMatch(text, /replayed/);
});

test("an id list that cannot be read is refused, and never means all", async () => {
  const refused = [
    [["InstanceId", ""]],
    [["InstanceId.1", ""]],
    [["InstanceId.one", "i-00000000000000000"]],
    [["InstanceIds.1", "i-00000000000000000"]],
    [["InstanceId.1.Id", "i-00000000000000000"]],
    [["instanceId.1", "i-00000000000000000"]],
    [
      ["InstanceId", "i-00000000000000000"],
      ["InstanceId.1", "i-00000000000000000"],
    ],
    [["InstanceId.1", "*"]],
    [["InstanceId.1", "i-%"]],
  ] as const;
  for (const action of [
    "DescribeInstances",
    "StopInstances",
    "TerminateInstances",
    "RebootInstances",
  ])
    for (const fields of refused) {
      const { status, code } = await ask(platform, action, fields);
      assert.equal(status, 400, `${action} ${JSON.stringify(fields)}: ${code}`);
    }
  for (const action of ["StopInstances", "TerminateInstances", "RebootInstances", "StartInstances"])
    assert.equal((await ask(platform, action)).code, "MissingParameter", action);
});

test("lists begin at 0 or 1 or are one value, and empty values mean absent", async () => {
  for (const name of ["ZoneName.0", "ZoneName.1", "ZoneName", "ZoneName.7"])
    assert.equal(
      (await ask(platform, "DescribeAvailabilityZones", [[name, "default"]])).status,
      200,
      name,
    );
  const { status } = await ask(platform, "DescribeInstances", [
    ["MaxResults", ""],
    ["NextToken", ""],
  ]);
  assert.equal(status, 200);
});

test("each version is answered in its own namespace, with the slash at its end", async () => {
  for (const version of ["2016-11-15", "2014-10-01", "2014-06-15"]) {
    const body = formOf([
      ["Action", "DescribeRegions"],
      ["Version", version],
    ]);
    const { text } = await send(platform, signedHeaders(platform, body), body);
    assert.match(text, new RegExp(`xmlns="http://ec2\\.amazonaws\\.com/doc/${version}/"`));
  }
});

test("more than anybody needs is refused before it costs anything", async () => {
  const many = (count: number) =>
    Array.from({ length: count }, (_, at) => [`Filter.${at + 1}.Name`, "instance-id"] as const);
  assert.equal((await ask(platform, "DescribeInstances", many(10_000))).status, 400);
  assert.equal((await ask(platform, "DescribeInstances", many(400))).code, "FilterLimitExceeded");
  const ids = Array.from(
    { length: 20_000 },
    (_, at) => [`InstanceId.${at}`, "i-00000000000000000"] as const,
  );
  assert.ok((await ask(platform, "DescribeInstances", ids)).status >= 400);
  const deep = `Filter${".1".repeat(5_000)}`;
  assert.equal((await ask(platform, "DescribeInstances", [[deep, "x"]])).code, "UnknownParameter");
  const big = "x".repeat(600 * 1024);
  assert.equal(
    (await ask(platform, "DescribeInstances", [["NextToken", big]])).code,
    "RequestEntityTooLarge",
  );
  const stars = [
    ["Filter.1.Name", "tag:a"],
    ["Filter.1.Value.1", `${"*a".repeat(500)}b`],
  ] as const;
  assert.equal((await ask(platform, "DescribeInstances", stars)).status, 200);
});

test("what is no text, no form or no HTTP is refused in EC2's words", async () => {
  const raw = (body: string | Buffer, bent = {}) =>
    send(platform, signedHeaders(platform, body, bent), body);
  assert.equal((await raw("Action=%ff%fe")).code, "MalformedQueryString");
  assert.equal((await raw("Action=%zz")).code, "MalformedQueryString");
  assert.equal((await raw(Buffer.from([0xff, 0xfe, 0x00]))).code, "MalformedQueryString");
  assert.equal((await raw("{}", { contentType: "application/json" })).code, "UnsupportedMediaType");
  assert.equal((await raw("")).code, "MissingAction");
  assert.equal((await raw("Action=%3Cscript%3E")).code, "InvalidAction");
  assert.equal((await raw("Action=DescribeInstances&Version=2099-01-01")).code, "NoSuchVersion");
  assert.equal(
    (await ask(platform, "DescribeInstances", [["__proto__", "x"]])).code,
    "UnknownParameter",
  );
  assert.equal(
    (await ask(platform, "DescribeInstances", [["constructor.1", "x"]])).code,
    "UnknownParameter",
  );
  const put = await send(platform, {}, "", "/", "PUT");
  assert.equal(put.status, 405);
  const { hostname, port } = new URL(endpoint(platform));
  const answer = await new Promise<string>((resolve) => {
    const socket = connect(Number(port), hostname, () => socket.write("this is no HTTP\r\n\r\n"));
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk;
    });
    socket.on("close", () => resolve(text));
  });
  assert.match(answer, /<Code>MalformedHTTPRequest<\/Code>/);
});

test("what users write comes back as they wrote it, whatever XML thinks of it", async () => {
  const hostile = `<a b="c">&amp;]]>'"\u0085\u2028\t\n${"\u{1F980}"} --><!--`;
  const { text } = await ask(platform, "CreateSecurityGroup", [
    ["GroupName", "hostile"],
    ["GroupDescription", "of a test"],
    ["TagSpecification.1.ResourceType", "security-group"],
    ["TagSpecification.1.Tag.1.Key", "say"],
    ["TagSpecification.1.Tag.1.Value", hostile.replace("\u0085", "")],
  ]);
  assert.equal(xmlFault(text), undefined, text);
  const shown = await ask(platform, "DescribeSecurityGroups", [["GroupName.1", "hostile"]]);
  assert.equal(xmlFault(shown.text), undefined, shown.text);
  const value = /<key>say<\/key><value>([^<]*)<\/value>/.exec(shown.text)?.[1] ?? "";
  const plain = value
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
  assert.equal(plain, hostile.replace("\u0085", ""));
  const nul = await ask(platform, "CreateTags", [
    ["ResourceId.1", "sg-00000000000000000"],
    ["Tag.1.Key", "a\0b"],
  ]);
  assert.equal(nul.code, "InvalidParameterValue");
});

test("who signs wrongly again and again is told to slow down, and who has a key is let in from the same address", async () => {
  const settings = { "access.nobody_rate": 1, "access.nobody_burst": 5 };
  for (const [name, value] of Object.entries(settings))
    await platform.call("PUT", `/v1/settings/${name}`, { value });
  const guesses = await Promise.all(
    Array.from({ length: 30 }, (_, n) =>
      n % 2 === 0
        ? ask(platform, "DescribeRegions", [], { secret: `guess-${n}` })
        : ask(platform, "DescribeRegions", [], { token: `HFNOBODY${n}:secret` }),
    ),
  );
  const slowed = guesses.filter(({ code }) => code === "RequestLimitExceeded");
  assert.ok(slowed.length >= 15, `${slowed.length} of 30`);
  for (const { status } of slowed) assert.equal(status, 503);
  assert.ok(guesses.some(({ code }) => code === "SignatureDoesNotMatch" || code === "AuthFailure"));
  assert.equal((await ask(platform, "DescribeRegions")).status, 200);
  for (const name of Object.keys(settings))
    await platform.call("PUT", `/v1/settings/${name}`, { value: null });
});
