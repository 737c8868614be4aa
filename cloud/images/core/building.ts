/**
 * What the program that builds images says while it works, one JSON line for each word. It runs where the
 * command line runs and needs root there; the manager never sees it, only the image that comes of it.
 *
 * It keeps what it has made until its standard input ends, and deletes it then: so nothing is left behind,
 * however whoever asked for it comes to an end.
 */
import { z } from "zod";

export const BuildWord = z.discriminatedUnion("is", [
  /** Debian packages of this machine that are about to be installed. */
  z.object({
    is: z.literal("lacking"),
    packages: z.array(z.object({ name: z.string(), why: z.string() })),
  }),
  z.object({ is: z.literal("step"), step: z.string() }),
  z.object({
    is: z.literal("built"),
    /** A qcow2 image, on this machine. */
    file: z.string(),
    bytes: z.number(),
    smallestMemoryMiB: z.number(),
    bootSeconds: z.number(),
    /** What is in it, for people. */
    says: z.string(),
  }),
  z.object({
    is: z.literal("failed"),
    /** A ProblemView. */
    problem: z.looseObject({ kind: z.string(), code: z.string(), message: z.string() }),
  }),
]);
export type BuildWord = z.output<typeof BuildWord>;
export type Built = Extract<BuildWord, { is: "built" }>;

/** The recipes that there are. */
export const recipes = ["debian-12"] as const;
