/** What fields in the messages between managers and agents are made of. */
import { z } from "zod";

export const id = <Kind extends string>() => z.uuid().transform((text) => text as Kind); // Checked just before.
export const generation = z.number().int().nonnegative();
export const milliseconds = z.number().nonnegative();
