/** What the matrix is made of: something that somebody wants, or that befalls a host, and that takes several steps. */
import type { Answer } from "../keep.ts";
import type { Station } from "../station.ts";
import type { World } from "../world.ts";
import { project, type User } from "./user.ts";

export interface Stage {
  readonly world: World;
  readonly user: User;
  ask(method: string, path: string, body?: unknown): Promise<Answer>;
  /** Of the default project. Rejects if it is refused: for what has to be so before anything is tried. */
  must(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /** Until nothing is under way. */
  rest(): Promise<void>;
  until(what: string, isSo: () => Promise<boolean>): Promise<void>;
}

export interface Operation {
  /** As it is called on the command line. */
  readonly name: string;
  /** What must be there first. */
  readonly prepare?: (stage: Stage) => Promise<unknown>;
  /** Points count from here on. Resolves when everything was asked for; what comes of it may take its time. */
  readonly act: (stage: Stage) => Promise<unknown>;
  readonly settings?: Readonly<Record<string, number | string>>;
  /** In which everything must have come to its end; milliseconds of the world, longer than any deadline if absent. */
  readonly within?: number;
  /** Other ends than those of the run without a crash that are right as well: what is told, and what there is then. */
  readonly also?: readonly Also[];
}

export interface Also {
  readonly is: string;
  /** Lines of the census that are there instead of others, and those. */
  readonly when: (more: readonly string[], less: readonly string[], isKept: boolean) => boolean;
}

export const at = project;

/** An instance that runs. */
export async function make(stage: Stage, name = "web", more: object = {}): Promise<void> {
  await stage.must("POST", `${at}/instances`, { name, ...more });
  await stage.rest();
}

/** The host that it runs on. */
export async function homeOf({ world }: Stage, name = "web"): Promise<Station> {
  const site = world.sites.find(({ station }) =>
    station.running().some(({ spec }) => spec.name === name),
  );
  if (!site) throw new Error(`${name} runs nowhere`);
  return site.station;
}

/** Of the only row of a table, or of this part of it. */
export async function idOf({ sql }: World, table: string): Promise<string> {
  const [row] = await sql.query<{ id: string }>(
    `select id::text as id from ${table} order by id limit 1`,
  );
  if (!row) throw new Error(`there is no ${table}`);
  return row.id;
}
