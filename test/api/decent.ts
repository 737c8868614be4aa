/**
 * What every answer of the API must be, whatever was asked.
 *
 * A refusal is a Problem of its own kind's status, with a code that the operation declares and a way out.
 * Nothing in it may come from behind the API: no stack, no SQL, no path of a file.
 */
import assert from "node:assert/strict";
import { type Kind, kinds, type ProblemView } from "@holdfast/kernel/problem";
import { ProblemShape } from "@holdfast/kernel/shapes";
import { z } from "zod";
import type { Operation } from "./document.ts";
import type { Reply } from "./wire.ts";

/** Nobody sends these, so whoever sees them sees our insides. */
const insides =
  /\n\s+at |node:internal|node_modules|\.[jt]s:\d+|violates|constraint "|relation "|syntax error at|invalid (input|byte)|duplicate key|unsupported Unicode|ECONN|_readableState|\/(apps|cloud|drivers|kernel|store)\//;

/** Refusals that come before any operation is known. */
const before = new Map([
  ["route_not_found", 404],
  ["invalid_request", 400],
]);

const Strict = z.strictObject(ProblemShape.shape);

/** The parsed body, and as a Problem if it is one. Fails when the answer is not decent. */
export function decent(
  { status, headers, text }: Reply,
  operation?: Operation,
): { readonly body: unknown; readonly problem: ProblemView | undefined } {
  const says = `${status} ${text.slice(0, 1_000)}`;
  assert.ok((status >= 200 && status < 500) || status === kinds.exhausted.status, says);
  assert.match(String(headers["content-type"]), /^application\/json/, says);
  assert.doesNotMatch(text, insides);
  const body: unknown = JSON.parse(text);
  if (status < 400) {
    assert.ok(!operation || operation.reply.status === status, says);
    return { body, problem: undefined };
  }
  const problem = Strict.parse(body) as ProblemView; // With any word for a kind; looked at next.
  assert.ok(Object.hasOwn(kinds, problem.kind), says);
  assert.equal(status, kinds[problem.kind as Kind].status, says);
  const isDeclared =
    before.get(problem.code) === status || operation?.codes.get(problem.code) === status;
  assert.ok(
    isDeclared || !operation,
    `${operation?.method} ${operation?.path} does not declare ${says}`,
  );
  assert.ok(problem.message.length > 0 && problem.message.length < 1_000, says);
  assert.ok(problem.fix, `no fix: ${says}`);
  if (problem.code === "invalid_request") {
    assert.ok(problem.faults?.length, `no faults: ${says}`);
    for (const { field, reason } of problem.faults) assert.ok(field && reason, says);
  }
  assert.ok(text.length < 20_000, `${text.length} bytes of refusal`);
  return { body, problem };
}
