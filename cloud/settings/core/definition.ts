/**
 * What is said of a setting where it is defined: its unit, its default, what it means, and which values it may have.
 *
 * The meaning is written for whoever reads `holdfast settings`; where the number comes from is part of it.
 */
import { z } from "zod";

export interface Definition<T> {
  readonly unit: string;
  readonly byDefault: T;
  readonly meaning: string;
  readonly shape: z.ZodType<T>;
}

const between =
  (shape: z.ZodNumber) =>
  (unit: string, byDefault: number, [least, most]: readonly [number, number], meaning: string) =>
    ({ unit, byDefault, meaning, shape: shape.min(least).max(most) }) satisfies Definition<number>;

/** From the least to the most that make sense, both included. */
export const number = between(z.number());
/** The same, without fractions. */
export const whole = between(z.number().int());

export const text = (unit: string, byDefault: string, shape: RegExp, meaning: string) =>
  ({ unit, byDefault, meaning, shape: z.string().regex(shape) }) satisfies Definition<string>;
