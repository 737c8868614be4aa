/**
 * The templates of one host: made in the background when somebody could have used one, found for the next.
 *
 * A start never waits here: it is told of a template that is whole, or boots. And a template is only made while no
 * guest boots, so that whoever comes first is not slowed down by what is made for the second.
 */
import type { Wish } from "@holdfast/cloud/hosts";
import type { Hypervisor, TemplateSpec } from "@holdfast/drivers/hypervisor";
import { after, type Clock, type Instant, minutes, seconds, since } from "@holdfast/kernel/time";
import { type Kept, surplus } from "../core/templates.ts";
import { isBooting } from "./booting.ts";
import type { Provided } from "./provisions.ts";
import type { Standbys } from "./standbys.ts";

/** Where they are. A directory that is not sealed is of no use to anybody. */
export interface TemplateShelf {
  /** Those that were sealed. What was half made is deleted. */
  load(): Promise<readonly Kept[]>;
  /** A new, empty directory. */
  make(): Promise<string>;
  /** It is whole; or it was used. */
  seal(template: Kept): Promise<void>;
  remove(directory: string): Promise<void>;
}

export interface Templates {
  open(): Promise<void>;
  /** The directory of one that fits; if there is none, it is begun. Undefined for images that do not start warm. */
  find(wish: Wish, spec: Provided): Promise<string | undefined>;
  /** A start has found it of no use. */
  discard(directory: string): Promise<void>;
  /** Resolves when nothing is being made, or written down. For tests and benchmarks. */
  settled(): Promise<void>;
  close(): void;
}

export interface TemplatesDeps {
  readonly hypervisor: Hypervisor;
  readonly shelf: TemplateShelf;
  /** How many bytes they may take; zero is none. */
  readonly limit: number;
  /** Who has processes read their memory ahead. */
  readonly standbys?: Pick<Standbys, "used" | "gone">;
  readonly clock: Clock;
  readonly log: (message: string, about: Record<string, unknown>) => void;
}

/** Emulated and on a busy host a boot may take minutes. */
const makingTime = minutes(10);
/** What could not be made is not tried again for so long. */
const pause = minutes(60);
const betweenLooks = seconds(1);
/** Which was used last need not be known to the second by an agent that is started later, and to write it down is not free. */
const betweenNotes = minutes(1);

export function templates(deps: TemplatesDeps): Templates {
  const { hypervisor, shelf, limit, standbys, clock, log } = deps;
  const kept = new Map<string, Kept>();
  /** When it was last used, as the shelf has it. */
  const writtenAt = new Map<string, Instant>();
  const making = new Set<string>();
  const failed = new Map<string, Instant>();
  let line: Promise<void> = Promise.resolve();
  let noted: Promise<void> = Promise.resolve();
  let isOpen = true;

  return {
    async open() {
      for (const template of await shelf.load()) keep(template);
      await makeRoom();
    },

    async find(wish, { cpus, memoryMiB, boot }) {
      const direct = wish.spec?.image.direct;
      if (limit <= 0 || !wish.spec?.image.warm || !direct || boot === "firmware") return undefined;
      const spec: TemplateSpec = { cpus, memoryMiB, boot };
      const key = await hypervisor.templateKey(spec, [direct.kernel, direct.initrd]);
      const found = kept.get(key);
      if (!found) return void begin(key, spec);
      kept.set(key, { ...found, usedAt: clock.now() });
      noted = noted.then(() => note(key)).catch(() => {}); // It only loses its place in the line.
      standbys?.used(found.directory, spec);
      return found.directory;
    },

    async discard(directory) {
      const found = [...kept.values()].find((each) => each.directory === directory);
      if (!found) return;
      failed.set(found.key, clock.now());
      await remove(found);
    },

    async settled() {
      await line;
      await noted;
    },
    close() {
      isOpen = false;
    },
  };

  function begin(key: string, spec: TemplateSpec): void {
    const failedAt = failed.get(key);
    if (making.has(key) || (failedAt !== undefined && clock.now() < after(failedAt, pause))) return;
    making.add(key);
    line = line
      .then(() => make(key, spec))
      .catch((error: unknown) => {
        failed.set(key, clock.now());
        if (isOpen) log("could not make a template", { error });
      })
      .finally(() => making.delete(key));
  }

  async function make(key: string, spec: TemplateSpec): Promise<void> {
    while (isOpen && isBooting(hypervisor, clock)) await clock.sleep(betweenLooks);
    if (!isOpen) return;
    const directory = await shelf.make();
    const begun = clock.now();
    try {
      const bytes = await hypervisor.makeTemplate(spec, directory, makingTime);
      const template = { directory, key, bytes, usedAt: clock.now() };
      await shelf.seal(template);
      keep(template);
      failed.delete(key);
      const { cpus, memoryMiB } = spec;
      log("made a template", { directory, bytes, cpus, memoryMiB, took: clock.now() - begun });
      standbys?.used(directory, spec);
    } catch (error) {
      await shelf.remove(directory).catch(() => {}); // The next start of the agent deletes it.
      throw error;
    }
    await makeRoom();
  }

  function keep(template: Kept): void {
    kept.set(template.key, template);
    writtenAt.set(template.key, template.usedAt);
  }

  async function note(key: string): Promise<void> {
    const used = kept.get(key);
    const written = writtenAt.get(key);
    if (!used || written === undefined) return;
    // Also where the clock was set back: then it is before what is written.
    if (Math.abs(since(written, used.usedAt)) <= betweenNotes) return;
    await shelf.seal(used);
    if (writtenAt.has(key)) writtenAt.set(key, used.usedAt);
  }

  async function makeRoom(): Promise<void> {
    for (const template of surplus([...kept.values()], limit)) await remove(template);
  }

  async function remove(template: Kept): Promise<void> {
    if (kept.get(template.key)?.directory === template.directory) {
      kept.delete(template.key);
      writtenAt.delete(template.key);
    }
    standbys?.gone(template.directory);
    await shelf.remove(template.directory);
  }
}
