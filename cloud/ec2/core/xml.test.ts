import assert from "node:assert/strict";
import { test } from "node:test";
import { answerXml, errorXml, text } from "./xml.ts";

const envelope = { version: "2016-11-15", requestId: "r" };

test("an answer is in the namespace of its version, with the slash at its end", () => {
  const asked = { KeyPairs: [{ KeyName: "<me>" }] };
  const xml = [...answerXml("DescribeKeyPairs", asked, envelope)].join("");
  assert.equal(
    xml,
    '<?xml version="1.0" encoding="UTF-8"?>\n<DescribeKeyPairsResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><requestId>r</requestId><keySet><item><keyName>&lt;me&gt;</keyName></item></keySet></DescribeKeyPairsResponse>',
  );
});

test("an action without an answer of its own says that it is done", () => {
  assert.match([...answerXml("RebootInstances", {}, envelope)].join(""), /<return>true<\/return>/);
});

test("what XML cannot hold never gets into it", () => {
  assert.equal(text("a&<>\"'\r\n\tz"), "a&amp;&lt;&gt;&quot;&apos;&#13;\n\tz");
  assert.equal(text("\0\ud800\uffff"), "\ufffd\ufffd\ufffd");
  assert.match(errorXml("A", "]]>", "r"), /\]\]&gt;/);
});
