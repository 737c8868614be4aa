/** Types, images, settings and projects for people. */

import type { ReplyOf } from "@holdfast/client/client";
import type { listProjects } from "@holdfast/cloud/access/api";
import type { ImageView } from "@holdfast/cloud/images/api";
import type { SettingView } from "@holdfast/cloud/settings/api";
import type { TypeView } from "@holdfast/cloud/types/api";
import type { Instant } from "@holdfast/kernel/time";
import { type Cell, facts, type Paint, table } from "./table.ts";
import { tagColumn, tagWords } from "./tags.ts";
import { speed } from "./volumes.ts";
import { bytes, memory, relative } from "./words.ts";

export const typeTable = (types: readonly TypeView[], paint: Paint) =>
  table(
    ["NAME", "CPUS", "MEMORY", "DISK", "DISK SPEED"],
    types.map(({ name, cpus, memoryMiB, diskGiB, diskIops, diskBytesPerSecond }) => [
      name,
      String(cpus),
      memory(memoryMiB),
      `${diskGiB} GiB`,
      speed({ iops: diskIops, bytesPerSecond: diskBytesPerSecond }),
    ]),
    paint,
  );

const tones = { importing: "busy", ready: "good", failed: "bad", deleted: "dim" } as const;
const stateOf = ({ state }: ImageView): Cell => ({ text: state, tone: tones[state] });

export function imageTable(images: readonly ImageView[], now: Instant, paint: Paint): string {
  const tags = tagColumn(images);
  return table(
    ["NAME", "STATE", "DISK", "FOR", "AGE", ...tags.heads, "SOURCE", "PROBLEM"],
    images.map((image) => [
      image.name,
      stateOf(image),
      image.bytes === null ? "-" : bytes(image.bytes),
      image.project ?? "everybody",
      relative(image.createdAt, now),
      ...tags.of(image),
      image.source,
      image.problem?.message ?? "",
    ]),
    paint,
  );
}

export function imageDetails(image: ImageView, now: Instant, paint: Paint): string {
  const pairs: readonly (readonly [string, Cell | undefined])[] = [
    ["id", image.id],
    ["for", image.project ?? "everybody"],
    ["source", image.source],
    ["disk", image.bytes === null ? undefined : bytes(image.bytes)],
    ["encrypted", image.encrypted ? "yes, and so is what is made of it" : undefined],
    ["starts", image.warm ? "warm, where its host has a template" : undefined],
    ["created", relative(image.createdAt, now)],
    ["tags", tagWords(image.tags)],
    ["shared with", image.sharedWith.join(", ") || undefined],
    ["problem", image.problem ? { text: image.problem.message, tone: "bad" } : undefined],
    ["fix", image.problem?.fix],
    ["manifest", image.manifest ? JSON.stringify(image.manifest) : undefined],
  ];
  return `${paint("strong", image.name)}  ${paint(tones[image.state], image.state)}\n${facts(pairs, paint)}`;
}

/** `columns` is how wide the terminal is: meanings are sentences, and are wrapped below their heading. */
export function settingTable(
  settings: readonly ReturnType<typeof SettingView.parse>[],
  columns: number,
  paint: Paint,
): string {
  const widest = (texts: readonly string[]) => Math.max(0, ...texts.map((text) => text.length));
  const used =
    widest(settings.map(({ name }) => name)) +
    widest(["VALUE", ...settings.map(({ value }) => String(value))]) +
    widest(["DEFAULT", ...settings.map((one) => String(one.default))]) +
    widest(settings.map(({ unit }) => unit)) +
    8;
  const rows = settings.flatMap(({ name, value, unit, isDefault, meaning, ...rest }) => {
    const [first = "", ...others] = wrapped(meaning, Math.max(30, columns - used));
    const shown: Cell = isDefault ? String(value) : { text: String(value), tone: "strong" };
    return [
      [name, shown, String(rest.default), unit, first],
      ...others.map((line) => ["", "", "", "", line]),
    ];
  });
  return table(["NAME", "VALUE", "DEFAULT", "UNIT", "MEANING"], rows, paint);
}

/** Lines of at most `width` characters, broken between words. */
export function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  for (const word of text.split(/\s+/)) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= width)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines;
}

export const projectTable = (
  projects: ReplyOf<typeof listProjects>["projects"],
  now: Instant,
  paint: Paint,
) =>
  table(
    ["NAME", "ORGANISATION", "CREATED", "ID"],
    projects.map(({ name, organisation, createdAt, id }) => [
      name,
      organisation,
      relative(createdAt, now),
      id,
    ]),
    paint,
  );
