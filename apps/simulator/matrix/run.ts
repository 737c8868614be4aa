/** `holdfast sim --matrix`: prints a line for each operation as it is done, and keeps the rows in a file. */
import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { problem } from "@holdfast/kernel/problem";
import { type Databases, openDatabases } from "../server.ts";
import { lineText } from "../text.ts";
import { giveBackTime, takeOverTime } from "../time.ts";
import { real } from "../timers.ts";
import type { Point } from "./crasher.ts";
import { type Row, referenceOf, rowOf, type Tried } from "./matrix.ts";
import type { Operation } from "./operation.ts";
import { operations } from "./operations/table.ts";
import { heading, lineOf } from "./page.ts";
import { tryOne } from "./trial.ts";

export interface MatrixOptions {
  readonly only?: readonly string[];
  /** One point, told in full. */
  readonly point?: number;
  /** No more points than this of each operation. */
  readonly most?: number;
  /** Rows of operations that were tried take the places of theirs in it. */
  readonly file?: string;
}

/** False if anything is broken. */
export async function runMatrix({ only, point, most, file }: MatrixOptions): Promise<boolean> {
  const chosen = chosenOf(only);
  const databases = await openDatabases();
  takeOverTime();
  let isWell = true;
  try {
    if (point !== undefined) return await tellOne(chosen, point, databases);
    console.log(heading);
    for (const operation of chosen) {
      const began = real.now();
      const row = await rowOf(
        operation,
        databases,
        (tried) => {
          if (tried.trial.outcome === undefined) isWell = false;
          explain(operation, tried);
        },
        most,
      );
      if (file) keep(file, row);
      console.log(lineOf(row));
      const each = (real.now() - began) / Math.max(1, row.points);
      process.stderr.write(`  ${operation.name}: ${each.toFixed(0)} ms a point\n`);
    }
  } finally {
    giveBackTime();
    await databases.close();
  }
  return isWell;
}

function chosenOf(only: readonly string[] | undefined): readonly Operation[] {
  const chosen = operations.filter(({ name }) => !only || only.includes(name));
  const unknown = only?.find((name) => !operations.some((operation) => operation.name === name));
  if (unknown === undefined) return chosen;
  throw problem("invalid", "simulation_option_wrong", `--operation cannot be ${unknown}.`, {
    fix: `There are: ${operations.map(({ name }) => name).join(", ")}`,
  });
}

async function tellOne(
  [operation]: readonly Operation[],
  index: number,
  databases: Databases,
): Promise<boolean> {
  if (!operation) return true;
  const reference = await referenceOf(operation, databases);
  const point = reference.points[index];
  if (!point)
    throw problem("invalid", "simulation_option_wrong", `--point cannot be ${index}.`, {
      fix: `${operation.name} has the points 0 to ${reference.points.length - 1}`,
    });
  const trial = await tryOne(operation, databases, { reference, point });
  for (const line of trial.lines) console.log(lineText(line));
  console.log(`${wordsOf(point)}: ${trial.outcome ?? `broken: ${trial.wrong.join("; ")}`}`);
  return trial.outcome !== undefined;
}

function explain({ name }: Operation, { point, trial, index }: Tried): void {
  if (trial.outcome !== undefined) return;
  console.log(`${name}, ${wordsOf(point)}: broken: ${trial.wrong.join("; ")}`);
  console.log(`  See it again: holdfast sim --matrix --operation ${name} --point ${index}`);
}

const wordsOf = ({ process, does, moment }: Point) => `${process}, ${moment} it ${does}`;

/** Whole at every moment: a pass that is broken off loses what it was at. */
function keep(file: string, row: Row): void {
  const rows: readonly Row[] = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
  const places = operations.map(({ name }) => name);
  const all = [...rows.filter(({ operation }) => operation !== row.operation), row]
    .filter(({ operation }) => places.includes(operation))
    .sort((one, other) => places.indexOf(one.operation) - places.indexOf(other.operation));
  writeFileSync(`${file}.new`, textOf(all));
  renameSync(`${file}.new`, file);
}

/** A line for each kind of point, so that what has changed can be seen. */
function textOf(rows: readonly Row[]): string {
  const text = rows.map(({ came, ...row }) => {
    const lines = came.map((one) => `    ${JSON.stringify(one)}`).join(",\n");
    return `  ${JSON.stringify(row).slice(0, -1)},"came":[\n${lines}\n  ]}`;
  });
  return `[\n${text.join(",\n")}\n]\n`;
}
