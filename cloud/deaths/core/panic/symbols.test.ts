/** Symbols as compilers write them, and as people say them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { readable } from "./symbols.ts";

const table: Readonly<Record<string, string>> = {
  tcp_sendmsg: "tcp_sendmsg",
  _Z4frobii: "frob",
  _ZN4frob3dev4openEv: "frob::dev::open",
  _ZN4frob4open17h0123456789abcdefE: "frob::open",
  _RNvNtCs5_4frob3dev4open: "frob::dev::open",
  _RNvMCs5_4frobNtB2_4Frob4open: "<frob::Frob>::open",
  _RNvXCs5_4frobNtB2_4FrobNtCs6_6kernel4File4mmap: "<frob::Frob as kernel::File>::mmap",
  // What cannot be decoded stays as it is.
  _RINvCs5_4frob4openlE: "_RINvCs5_4frob4openlE",
  _R: "_R",
  _Z: "_Z",
  _ZN999abc: "_ZN999abc",
};

for (const [symbol, name] of Object.entries(table))
  test(`${symbol} is ${name}`, () => assert.equal(readable(symbol), name));

test("no symbol makes it throw or run away", () => {
  const letters = fc.constantFrom(..."NvCsXMYBt_0123456789abZE");
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 80 }),
      fc.constantFrom("_R", "_Z"),
      (rest, scheme) => {
        assert.equal(typeof readable(scheme + rest.join("")), "string");
      },
    ),
    { numRuns: 2_000 },
  );
});
