import assert from "node:assert/strict";
import { test } from "node:test";
import { Refusal } from "./errors.ts";
import { filtering, isLike, likeOf, type Tag, wantedTag } from "./filters.ts";

interface Thing {
  readonly colour: string;
  readonly sizes: readonly string[];
  readonly tags: readonly Tag[];
}
const known = { colour: ({ colour }: Thing) => colour, size: ({ sizes }: Thing) => sizes };
const thing: Thing = { colour: "red", sizes: ["1", "2"], tags: [{ Key: "Name", Value: "web" }] };
const passes = (...filters: readonly { Name?: string; Values?: readonly string[] }[]) =>
  filtering(filters, known, ({ tags }) => tags)(thing);

test("all filters must hold, of each any value", () => {
  assert.equal(passes(), true);
  assert.equal(passes({ Name: "colour", Values: ["blue", "red"] }), true);
  assert.equal(passes({ Name: "colour", Values: ["red"] }, { Name: "size", Values: ["3"] }), false);
  assert.equal(
    passes({ Name: "size", Values: ["2"] }, { Name: "tag:Name", Values: ["web"] }),
    true,
  );
  assert.equal(passes({ Name: "tag:Other", Values: ["*"] }), false);
  assert.equal(passes({ Name: "tag-key", Values: ["N?me"] }), true);
});

test("a tag whose values are plain is what need be looked at; one with any letter in it says nothing", () => {
  const name = { Name: "tag:Name", Values: ["web", "db"] };
  const like = { Name: "tag:stage", Values: ["te*"] };
  assert.deepEqual(wantedTag([like, { Name: "tag-key", Values: ["x"] }, name]), {
    ...{ key: "Name", values: ["web", "db"] },
  });
  assert.equal(wantedTag([like]), undefined);
  assert.equal(wantedTag([{ Name: "tag:Name" }]), undefined);
  assert.equal(wantedTag(undefined), undefined);
});

test("a filter that is not known, has no values or is one too many is refused", () => {
  for (const filter of [
    { Name: "shape", Values: ["x"] },
    { Name: "colour" },
    { Values: ["x"] },
    { Name: "toString", Values: ["x"] },
  ])
    assert.throws(() => passes(filter), Refusal);
  const many = Array.from({ length: 51 }, () => ({ Name: "colour", Values: ["red"] }));
  assert.throws(
    () => passes(...many),
    (error: unknown) => error instanceof Refusal && error.code === "FilterLimitExceeded",
  );
});

test("wildcards stand for what they should, and a backslash takes that from them", () => {
  const cases: readonly (readonly [pattern: string, text: string, is: boolean])[] = [
    ["*", "", true],
    ["a*c", "abbc", true],
    ["a*c", "abb", false],
    ["a?c", "abc", true],
    ["a?c", "ac", false],
    ["a\\*c", "a*c", true],
    ["a\\*c", "abc", false],
    ["?", "\u{1F980}", true],
    ["*b*d", "abcd", true],
    ["", "a", false],
  ];
  for (const [pattern, text, is] of cases)
    assert.equal(isLike(text, likeOf(pattern)), is, `${pattern} ${text}`);
});

test("a hostile pattern takes no longer than its length says", () => {
  const begun = performance.now();
  assert.equal(isLike("a".repeat(1_000), likeOf(`${"*a".repeat(500)}b`)), false);
  assert.ok(performance.now() - begun < 1_000);
});
